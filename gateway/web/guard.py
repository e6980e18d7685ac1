"""
What ends a process that was told to end and does not: a task that swallows its cancellation, a loop that is blocked, a
thread that nobody stops.

Theory of operation. A thread waits for words of how long there is still to wait; each counts in place of the one
before, unless it is longer: the handler of a second signal may interrupt that of the first, before it has put its word.
They come from signal handlers, which may interrupt anything: so by a `SimpleQueue`, whose `put` may (it is
reentrant), and from a thread that runs already. Once the time is over it writes one line, and leaves by `os._exit`:
nothing else ends an interpreter whose main thread does not listen.
"""

from __future__ import annotations

import os
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Self

LAST_WORDS = 0.5
"""Seconds for the last line, and for what is written and not out yet: a pipe that nobody reads takes neither."""


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
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._limits.put(None)
        self._thread.join()

    def end_within(self, seconds: float, code: int, why: str) -> None:
        """The process ends by then, with that exit code. From signal handlers too."""
        self._limits.put(_Limit(seconds, code, why))

    def _watch(self) -> None:
        limit = self._limits.get()
        while limit is not None:
            limit = self._next(limit)

    def _next(self, limit: _Limit) -> _Limit | None:
        try:
            word = self._limits.get(timeout=limit.seconds)
        except Empty:
            self._end(limit)
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
