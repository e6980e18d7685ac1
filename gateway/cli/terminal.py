"""
A terminal that one program has to itself for a while, and that is left as it was found.

It shows on the alternate screen, so that what was there before comes back. Ways out: `q`, Ctrl-C, SIGTERM; Ctrl-Z
gives the terminal back until the shell continues us.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Alternate screen, no cursor, no wrapping: xterm's private modes, which every terminal of today has."""
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"


class Terminal:
    """`async with Terminal() as terminal:` on the running loop. Needs a terminal at standard output."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        """Set when it was resized or came back, and should be drawn again. Cleared by whoever draws."""
        self.left = asyncio.Event()
        """Set once the person at the keyboard wants to leave."""
        self._modes: list[object] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.left.set)
        loop.add_signal_handler(signal.SIGWINCH, self.changed.set)
        loop.add_signal_handler(signal.SIGTSTP, self._pause)
        self._take()
        if self._modes is not None:
            loop.add_reader(sys.stdin.fileno(), self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        if self._modes is not None:
            loop.remove_reader(sys.stdin.fileno())
        self._give_back()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGWINCH, signal.SIGTSTP):
            loop.remove_signal_handler(number)

    def size(self) -> tuple[int, int]:
        """Columns and rows, now; the usual 80 and 24 where the terminal does not know."""
        size = os.get_terminal_size(sys.stdout.fileno())
        return size.columns or 80, size.lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Over what is there, in one write, so that nothing flickers. More lines than rows are left out."""
        # each cleared before and not after: a cursor on the last column would erase what was just written there
        rows = enumerate([*lines, *[""] * self.size()[1]][: self.size()[1]], 1)
        self._write("".join(f"\x1b[{row};1H\x1b[K{line}" for row, line in rows))

    def _take(self) -> None:
        if sys.stdin.isatty():
            modes: list[object] = list(termios.tcgetattr(sys.stdin))
            self._modes = modes
            tty.setcbreak(sys.stdin, termios.TCSANOW)  # keys at once, unseen; Ctrl-C and Ctrl-Z stay signals
        self._write(ENTER)

    def _give_back(self) -> None:
        self._write(LEAVE)
        if self._modes is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._modes)  # type: ignore[arg-type]  # what tcgetattr gave

    def _pause(self) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()  # we were continued
        self.changed.set()

    def _read(self) -> None:
        keys = os.read(sys.stdin.fileno(), 1024)
        if not keys or b"q" in keys:  # an empty read: the terminal is gone
            self.left.set()

    def _write(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding or "utf-8", "replace"))
        sys.stdout.buffer.flush()
