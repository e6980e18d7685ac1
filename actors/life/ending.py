"""
How a life ends for good: children first, then `on_stop`, then what nobody will handle, then the notices.

A kill cancels the coroutine that is suspended, also one of these: the hook or the wait in hand is cut short, and the
life ends by the same steps. Every wait here is bounded: each hook has the seconds its actor has to stop (`grace`), and
the children bring their own deadlines (`send_off`).
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..cell.cell import STARTING, ActorRef
from .burial import bury, close, drop_instance, end_side_jobs, hook_failed
from .departure import hand_over
from .grace import LastHook
from .send_off import stop_children

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..supervision import ExitReason

    Cell = ActorRef[Any]


async def end(cell: Cell, reason: ExitReason, error: BaseException | None = None, *, hurried: bool = False) -> None:
    """
    Ends an actor for good.

    Args:
        error: What made it fail, if it failed.
        hurried: Its time is up, and so is that of its children: they are killed at once.
    """
    if cell._phase == STARTING:
        drop_instance(cell)  # it never ran: no hook for it
    close(cell, reason)
    if cell._parent is None and error is not None and cell._env.fatal is None:
        cell._env.fatal = error
    if cell._family is not None:
        await stop_children(cell, drain=reason in ("stopped", "shutdown"), hurried=hurried)
    end_side_jobs(cell)
    if cell._actor is not None and not (error is not None and cell._env.pykka_compatible):
        await call_hook(cell, "on_stop", cell._actor.on_stop)
    await hand_over(cell)
    bury(cell)


async def call_hook(cell: Cell, name: str, hook: Callable[..., object], *args: object) -> None:
    """Runs a hook; what it raises, a cancellation by `kill` included, is a fact and stops nothing."""
    if cell._suspension is not None and cell._suspension.abandoned:  # it is being closed, in the hook before this one
        return
    try:
        result = cell._actor._run_hook(hook, *args)
        if isinstance(result, CoroutineType):
            await LastHook(cell, result)
    except BaseException as error:
        hook_failed(cell, name, error)
