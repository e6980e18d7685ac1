"""The one door of time: what `now` is, for timers, deadlines and facts."""

from __future__ import annotations

import time
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
    """For a loop whose time jumps (`actors.testkit.virtual_time`): slices never end, wall time follows the loop's."""

    EPOCH = 1_795_219_200.0
    """2026-11-21 00:00 UTC: any fixed day will do, so that recorded facts are the same in every run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.wall = lambda: self.EPOCH + loop.time()
        self.tick = lambda: 0.0
