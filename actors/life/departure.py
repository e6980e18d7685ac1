"""
How who is alone goes: no children to stop before, nobody to mend it. In no turn of its own, if it is idle.

The steps are those of `ending`, as plain functions; a coroutine is left only where `on_stop` is one.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..cell.cell import STARTING, ActorRef
from ..mail.leftovers import has_left, take_for_hook
from ..mail.ops import Finish
from .burial import bury, close, drop_instance, end_side_jobs, hook_failed, not_taken
from .grace import LastHook

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ..supervision import ExitReason

    Cell = ActorRef[Any]


def stop_in_place(cell: Cell) -> bool:
    """
    Stops an idle actor that has no children before this returns, unless its `on_stop` has to wait.

    It saves two turns and a notice. For who would stop it and wait for that; on the loop's thread.

    Returns:
        Whether it is gone. If it is not, `is_alive` says whether it has begun to end, and will be gone when what its
        `on_stop` returned has been awaited, or was not idle and was left alone.
    """
    dispatcher = cell._env.dispatcher
    if cell._scheduled or not goes_alone(cell, "stopped"):
        return False
    if dispatcher.in_place != "always" or asyncio._get_running_loop() is not dispatcher.loop:
        return False
    ending = as_itself(cell, depart, cell, "stopped")
    if ending is not None:
        cell._post(Finish(ending))
    return ending is None


def depart(cell: Cell, reason: ExitReason) -> Coroutine[Any, Any, None] | None:
    """
    What `end` does for who has no children and did not fail: without a coroutine, unless its `on_stop` is one.

    Returns that one, to be handed to `finish`.
    """
    if cell._phase == STARTING:
        drop_instance(cell)  # it never ran: no hook for it
    close(cell, reason)
    end_side_jobs(cell)
    ending = None if cell._actor is None else _on_stop(cell)
    if ending is None:
        bury(cell)
    return ending


def goes_alone(cell: Cell, reason: ExitReason) -> bool:
    """Whether its end is nobody's to mend, and no child has to end before."""
    family = cell._family
    return cell._parent is not None and not (cell._spec.mends(reason) or (family is not None and family.children))


def as_itself(cell: Cell, function: Callable[..., Any], *args: object) -> Any:
    """Calls it as in a turn of this actor, on the stack of another: in its context, and it is the one that runs."""
    dispatcher = cell._env.dispatcher
    other, dispatcher.current = dispatcher.current, cell
    flushing, dispatcher.flushing = dispatcher.flushing, False
    if cell._context is None:
        cell._context = cell._env.context.copy()
    try:
        return cell._context.run(function, *args)
    finally:
        dispatcher.current, dispatcher.flushing = other, flushing


def _on_stop(cell: Cell) -> Coroutine[Any, Any, None] | None:
    try:
        result = cell._actor._run_hook(cell._actor.on_stop)
    except BaseException as error:
        hook_failed(cell, "on_stop", error)
        return None
    return result if isinstance(result, CoroutineType) else None


async def finish(cell: Cell, ending: Coroutine[Any, Any, None]) -> None:
    """The rest of an end that began in place."""
    try:
        await LastHook(cell, ending)
    except BaseException as error:
        hook_failed(cell, "on_stop", error)
    await hand_over(cell)
    bury(cell)


async def hand_over(cell: Cell) -> None:
    """A blocking actor takes on its thread what it will not handle; any other does when it is buried."""
    actor = cell._actor
    if actor is None or not getattr(cell.actor_class, "_takes_on_thread", False) or not has_left(cell):
        return
    messages = take_for_hook(cell)
    try:
        if messages:
            await LastHook(cell, actor._run_hook(actor.on_undelivered, messages))
    except BaseException as error:
        not_taken(cell, messages, error)
