"""
Real time that a test can move on: sockets and threads are real, and an hour of timers passes at once.

Theory of operation. The loop's time is the machine's, plus what the test has added. What it adds is a debt: while there
is one, the selector, where another one would wait, pays of it up to the next timer. So timers run one after the other,
each at its time, and all that follows from one (sockets included) is done before the next: an hour of heartbeats is the
heartbeats of an hour, not one that is an hour late. With no debt this is an ordinary loop.

What it refuses to do: to move by itself, or to hold time still. A handler that sleeps for 0.1 s does so.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

from actors.clock import LoopClock

from .virtual_time import JumpingSelector, VirtualTimeLoop

if TYPE_CHECKING:
    import selectors
    from collections.abc import Awaitable


class PayingSelector(JumpingSelector):
    """A selector that waits as any other, unless time is owed: `now` is what was added so far."""

    def __init__(self) -> None:
        super().__init__()
        self.owed = 0.0
        self.paid_at = 0.0
        """The machine's time of the last payment."""
        self._passing: list[asyncio.Future[None]] = []
        self._has_traffic = False

    def owe(self, seconds: float, passing: asyncio.Future[None]) -> None:
        self.owed += seconds
        self._passing.append(passing)
        self._has_traffic = True  # what was sent just before may still be in the kernel

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; where there is nothing, time passes, or all that was owed has passed."""
        if not self._passing:
            return self._inner.select(timeout)
        events = self._inner.select(0) or ([] if timeout == 0 else self._wait_for_work())
        self._has_traffic = self._has_traffic or bool(events)
        if not events and timeout != 0:
            self._pay(timeout)
        return events

    def _pay(self, timeout: float | None) -> None:
        """Up to the next timer. Who awaits the whole is told only when nothing is ready at the end of it."""
        self.paid_at = time.monotonic()
        if not self.owed:
            self._arrive()
            return
        step = self.owed if timeout is None else min(timeout, self.owed)
        self.now += step
        self.owed -= step

    def _arrive(self) -> None:
        passing, self._passing = self._passing, []
        for future in passing:
            if not future.done():
                future.set_result(None)

    def _others(self) -> bool:
        """Whether the kernel may be about to bring more; without this an hour would cost a millisecond per timer."""
        had_traffic, self._has_traffic = self._has_traffic, False
        return had_traffic


class MovableTimeLoop(VirtualTimeLoop):
    """An event loop in real time, which can be moved on."""

    _jumping: PayingSelector

    def __init__(self) -> None:
        super().__init__(PayingSelector())

    def time(self) -> float:
        return time.monotonic() + self._jumping.now

    @property
    def moved(self) -> float:
        """Seconds that were added so far."""
        return self._jumping.now

    def move(self, seconds: float) -> asyncio.Future[None]:
        """Adds to the time; done when it has passed and everything that came due by then has run."""
        passing: asyncio.Future[None] = self.create_future()
        self._jumping.owe(seconds, passing)
        return passing

    async def finishes(self, future: asyncio.Future[Any], patience: float) -> bool:
        """
        Waits until it is done; whether it is by the end of `patience` seconds of the machine's time.

        What is added to the loop's time does not count, nor how long that takes to pass: a wait of five seconds is
        not over because a test moves an hour on.
        """
        since = time.monotonic()
        while not future.done():
            left = patience - (time.monotonic() - max(since, self._jumping.paid_at))
            if left <= 0:
                return False
            await asyncio.wait({future}, timeout=left)
        return True


class MovableClock(LoopClock):
    """The clock of a loop that can be moved on; its wall time moves with it."""

    def __init__(self, loop: MovableTimeLoop) -> None:
        super().__init__(loop)
        self.wall = lambda: time.time() + loop.moved
        self._loop = loop

    def advance(self, seconds: float) -> Awaitable[None]:
        """
        Lets that much time pass, as soon as the test waits for anything; timers run in their order, each at its time.

        Await it to know that the time has passed and what came due has run. All systems of the test share one time.

        Raises:
            ValueError: Time does not go back, nor on for ever.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"could not advance the clock by {seconds} s: time only goes on; use 0 or more")
        return self._loop.move(float(seconds))
