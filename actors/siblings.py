"""
Restarts that concern siblings: what failed is retired, so are those its strategy names, and all come back in order.

They go in reverse start order and come back in start order, each after the one before it runs; what is temporary goes
for good. Refs, mailboxes and watchers stay, as in any restart. A supervisor does nothing else meanwhile.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

from .cell import DEAD, SUSPENDED, ActorRef
from .ending import KILL_GRACE, abandon, patience_for, stop_children_of
from .future import LoopFuture
from .ops import Rebuild, Regroup, Retire, Revive
from .supervision import affected

if TYPE_CHECKING:
    Cell = ActorRef[Any]


async def regroup(cell: Cell, op: Regroup) -> None:
    """A child has failed and is retired; sends its siblings away and brings the group back after the back-off."""
    failed: Any = op.failed
    group = affected(cell._relations().supervision.strategy, cell.children(), failed)
    for sibling in reversed(group):
        if sibling is not failed:
            await _send_away(sibling)
    staying = tuple(child for child in group if child._phase != DEAD)
    if op.delay > 0:
        cell._env.dispatcher.loop.call_later(op.delay, cell._post, Revive(staying, op.delay))
    else:
        await revive(Revive(staying, 0.0))


async def revive(op: Revive) -> None:
    """Brings retired children back, one after the other; one that fails to start is its supervisor's next op."""
    for child in op.group:
        ref: Any = child
        if ref._phase == SUSPENDED and ref._actor is None:
            done: LoopFuture[bool] = LoopFuture()
            ref._post(Rebuild(op.delay, done))
            await _settled(done, inf)


async def _send_away(sibling: Cell) -> None:
    if sibling._spec.restart == "temporary":
        await stop_children_of((sibling,), drain=False)
        return
    if sibling._phase == DEAD:
        return
    done: LoopFuture[bool] = LoopFuture()
    sibling._post(Retire(done))
    if await _settled(done, patience_for(sibling)):
        return
    if sibling._suspension is not None:
        sibling._suspension.cancel()
    if not await _settled(done, KILL_GRACE):
        abandon(sibling)


async def _settled(done: LoopFuture[bool], timeout: float) -> bool:
    """Whether it was settled in time; a kill of the supervisor cancels this wait and ends its op."""
    try:
        async with asyncio.timeout(None if timeout == inf else timeout):
            await done
    except TimeoutError:
        return False
    return True
