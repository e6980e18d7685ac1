"""
SIGTERM, SIGINT and SIGHUP of a process that serves: the first asks it to drain, the second ends it at once. A hang-up
only ever asks.

Theory of operation. They are heard twice, and the louder way counts. Handlers run on the main thread, between two
instructions of Python, which needs no turn of the loop: app code may have blocked that. But a main thread within a call
to C runs no handler: one that came just before such a call waits for its end, and one that the system gave to another
thread, as it does with a second at the same time, wakes nobody. So each is also written to a socket at the moment it
arrives (`signal.set_wakeup_fd`), which a thread of our own reads. The loop hears of them when it can.

What waited for that socket's bytes before, uvloop does, gets them from the thread. A child of `os.fork` hears nothing
of this: its signals are its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from typing import Self

    from .guard import Guard

NUMBERS = (signal.SIGTERM, signal.SIGINT)
HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""Its terminal was closed, or somebody hopes that it reads its settings anew; Windows has none."""

AT_ONCE = 1.0
"""Seconds from the second signal to the end: the tree is killed meanwhile, and sockets are closed."""

AT_A_TIME = 64
"""Bytes, each a signal, of one read; two of them decide everything."""


def heard() -> tuple[int, ...]:
    """What ends a process: a hang-up too, unless it was started to ignore that, as `nohup` does."""
    if HANGUP is None or signal.getsignal(HANGUP) is signal.SIG_IGN:
        return NUMBERS
    return (*NUMBERS, HANGUP)


@attrs.define
class Tally:
    """What came, by one of the two ways."""

    others: int = 0
    has_hung_up: bool = False

    def add(self, number: int) -> int:
        """Returns how often somebody has asked: kernel and shell both tell the end of a terminal."""
        if number == HANGUP:
            self.has_hung_up = True
        else:
            self.others += 1
        return max(self.others, self.has_hung_up)


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
        self._handled, self._read = Tally(), Tally()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[int, Any] = {}
        self._fd_before = -1
        self._theirs: int | None = None
        """What the loop had given as `set_wakeup_fd`: a copy of it, whose number nobody else has when it is closed."""
        self._ours, self._written = socket.socketpair()
        self._written.setblocking(False)  # a signal handler may not wait
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self.asked = asyncio.Event()
        """Set by the first."""
        self.insisted = asyncio.Event()
        """Set by the second."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._fd_before = self._wake_us()
        self._before = {number: signal.signal(number, self._handle) for number in heard()}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._hand_back)
        return self

    def __exit__(self, *_: object) -> None:
        self._hand_back()
        self._written.close()
        self._thread.join()
        self._ours.close()
        if self._theirs is not None:
            os.close(self._theirs)

    def wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """That loop, which runs, is told from now on, also of what came before."""
        self._loop = loop
        theirs = self._wake_us()
        if theirs not in (-1, self._written.fileno()):
            self._theirs = os.dup(theirs)
        self._tell()

    def _wake_us(self) -> int:
        return signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)

    def _hand_back(self) -> None:
        """Nothing is heard from now on. In a child of a fork too, however much later: it may find nothing left."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            signal.set_wakeup_fd(self._fd_before)
        self._before = {}

    def _handle(self, number: int, _: object) -> None:
        self._take(self._handled.add(number))

    def _listen(self) -> None:
        while numbers := self._ours.recv(AT_A_TIME):
            for number in numbers:
                if number in self._before:
                    self._take(self._read.add(number))
            if self._theirs is not None:
                with suppress(OSError):  # full, and so awake; or closed, with the loop
                    os.write(self._theirs, numbers)

    def _take(self, count: int) -> None:
        if count <= self._count:
            return
        self._count = count
        if count == 1:
            self._guard.end_within(self._patience, 0, f"it had not ended {self._patience:g} s after the signal")
        else:
            self._guard.end_within(AT_ONCE if count == 2 else 0.0, 0, "a second signal came before it had ended")
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed by now
                loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._count > 0:
            self.asked.set()
        if self._count > 1:
            self.insisted.set()
