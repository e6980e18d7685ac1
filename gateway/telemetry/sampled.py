"""Pure: which of many equal facts are worth a line in the log. All of them are counted elsewhere."""

from __future__ import annotations

from math import inf

INTERVAL = 1.0
"""Seconds between two lines of one kind: a flood stays legible, and a log that is followed still moves."""


class Sampled:
    """
    At most one line per `INTERVAL` and kind: the first at once, then one that says how many there were meanwhile.

    What comes after the last line of a flood is said with the next one, however much later. Kinds come from small
    closed sets: an event and its label.
    """

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def take(self, kind: str, now: float) -> int:
        """
        Takes in one fact at `now`, in seconds.

        Returns:
            0 to say nothing; else how many facts the line stands for, this one included.
        """
        held = self._held.get(kind, 0) + 1
        if now - self._said.get(kind, -inf) < INTERVAL:
            self._held[kind] = held
            return 0
        self._said[kind] = now
        self._held[kind] = 0
        return held
