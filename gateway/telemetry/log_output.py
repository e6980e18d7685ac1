"""
Where the lines of a log go when it may not take them: a pipe that nobody reads, a terminal that Ctrl-S has stopped, a
disk that is full.

Theory of operation. The loop writes its log, so a write that waits stops every client. Nothing is made non-blocking for
it: that would hold for all who share the file, such as the shell that started us. It is asked instead, before each
write of no more than `PIPE_BUF`: POSIX has it that a pipe which polls writable takes so much at once. What it does not
take is dropped and counted, and said in a line of its own before the next that it takes. A longer line may end within:
its rest is kept, and goes first.

Lines come on any thread, and out of each other: a collection of garbage may say something in the midst of a line. So
whoever comes second leaves its line to the first, and nobody waits.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, ClassVar, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = getattr(select, "PIPE_BUF", 512)
"""Bytes of one write where one may have to wait: 4,096 on Linux, and never less than 512."""


class LogOutput:
    """
    A file for lines that never waits for who reads it.

    Args:
        stream: An open file with a number. Only that and its encoding are used, and it stays as it is.
        dropped_line: Returns what to say of so many lines that were dropped, with the line break.
    """

    dropped: ClassVar[int] = 0
    """Lines, of this process and since its start: it has one log, however many gateways."""

    def __init__(self, stream: TextIO, dropped_line: Callable[[int], str]) -> None:
        self._number = stream.fileno()
        self._encoding = stream.encoding or "utf-8"
        self._most = MOST if _waits(self._number) else sys.maxsize
        self._dropped_line = dropped_line
        self._poll = select.poll()
        self._poll.register(self._number, select.POLLOUT)
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        self._begun = b""
        """The rest of a line whose begin was written."""
        self._unsaid = 0
        """Lines that were dropped, and nobody was told."""

    def write(self, line: str) -> int:
        """One line, or several, with the line break; whole or not at all. From any thread; raises nothing."""
        self._lines.append(line)
        while self._lines and self._writing.acquire(blocking=False):
            try:
                self._take(self._lines.popleft())
            finally:
                self._writing.release()
        return len(line)

    def flush(self) -> None:
        """Nothing is held back that could be written."""

    def _take(self, line: str) -> None:
        if self._begun:
            self._begun = self._put(self._begun)
        if not self._begun and (not self._unsaid or self._has_room()):  # else the words of a count are for nobody
            told = self._dropped_line(self._unsaid) if self._unsaid else ""
            data = (told + line).encode(self._encoding, "backslashreplace")
            rest = self._put(data)
            if len(rest) < len(data):
                self._begun, self._unsaid = rest, 0
                return
        self._unsaid += 1
        LogOutput.dropped += 1

    def _put(self, data: bytes) -> bytes:
        """Returns what it did not take."""
        while data and self._has_room():
            try:
                data = data[os.write(self._number, data[: self._most]) :]
            except OSError:  # it is non-blocking and full, its reader has gone since, or the disk is full
                break
        return data

    def _has_room(self) -> bool:
        """Not where the reader has gone. What cannot be polled, as a terminal of some systems, is written as ever."""
        said = self._poll.poll(0)
        return bool(said) and not said[0][1] & (select.POLLERR | select.POLLHUP)


def log_output(stream: TextIO, dropped_line: Callable[[int], str]) -> TextIO | LogOutput:
    """
    Returns where to write in place of this stream: itself, if it is no open file.

    Args:
        dropped_line: As for `LogOutput`.
    """
    try:
        os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file, or a closed one
        return stream
    return LogOutput(stream, dropped_line) if sys.platform != "win32" else stream


def _waits(number: int) -> bool:
    """Whether a write may wait for a reader. To a file it does not, and is whole beside those of others."""
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number)
