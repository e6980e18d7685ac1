"""
When a serving process looks for garbage: often among the young, among all only while that is quick.

Theory of operation. Machines, memberships and sockets go by their reference counts; a tripwire of the tests sees to it
that no end of a connection leaves a cycle behind. What the collector finds is the garbage of app code and libraries,
most of it young. Looking through everything costs 2.4 to 3.5 us for each connection that is open (CPython 3.11, 28
tracked objects each), and Python would do it after each growth by a quarter: at 100,000 connections the loop would
stand for 0.3 s. So the old are looked through only by `sweep`, and only below `QUICK` connections.

What it gives up: a cycle that became old, on a node that never has few connections, stays until the process ends.
`process_resident_memory_bytes` shows if an application makes many.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

YOUNG = (5_000, 2, 1_000_000_000)
"""
Net allocations until a look at the youngest, every how many of these the survivors are looked through too, and never:
the old are looked through by `sweep` alone. While 60,000 connections open, that is 1.8 ms and 7.6 ms at most; 10,000
and 5 took 28 ms (`python -m bench many`).
"""

QUICK = 5_000
"""Connections up to which looking through everything takes less than 20 ms."""

EVERY = 60.0
"""Seconds between two sweeps."""


class Collector:
    """
    Of this process: a setting of the interpreter. `hubbub serve` makes it; a program that embeds a gateway need not.

    Args:
        connections: How many are open.
    """

    def __init__(self, connections: Callable[[], int]) -> None:
        self._connections = connections
        self._before: tuple[int, int, int] | None = None

    def start(self) -> None:
        """What was imported and built until now is never looked at again."""
        self._before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*YOUNG)

    def stop(self) -> None:
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

    async def run(self) -> None:
        """Sweeps for ever; cancel it."""
        while True:
            await asyncio.sleep(EVERY)
            self.sweep()

    def sweep(self) -> bool:
        """Whether everything was looked through: not while so many are connected that they would notice."""
        if self._connections() > QUICK:
            return False
        gc.collect()
        return True
