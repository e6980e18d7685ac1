"""How late the event loop is: one timer a second, and how much later than asked it was called."""

from __future__ import annotations

import asyncio
from collections import deque

EVERY = 1.0
"""Seconds between two samples. A blocked loop is late for all its timers: one a second meets what lasts that long."""

KEPT = 15
"""Samples: as many seconds as usually lie between two scrapes of Prometheus."""


class LoopLag:
    """
    Samples the loop it was started on.

    A stall that begins and ends between two samples is not seen; `HandlerStuck` names those of a handler. uvloop's
    clock ticks in milliseconds, so below one nothing is said there.
    """

    def __init__(self) -> None:
        self._samples: deque[float] = deque([0.0], maxlen=KEPT)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def last(self) -> float:
        """Seconds, of the last sample."""
        return self._samples[-1]

    @property
    def worst(self) -> float:
        """Seconds, of the worst sample that is kept."""
        return max(self._samples)

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
        self._samples.append(max(0.0, loop.time() - self._due))
        self._ask(loop)
