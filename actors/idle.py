"""Notices that an actor has had nothing to do for a while."""

from __future__ import annotations

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

    __slots__ = ("_act", "_handle", "_last", "_ref", "seconds")

    def __init__(self, ref: ActorRef[Any], seconds: float, act: Callable[[], None]) -> None:
        if not seconds > 0:
            raise ValueError(f"{ref} cannot be idle for {seconds:g} s: it would be told without end; give more than 0")
        self._ref = ref
        self._act = act
        self.seconds = seconds
        self._last = ref._env.clock.now()
        self._handle: asyncio.TimerHandle | None = self._arm(seconds)

    def touch(self) -> None:
        """A message is being handled, or has just been."""
        self._last = self._ref._env.clock.now()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, delay: float) -> asyncio.TimerHandle:
        return self._ref._env.dispatcher.loop.call_later(delay, self._look)

    def _look(self) -> None:
        now = self._ref._env.clock.now()
        if self._ref._suspension is not None:
            self._last = now
        left = self._last + self.seconds - now
        if left <= 1e-9:  # clocks of loops round to their resolution
            self._act()
            self._last = now
            left = self.seconds
        if self._handle is not None:  # else `act` has ended this
            self._handle = self._arm(left)
