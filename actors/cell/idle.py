"""Notices that an actor has had nothing to do for a while."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .cell import ActorRef


class Idle:
    """
    Calls `act` after so many seconds without a user message, and again after each such while.

    Turns only note the time; one loop timer moves along behind them. A handler that is still suspended is no silence.
    """

    __slots__ = ("_act", "_handle", "_is_over", "_last", "_ref", "seconds")

    def __init__(self, ref: ActorRef[Any], seconds: float, act: Callable[[], None]) -> None:
        if not seconds > 0:
            raise ValueError(f"{ref} cannot be idle for {seconds:g} s: it would be told without end; give more than 0")
        self._ref = ref
        self._act = act
        self.seconds = seconds
        self._last = ref._env.clock.now()
        self._is_over = False
        self._handle: asyncio.Handle | None = None
        self._arm(seconds)

    def touch(self) -> None:
        """A message is being handled, or has just been."""
        self._last = self._ref._env.clock.now()

    def cancel(self) -> None:
        self._is_over = True
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, delay: float) -> None:
        dispatcher = self._ref._env.dispatcher
        if get_ident() == dispatcher.thread:
            self._handle = dispatcher.loop.call_later(delay, self._look)
        else:  # as with timers
            self._handle = dispatcher.loop.call_soon_threadsafe(self._arm, delay)

    def _look(self) -> None:
        if self._is_over:
            return
        now = self._ref._env.clock.now()
        if self._ref._suspension is not None:
            self._last = now
        left = self._last + self.seconds - now
        if left <= 1e-9:  # clocks of loops round to their resolution
            self._act()
            self._last = now
            left = self.seconds
        if not self._is_over:  # `act` may have ended this
            self._arm(left)
