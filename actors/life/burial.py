"""
What is left of an actor that ends: nothing runs for it any more, its mail is accounted for, everybody is told.

Plain functions, on the loop's thread; `close` comes before the hooks of an ending, `bury` after them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pykka import ActorRegistry

from ..cell.cell import DEAD, STOPPING, SUSPENDED, ActorRef
from ..events import ActorFailed, ActorStopped
from ..mail.leftovers import drain, has_left, take_for_hook, undeliverable
from ..mail.ops import Revive, StopNow, settle
from ..mail.stash import take_up
from ..supervision import ends_supervisor
from .death_watch import notify_all

if TYPE_CHECKING:
    from ..supervision import ExitReason

    Cell = ActorRef[Any]


def is_registered(cell: Cell) -> bool:
    """pykka's registry is one list, 10-19 ms per removal at 100,000: only roots and named actors below one are in."""
    parent = cell._parent
    return cell._env.pykka_compatible or parent is None or bool(cell._name and parent._parent is None)


def close(cell: Cell, reason: ExitReason) -> None:
    """From here on it takes no more messages and is not alive."""
    cell._phase, cell._scheduled = STOPPING, True
    if reason != "stopped":
        cell._reason = reason
    if is_registered(cell):
        ActorRegistry.unregister(cell)


def end_side_jobs(cell: Cell) -> None:
    """Timers, piped awaitables and the receive timeout belong to one instance."""
    if cell._rare is None:
        return
    for job in (cell._timers, cell._pipes):
        if job is not None:
            job.cancel_all()
    if cell._idle is not None:
        cell._idle.cancel()
    cell._pipes = cell._idle = None


def end_back_off(cell: Cell) -> None:
    """It comes back otherwise, or later, or never."""
    back_off = cell._back_off
    if back_off is not None:
        back_off.cancel()
        cell._back_off = None


def strip(cell: Cell) -> None:
    """Takes from a ref that lives on what belonged to its instance; its children are gone."""
    cell._phase, cell._scheduled = SUSPENDED, True
    end_back_off(cell)
    if cell._family is not None:
        cell._family.renew()
    end_side_jobs(cell)
    take_up(cell)
    drop_instance(cell)


def drop_instance(cell: Cell) -> None:
    """The instance goes; its ref may get another."""
    actor, cell._actor = cell._actor, None
    cell._shortcut = None
    if actor is not None:
        actor._release()


def bury(cell: Cell) -> None:
    if cell._actor is not None and getattr(cell.actor_class, "_takes_undelivered", False):
        _offer_undelivered(cell, cell._actor)
    cell._phase = DEAD
    end_side_jobs(cell)  # again: an abandoned one has come here without, and `on_stop` may have begun some
    if cell._rare is not None:
        end_back_off(cell)
        if cell._rest is not None:
            cell._rest.cancel()
    drain(cell)
    for op in cell._lane or ():
        settle(op)
    cell._lane = cell._arguments = cell._context = None  # who holds a ref of the dead holds nothing else
    notify_all(cell)
    if cell._parent is not None:
        cell._parent._disown(cell)
        if cell._incarnation > 1:
            cell._env.ledger.settle_restarts(cell.actor_class.__qualname__, cell._incarnation - 1)
        look_at_group(cell)
        _end_supervisor_with(cell, cell._parent)
    drop_instance(cell)
    if cell._env.events.wants(ActorStopped):
        cell._env.events.publish(ActorStopped(cell, cell._reason or "stopped"))
    if cell._rare is not None and cell._termination is not None:
        cell._termination.resolve(None)


def _end_supervisor_with(cell: Cell, parent: Cell) -> None:
    """A significant child that ended by itself may end its supervisor, normally."""
    if not cell._spec.significant or cell._reason == "shutdown" or parent._phase >= STOPPING:
        return
    supervision = parent._relations().supervision
    if cell._reason == "gave_up" and supervision.on_exceeded != "stop_child":  # its supervisor fails, and not normally
        return
    left = sum(child._spec.significant for child in parent.children())
    if ends_supervisor(supervision, left):
        parent._post(StopNow())


def look_at_group(cell: Cell) -> None:
    """It is up, or gone for good: siblings that are being restarted with it may have waited for that."""
    parent = cell._parent
    if parent is not None and parent._family is not None and parent._family.group is not None:
        if cell._phase == DEAD:
            parent._family.group.going.discard(cell)
        parent._post(Revive())


def _offer_undelivered(cell: Cell, actor: Any) -> None:
    """The last instance may take what it will not handle; if it fails to, they become dead letters."""
    messages = take_for_hook(cell) if has_left(cell) else []
    try:
        if messages:
            actor.on_undelivered(messages)
    except BaseException as error:
        not_taken(cell, messages, error)


def not_taken(cell: Cell, messages: list[object], error: BaseException) -> None:
    """Its `on_undelivered` failed."""
    hook_failed(cell, "on_undelivered", error)
    for message in messages:
        cell._lost -= 1
        undeliverable(cell, message, cell._reason or "stopped")


def hook_failed(cell: Cell, name: str, error: BaseException) -> None:
    abandoned = cell._suspension is not None and cell._suspension.abandoned
    if not (abandoned and isinstance(error, (GeneratorExit, asyncio.CancelledError))):  # HandlerAbandoned says that
        cell._env.events.publish(ActorFailed(cell, error, name))
