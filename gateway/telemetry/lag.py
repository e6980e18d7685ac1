"""How late the event loop is: ten timers a second, and how much later than asked they were called."""

from __future__ import annotations

import asyncio
from collections import deque

EVERY = 0.1
"""
Seconds between two samples: a stall is seen but for this much of it. They cost 0.18 % of a core, nearly all of it for
waking up, so a busy loop has them for less; half as long would be 0.34 % (2026-11, uvloop).
"""

SAMPLES = 10
"""In what is called a second, of which the worst is kept."""

KEPT = 15
"""Seconds: as many as usually lie between two scrapes of Prometheus."""


class LoopLag:
    """
    Samples the loop it was started on. uvloop's clock ticks in milliseconds, so below one nothing is said there.
    """

    def __init__(self) -> None:
        self._seconds: deque[float] = deque([0.0], maxlen=KEPT + 1)
        """The worst of each, the newest last; that one is not over."""
        self._taken = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def last(self) -> float:
        """Seconds, the worst of the last second, and of what has begun of the next."""
        return max(list(self._seconds)[-2:])

    @property
    def worst(self) -> float:
        """Seconds, the worst of all that is kept."""
        return max(self._seconds)

    def start(self) -> None:
        self._ask(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + EVERY
        self._timer = loop.call_at(self._due, self._sample, loop)

    def _sample(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - self._due
        if late > self._seconds[-1]:
            self._seconds[-1] = late
        self._taken += 1
        if self._taken == SAMPLES:
            self._taken = 0
            self._seconds.append(0.0)
        self._ask(loop)
