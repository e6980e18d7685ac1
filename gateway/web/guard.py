"""
What ends a process that was told to end and does not: a task that swallows its cancellation, a loop that is blocked, a
thread that nobody stops.

Theory of operation. A thread waits for words of how long there is still to wait; each counts in place of the one
before, unless it is longer: the handler of a second signal may interrupt that of the first, before it has put its word.
They come from signal handlers, which may interrupt anything: so by a `SimpleQueue`, whose `put` may (it is
reentrant), and from a thread that runs already. Once the time is over it writes one line, and leaves by `os._exit`:
nothing else ends an interpreter whose main thread does not listen.

Signals are handled on the main thread, and the system may give a second one to any other: while the main thread stands
in a call to the system it does not learn of that. So it is woken now and then for as long as the end is waited for.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn, Self

LAST_WORDS = 0.5
"""Seconds for the last line, and for what is written and not out yet: a pipe that nobody reads takes neither."""


NUDGE: int = getattr(signal, "SIGURG", 0)
"""What wakes the main thread: a signal that is ignored unless somebody asks for it; Windows has none."""

NUDGED_EVERY = 0.25
"""Seconds; a second signal that another thread has got is obeyed so much later."""


@attrs.frozen
class _Limit:
    seconds: float
    code: int
    why: str


class Guard:
    """
    `with Guard(report) as guard:` around what has to end once it is told to; harmless until `end_within`.

    Args:
        report: Writes the last line, given why; on a thread of its own.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._limits: SimpleQueue[_Limit | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)

    def start(self) -> None:
        """On the main thread."""
        if NUDGE and signal.getsignal(NUDGE) is signal.SIG_DFL:
            signal.signal(NUDGE, _wake)  # a call to the system goes on only behind what was to be handled
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._limits.put(None)
        self._thread.join()
        if _wakes():
            signal.signal(NUDGE, signal.SIG_DFL)

    def end_within(self, seconds: float, code: int, why: str) -> None:
        """The process ends by then, with that exit code. From signal handlers too."""
        self._limits.put(_Limit(seconds, code, why))

    def _watch(self) -> None:
        limit = self._limits.get()
        while limit is not None:
            limit = self._next(limit)

    def _next(self, limit: _Limit) -> _Limit | None:
        left = limit.seconds
        while True:
            try:
                word = self._limits.get(timeout=min(left, NUDGED_EVERY))
            except Empty:
                left -= NUDGED_EVERY
                if left <= 0:
                    self._end(limit)
                _nudge()
            else:
                return limit if word is not None and word.seconds > limit.seconds else word

    def _end(self, limit: _Limit) -> NoReturn:
        speaking = threading.Thread(target=self._say, args=(limit.why,), daemon=True)
        speaking.start()
        speaking.join(LAST_WORDS)
        os._exit(limit.code)

    def _say(self, why: str) -> None:
        self._report(why)
        sys.stdout.flush()
        sys.stderr.flush()


def _wakes() -> bool:
    """Whether that signal is ours: somebody else's handler is not called for this."""
    return bool(NUDGE) and signal.getsignal(NUDGE) is _wake


def _nudge() -> None:
    if _wakes():
        signal.pthread_kill(threading.main_thread().ident or 0, NUDGE)


def _wake(_: int, __: FrameType | None) -> None:
    """That it was called is all."""
