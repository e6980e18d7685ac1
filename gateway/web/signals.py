"""
SIGTERM, SIGINT and SIGHUP of a process that serves: the first asks it to drain, the second ends it at once.

They are handled where they arrive, between two instructions of Python, and not in a turn of the loop: app code may
have blocked that. The loop hears of them when it can.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

    from .guard import Guard

NUMBERS = (signal.SIGTERM, signal.SIGINT)
HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""Its terminal was closed, or somebody hopes that it reads its settings anew; Windows has none."""

AT_ONCE = 1.0
"""Seconds from the second signal to the end: the tree is killed meanwhile, and sockets are closed."""


def heard() -> tuple[int, ...]:
    """What ends a process: a hang-up too, unless it was started to ignore that, as `nohup` does."""
    if HANGUP is None or signal.getsignal(HANGUP) is signal.SIG_IGN:
        return NUMBERS
    return (*NUMBERS, HANGUP)


class Signals:
    """
    `with Signals(guard, patience) as signals:` on the main thread; the handlers of before come back behind it.

    Args:
        patience: Seconds from the first signal to the end of the process.
    """

    def __init__(self, guard: Guard, patience: float) -> None:
        self._guard = guard
        self._patience = patience
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[int, Any] = {}
        self.asked = asyncio.Event()
        """Set by the first."""
        self.insisted = asyncio.Event()
        """Set by the second."""

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._heard) for number in heard()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """That loop is told from now on, also of what came before."""
        self._loop = loop
        self._tell()

    def _heard(self, *_: object) -> None:
        self._count += 1
        if self._count == 1:
            self._guard.end_within(self._patience, 0, f"it had not ended {self._patience:g} s after the signal")
        else:
            self._guard.end_within(AT_ONCE if self._count == 2 else 0.0, 0, "a second signal came before it had ended")
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._count > 0:
            self.asked.set()
        if self._count > 1:
            self.insisted.set()
