"""The one door of time: what `now` is, for timers, deadlines and facts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Clock(Protocol):
    """Where a system gets its time from. A virtual one makes an hour of heartbeats pass in milliseconds."""

    def now(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""

    def wall(self) -> float:
        """Seconds since 1970, for what people read. May jump."""

    def tick(self) -> float:
        """Seconds of real time for slices; a virtual clock returns a constant, so that turns do not depend on it."""


class LoopClock:
    """The clock of an event loop. `now` and `tick` are bound methods of C functions: about 30 ns each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now: Callable[[], float] = loop.time
        self.wall: Callable[[], float] = time.time
        self.tick: Callable[[], float] = time.perf_counter


class VirtualClock(LoopClock):
    """
    For a loop whose time jumps (`actors.testkit.virtual_time`): slices end when they are told to, wall time follows the
    loop's.

    Args:
        slice_ends: Asked at each look at the clock whether the slice under way is over, so that the loop serves others
            before the next actor has its turn, as it does under load. None: it never is.
    """

    EPOCH = 1_795_219_200.0
    """2026-11-21 00:00 UTC: any fixed day will do, so that recorded facts are the same in every run."""

    def __init__(self, loop: asyncio.AbstractEventLoop, slice_ends: Callable[[], bool] | None = None) -> None:
        super().__init__(loop)
        self.wall = lambda: self.EPOCH + loop.time()
        self._slices = 0
        self.tick = (lambda: 0.0) if slice_ends is None else partial(self._look, slice_ends)

    def _look(self, slice_ends: Callable[[], bool]) -> float:
        """Real time stands still, and is a second later when a slice is over."""
        self._slices += slice_ends()
        return float(self._slices)
