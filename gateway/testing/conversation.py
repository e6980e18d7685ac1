"""What was said in a test, in order: for whoever reads why it failed."""

from __future__ import annotations

from collections import deque
from typing import Literal

MAX_LINES = 1_000
"""Lines kept; the last ones. A test whose failure cannot be read from those says too much."""

MAX_SHOWN = 500
"""Characters of one message; as many as a few lines of a terminal."""

Sign = Literal["+", ">", "<", "x", "!", "~"]
"""Connects, sends, receives, is over, something failed, time passes."""


class Conversation:
    """One per test, however many servers and clients it has."""

    def __init__(self) -> None:
        self._lines: deque[tuple[str, Sign, str]] = deque(maxlen=MAX_LINES)
        self._names: dict[str, int] = {}
        self.is_over = False
        """Whether nothing is noted any more: what follows is clean-up, not the test."""

    def name(self, wanted: str) -> str:
        """A name that nobody has: the second alice is `alice 2`."""
        count = self._names[wanted] = self._names.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted} {count}"

    def note(self, who: str, sign: Sign, what: str | bytes) -> None:
        if not self.is_over:
            self._lines.append((who, sign, shown(what)))

    def last(self, count: int) -> str:
        """The last lines, from the oldest."""
        lines = list(self._lines)[-count:]
        width = max((len(who) for who, _, _ in lines), default=0)
        return "\n".join(f"{who:{width}} {sign} {what}".rstrip() for who, sign, what in lines)

    def __str__(self) -> str:
        return self.last(MAX_LINES)


def shown(data: str | bytes) -> str:
    """Text as it is, bytes as Python writes them; cut where it is long."""
    text = data if isinstance(data, str) else repr(data)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(data)} in all)"
