"""
What an actor may do whose code runs on a thread of its own: done on the loop, while the thread waits for it.

Watches, timers, pipes and the stash are tables that turns read, without locks, on the loop's thread. So a call takes
one iteration of the loop; what is any thread's business, `tell` and `spawn` for two, goes past this.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from .actor import Actor
from .cell.piping import PipeFailed
from .cell.timers import Timers
from .errors import ActorDeadError
from .future import LoopFuture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .cell.cell import ActorRef

R = TypeVar("R")

LOOP_PATIENCE = 30.0
"""Seconds a thread waits for its loop: the watchdog has named what blocks it after one, and nobody waits for ever."""


class ThreadedActor(Actor):
    """An actor, seen from its thread. On the loop's thread, as in `__init__`, all of it is done at once."""

    def watch(self, ref: ActorRef[Any]) -> None:
        self._on_loop(super().watch, ref)

    def watch_with(self, ref: ActorRef[Any], message: object) -> None:
        self._on_loop(super().watch_with, ref, message)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        self._on_loop(super().unwatch, ref)

    def unstash(self) -> int:
        return self._on_loop(super().unstash)

    def set_receive_timeout(self, seconds: float | None) -> None:
        self._on_loop(super().set_receive_timeout, seconds)

    def pipe_to_self(
        self,
        awaitable: Awaitable[Any],
        *,
        to: Callable[[Any], object] = lambda value: value,
        failed: Callable[[BaseException], object] = PipeFailed,
    ) -> None:
        """As in any actor. It is awaited on the loop, and there `to` and `failed` are called: they must not block."""
        try:
            self._on_loop(partial(super().pipe_to_self, to=to, failed=failed), awaitable)
        except (ActorDeadError, TimeoutError):
            if asyncio.iscoroutine(awaitable):
                awaitable.close()  # else Python warns that nobody awaited it
            raise

    @property
    def timers(self) -> Timers:
        return TimersOfThread(self)

    def _on_loop(self, function: Callable[..., R], *args: object) -> R:
        """
        Calls it on the loop's thread, in a copy of this context, and waits for what it returns or raises.

        Raises:
            ActorDeadError: This instance has ended and its thread runs on; or the loop has ended.
            TimeoutError: The loop did nothing for `LOOP_PATIENCE`; the call is not made any more.
        """
        loop = self._actor_ref._env.dispatcher.loop
        if asyncio._get_running_loop() is loop:
            return function(*args)
        outcome: LoopFuture[R] = LoopFuture()
        call = partial(self._settle, outcome, partial(function, *args))
        try:
            loop.call_soon_threadsafe(call, context=copy_context())
        except RuntimeError:
            raise self._gone("its event loop has ended") from None
        try:
            return outcome.get(timeout=LOOP_PATIENCE)
        except pykka.Timeout:
            late = TimeoutError(f"{self} got no turn of its loop for {LOOP_PATIENCE:g} s; look for what blocks it")
            if outcome.fail(late):
                raise late from None
            return outcome.get()

    def _settle(self, outcome: LoopFuture[R], call: Callable[[], R]) -> None:
        ref = self._actor_ref
        if outcome.done():  # nobody waits any more
            return
        if ref._actor is not self and ref._incarnation:  # else it is in its `__init__`
            outcome.fail(self._gone("this instance has ended, and its thread runs on"))
            return
        try:
            value = call()
        except BaseException as error:
            outcome.fail(error)
        else:
            outcome.resolve(value)

    def _gone(self, fact: str) -> ActorDeadError:
        ref = self._actor_ref
        return ActorDeadError(f"{ref} can do nothing more on its loop: {fact}", ref._reason or "stopped")


class TimersOfThread(Timers):
    """`self.timers`, from a thread."""

    __slots__ = ("_actor",)

    def __init__(self, actor: ThreadedActor) -> None:
        super().__init__(actor._actor_ref)
        self._actor = actor

    def once(self, key: object, message: object, delay: float) -> None:
        self._actor._on_loop(lambda: self._real().once(key, message, delay))

    def fixed_delay(self, key: object, message: object, delay: float) -> None:
        self._actor._on_loop(lambda: self._real().fixed_delay(key, message, delay))

    def cancel(self, key: object) -> bool:
        return self._actor._on_loop(lambda: self._real().cancel(key))

    def cancel_all(self) -> None:
        self._actor._on_loop(lambda: self._real().cancel_all())

    def is_active(self, key: object) -> bool:
        return self._actor._on_loop(lambda: self._real().is_active(key))

    def _real(self) -> Timers:
        return super(ThreadedActor, self._actor).timers
