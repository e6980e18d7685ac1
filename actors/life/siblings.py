"""
Restarts that concern siblings: what failed is retired, so are those its strategy names, and all come back in order.

Theory of operation. They go in reverse start order and come back in start order, each when the one before it runs; what
is temporary goes for good. Refs, mailboxes and watchers stay, as in any restart. Who is under way is kept in a `Group`:

    a child fails --gather--> it retires --Regroup--> its siblings retire --back-off--> Revive, once per child

A sibling that fails, or is killed, while it waits to be retired joins the group: one cause is one restart, as in OTP,
where its exit is taken in while it is terminated. One that fails to start is charged, and fetched with those its
strategy names; those behind it wait for that. The supervisor waits only while siblings go, and those have deadlines.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

from ..cell.cell import DEAD, RUNNING, STOPPING, SUSPENDED, ActorRef
from ..future import LoopFuture
from ..mail.ops import Rebuild, Regroup, Retire, Revive
from ..supervision import affected
from .burial import strip
from .grace import abandon, let_go
from .send_off import grace_for, patience_for, stop_some

if TYPE_CHECKING:
    Cell = ActorRef[Any]


class Group:
    """Children of one supervisor that are restarted together."""

    __slots__ = ("coming", "delay", "going", "members", "naps")

    def __init__(self) -> None:
        self.members: list[Cell] = []
        """Who is to come back and was not told yet, in start order."""
        self.going: set[Cell] = set()
        """Who failed and has not fetched its siblings yet; nobody comes back before that."""
        self.coming: Cell | None = None
        """Who was told to come back and does not run yet."""
        self.naps = 0
        """Back-offs under way."""
        self.delay = 0.0
        """The longest back-off of those who failed, in seconds."""


def is_retired(cell: Cell) -> bool:
    """Whether it has no instance and waits for the next one."""
    return cell._phase == SUSPENDED and cell._actor is None


def is_member(parent: Cell, cell: Cell) -> bool:
    """Whether a restart of its siblings will bring it back anyway."""
    group = parent._family.group if parent._family is not None else None
    return group is not None and cell in group.members


def gather(parent: Cell, failed: Cell) -> None:
    """A child failed, and its strategy names siblings: from here on their failures are part of this one."""
    group = _group(parent)
    group.going.add(failed)
    _take_in(parent, group, affected(parent._relations().supervision.strategy, parent.children(), failed))


def rejoin(cell: Cell) -> None:
    """A member failed and is retired now."""
    parent = cell._parent
    if parent is not None:
        _take_in(parent, _group(parent), (cell,))
        parent._post(Revive())


async def regroup(cell: Cell, op: Regroup) -> None:
    """A child has failed and is retired; sends its siblings away and brings the group back after the back-off."""
    group, failed = _group(cell), op.failed
    if failed not in group.going:  # another failure has fetched it, or it is gone
        return
    going = affected(cell._relations().supervision.strategy, cell.children(), failed)
    for sibling in reversed(going):
        if sibling is not failed:
            await _send_away(cell, sibling)
    group.going.difference_update(going)
    group.going.discard(failed)
    group.delay = max(group.delay, op.delay)
    _take_in(cell, group, going)
    if op.delay > 0:
        group.naps += 1
        cell._env.dispatcher.loop.call_later(op.delay, _wake, cell, group)
    else:
        revive(cell)


def revive(cell: Cell) -> None:
    """Tells the next one to come back, unless one is under way, or some have still to go."""
    group = cell._family.group if cell._family is not None else None
    if group is None or group.going or group.naps:
        return
    if group.coming is not None and group.coming._phase not in (RUNNING, DEAD):
        return
    group.coming = None
    while group.members:
        child = group.members[0]
        if child._phase == SUSPENDED and child._actor is not None:  # on its way out; it will say when
            return
        del group.members[0]
        if is_retired(child):
            group.coming = child
            child._post(Rebuild(group.delay))
            return
    cell._relations().group = None


def _group(parent: Cell) -> Group:
    family = parent._relations()
    if family.group is None:
        family.group = Group()
    return family.group


def _take_in(parent: Cell, group: Group, children: tuple[Cell, ...]) -> None:
    wanted = {*group.members, *children}
    if group.coming in children:  # it goes again
        group.coming = None
    group.members = [child for child in parent.children() if child in wanted and child._spec.restart != "temporary"]


def _wake(cell: Cell, group: Group) -> None:
    group.naps -= 1
    cell._post(Revive())


async def _send_away(parent: Cell, sibling: Cell) -> None:
    """It is retired when this returns; or dead, if it is temporary or was ending already."""
    if sibling._spec.restart == "temporary":
        await stop_some(parent, (sibling,), drain=False)
        return
    if sibling._phase == DEAD:
        return
    done: LoopFuture[bool] = LoopFuture()
    sibling._post(Retire(done))
    while not await _settled(done, patience_for(sibling)):
        if sibling._send_off is None or sibling._spec.shutdown is not None:
            break  # else it waits for its own children, who have deadlines
    else:
        return
    for _ in ("its handler", "its hook"):
        if sibling._suspension is not None:
            sibling._suspension.cancel()
        if await _settled(done, grace_for((sibling,))):
            return
        if sibling._phase >= STOPPING:
            abandon(sibling)
            return
        let_go(sibling)
        if done.done():  # it was its retirement that was closed
            break
        sibling._env.dispatcher.schedule(sibling)
    strip(sibling)


async def _settled(done: LoopFuture[bool], timeout: float) -> bool:
    """Whether it was settled in time; a kill of the supervisor cancels this wait and ends its op."""
    try:
        async with asyncio.timeout(None if timeout == inf else timeout):
            await done
    except TimeoutError:
        return False
    return True
