"""The outcome of something awaited, as a message to oneself: the actor goes on meanwhile."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING, Any

import attrs

from ..mail.messages import Tick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .cell import ActorRef

MAX_PIPES = 1_000
"""Under way per actor. More is a leak: things that are started and never end."""


@attrs.frozen
class PipeFailed:
    """What was awaited raised, and nobody said which message that is; or making that message raised."""

    error: BaseException


class Pipes:
    """What one instance waits for on the side; all of it ends with that instance, also what is queued already."""

    __slots__ = ("_ref", "_tasks", "is_live")

    def __init__(self, ref: ActorRef[Any]) -> None:
        self._ref = ref
        self._tasks: set[asyncio.Future[Any]] = set()
        self.is_live = True

    def add(
        self, awaitable: Awaitable[Any], to: Callable[[Any], object], failed: Callable[[BaseException], object]
    ) -> None:
        """Begins to wait, on the loop of its actor. Loop thread only, but for the `__init__` of its actor."""
        if len(self._tasks) >= MAX_PIPES:
            _close(awaitable)
            raise RuntimeError(f"{self._ref} cannot pipe: {MAX_PIPES} awaitables are under way already; await some")
        dispatcher = self._ref._env.dispatcher
        if get_ident() == dispatcher.thread:
            self._begin(awaitable, to, failed)
        else:  # as with timers
            dispatcher.loop.call_soon_threadsafe(self._begin, awaitable, to, failed)

    def _begin(
        self, awaitable: Awaitable[Any], to: Callable[[Any], object], failed: Callable[[BaseException], object]
    ) -> None:
        if not self.is_live:
            _close(awaitable)
            return
        task = asyncio.ensure_future(awaitable)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, to, failed))

    def cancel_all(self) -> None:
        self.is_live = False
        for task in tuple(self._tasks):
            task.cancel()

    def take(self) -> bool:
        """Whether a result that waited in the mailbox still counts."""
        return self.is_live

    def _done(
        self, task: asyncio.Future[Any], to: Callable[[Any], object], failed: Callable[[BaseException], object]
    ) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()  # looked at: not reported as lost
        if not self.is_live:
            return
        try:
            message = to(task.result()) if error is None else failed(error)
        except Exception as raised:  # of `to` or `failed`: app code
            message = PipeFailed(raised)
        self._ref._put_tick(Tick(message, self))


def _close(awaitable: Awaitable[Any]) -> None:
    """It will not be awaited; Python would warn of that."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
