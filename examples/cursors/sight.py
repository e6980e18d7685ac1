"""What a reader has seen of the pointers, and what it has not."""

from __future__ import annotations

from typing import Any

import attrs

MAX_POINTERS = 128
"""Those that moved last: all robots and everybody who may be here."""


@attrs.define
class Sight:
    """What it has read so far: the last position of each pointer, and how many it never saw."""

    read: int = 0
    skipped: int = 0
    late: float = 0.0
    """Seconds that the last one was on its way."""
    at: dict[str, dict[str, Any]] = attrs.Factory(dict)

    def see(self, frame: dict[str, Any], now: float) -> None:
        """Positions are counted by `n`, each pointer's own: what is left out of it was skipped."""
        if frame.get("event") not in ("at", "robot"):
            return
        place = frame["payload"]
        pointer = f"robot {place['robot']}" if "robot" in place else frame["sender"]["client"]
        before = self.at.get(pointer, {"n": place["n"] - 1})["n"]
        self.skipped += max(0, place["n"] - before - 1)
        self.read += 1
        self.late = round(max(0.0, now - frame["time"]), 2)
        self.at.pop(pointer, None)
        self.at[pointer] = place
        while len(self.at) > MAX_POINTERS:
            del self.at[next(iter(self.at))]
