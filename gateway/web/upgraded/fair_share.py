"""
What all sockets of a loop may do together in one iteration of it, and who waits for the next.

Theory of operation. A loop hands on everything that the kernel has for it before anything else runs: 10,000 clients who
close at once were one pause of 0.4 s, and 4,000 who each send 150 pings one of 1.9 s (2026-11). So whoever has more to
do than to take one message asks first whether there is time; who finds none keeps what was read, stands in line, and
goes on in a later iteration. The line has its turn before what is read next, so nobody is overtaken for ever.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

SHARE: Final = 0.005
"""Seconds. What cannot wait comes on top: to take a read from the kernel, and a message that came alone, 5 to 10 us."""


class FairShare:
    """
    One per loop. Its line is bounded: a socket stands there once.

    Args:
        tick: `Clock.tick`; the time of the loop itself stands still during an iteration.
    """

    __slots__ = ("_ends", "_line", "_loop", "_tick")

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: Callable[[], float]) -> None:
        self._loop = loop
        self._tick = tick
        self._line: deque[Callable[[], None]] = deque()
        self._ends: float | None = None
        """Of this iteration, once somebody has asked."""

    def has_time(self) -> bool:
        """Whether there is some left in this iteration."""
        if self._ends is None:
            self._begin()
            return True
        return self._tick() < self._ends

    def wait(self, turn: Callable[[], None]) -> None:
        """Has `turn` called in a later iteration, behind those who wait already. It must not raise."""
        self._line.append(turn)
        if self._ends is None:
            self._begin()

    def _begin(self) -> float:
        self._ends = ends = self._tick() + SHARE
        self._loop.call_soon(self._next)
        return ends

    def _next(self) -> None:
        """The iteration is over. Who stands in line again during this has its turn in the one after."""
        line = self._line
        if not line:
            self._ends = None
            return
        ends = self._begin()
        for _ in range(len(line)):
            line.popleft()()
            if self._tick() >= ends:
                break
