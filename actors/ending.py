"""
How a life ends for good: children first, then `on_stop`, then what nobody will handle, then the notices.

A kill cancels the coroutine that is suspended, also one of these: the hook or the wait in hand is cut short, and the
life ends by the same steps. What swallows its cancellation for longer than `KILL_GRACE` is abandoned. So every wait
here is bounded, but for a supervisor's own: its children bring their deadlines.
"""

from __future__ import annotations

import asyncio
from math import inf
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka import ActorRegistry

from .cell import DEAD, RUNNING, STARTING, STOPPING, SUSPENDED, ActorRef
from .death_watch import notify_all
from .events import ActorFailed, ActorStopped, HandlerAbandoned
from .leftovers import drain, has_left, lose_in_hand, take_for_hook, undeliverable
from .ops import Kill, Revive, StopNow, settle
from .stash import take_up
from .supervision import WORKER_SHUTDOWN, ExitReason, ends_supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Cell = ActorRef[Any]

KILL_GRACE = 1.0
"""Seconds a cancelled handler or hook may take for its own clean-up before it is abandoned."""


async def end(cell: Cell, reason: ExitReason, error: BaseException | None = None) -> None:
    """Ends an actor for good. `error` is what made it fail, if it failed."""
    if cell._phase == STARTING:
        drop_instance(cell)  # it never ran: no hook for it
    close(cell, reason)
    if cell._parent is None and error is not None and cell._env.fatal is None:
        cell._env.fatal = error
    if cell._family is not None:
        await stop_children(cell, drain=reason in ("stopped", "shutdown"))
    end_side_jobs(cell)
    if cell._actor is not None and not (error is not None and cell._env.pykka_compatible):
        await call_hook(cell, "on_stop", cell._actor.on_stop)
    bury(cell)


async def stop_children(cell: Cell, *, drain: bool) -> None:
    """Stops all children, in reverse start order; those of a dynamic supervisor together, under one deadline."""
    family = cell._family
    if family is None:
        return
    together = family.supervision.strategy == "dynamic"
    while family.children:
        children = list(family.children.values())
        await stop_children_of(children if together else children[-1:], drain=drain)


async def call_hook(cell: Cell, name: str, hook: Callable[..., object], *args: object) -> None:
    """Runs a hook; what it raises, a cancellation by `kill` included, is a fact and stops nothing."""
    try:
        result = cell._actor._run_hook(hook, *args)
        if isinstance(result, CoroutineType):
            await result
    except BaseException as error:
        hook_failed(cell, name, error)


def hook_failed(cell: Cell, name: str, error: BaseException) -> None:
    if cell._suspension is None or not cell._suspension.abandoned:  # else HandlerAbandoned says it already
        cell._env.events.publish(ActorFailed(cell, error, name))


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


def strip(cell: Cell) -> None:
    """Takes from a ref that lives on what belonged to its instance; its children are gone."""
    cell._phase, cell._scheduled = SUSPENDED, True
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
    if cell._rare is not None and cell._rest is not None:
        cell._rest.cancel()
    drain(cell)
    for op in cell._lane or ():
        settle(op)
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
        cell._env.events.publish(ActorFailed(cell, error, "on_undelivered"))
        for message in messages:
            cell._lost -= 1
            undeliverable(cell, message, cell._reason or "stopped")


async def stop_children_of(children: Sequence[Cell], *, drain: bool) -> None:
    """Stops these together, under the longest of their deadlines; then kills, then abandons."""
    patience = max(patience_for(child) for child in children)
    for child in children:
        if patience <= 0:
            child._post(Kill("shutdown"))
        elif drain and child._phase == RUNNING:
            child._stop_after_mailbox(None, "shutdown")
        else:
            child._post(StopNow("shutdown"))
    for child in await _still_there(children, patience):
        child._post(Kill("shutdown"))
    for child in await _still_there(children, KILL_GRACE * (1 + _depth(children)), impatient=False):
        abandon(child)


def patience_for(child: Cell) -> float:
    """Seconds it may take to stop before it is killed."""
    if child._spec.shutdown is not None:
        return child._spec.shutdown
    return inf if child.children() else WORKER_SHUTDOWN


def _depth(children: Iterable[Cell]) -> int:
    """Levels below these: each may need its own grace before the one above can end."""
    return max((1 + _depth(child.children()) for child in children if child.children()), default=0)


async def _still_there(children: Sequence[Cell], timeout: float, *, impatient: bool = True) -> list[Cell]:
    """
    Waits until all are gone, `timeout` seconds passed, or (if `impatient`) a kill cancels this; returns who is left.

    The grace of those who were killed is not cut short by one more kill: who is about to leave would be abandoned.
    """
    left = [child for child in children if child._phase != DEAD]
    if not left or timeout <= 0:
        return left
    loop = left[0]._env.dispatcher.loop
    waiter: asyncio.Future[None] = loop.create_future()
    count = len(left)

    def gone() -> None:
        nonlocal count
        count -= 1
        if count == 0:
            _release(waiter)

    for child in left:
        child.terminated.add_done_callback(gone)
    is_over = False

    def expire() -> None:
        nonlocal is_over
        is_over = True
        _release(waiter)

    expiry = None if timeout == inf else loop.call_later(timeout, expire)
    try:
        while not waiter.done():
            try:
                await waiter
            except asyncio.CancelledError:  # a kill: what is left is killed by the caller at once
                waiter = loop.create_future()
                if impatient or is_over or count == 0:
                    break
    finally:
        if expiry is not None:
            expiry.cancel()
    return [child for child in left if child._phase != DEAD]


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def abandon(cell: Cell) -> None:
    """The last resort, for what swallows its cancellation: the coroutine is closed and the life ends without it."""
    let_go(cell)
    if cell._phase != DEAD:  # an ending that was closed in a hook has gone through to its end
        close(cell, "killed")
        bury(cell)


def let_go(cell: Cell) -> None:
    """Closes what swallowed its cancellation, a handler or a hook; the message in hand is lost with it."""
    for child in cell.children():
        abandon(child)
    if cell._phase == DEAD:
        return
    cell._env.events.publish(HandlerAbandoned(cell, KILL_GRACE))
    if cell._doing is not None:
        lose_in_hand(cell, "killed")
    if cell._suspension is not None:
        try:
            cell._suspension.abandon()
        except BaseException as error:  # of its `finally`; or it swallowed GeneratorExit as well
            cell._env.events.publish(ActorFailed(cell, error, "close"))
        cell._suspension = None
