"""Who pays when app code fails while it handles somebody's message: that somebody, and only then the room. Pure."""

from __future__ import annotations

from collections import deque

import attrs

LIMIT = 3
PERIOD = 30.0
"""
Failures by one connection's messages in so many seconds, after which that connection is closed: `too_many_crashes`.
"""

MAX_REMEMBERED = 256
"""Failures kept: at the rate limit of two clients, more than those of the period."""


@attrs.frozen
class Charge:
    """What one failure costs."""

    closes_connection: bool
    room_pays: bool
    """Only when at least two principals make it fail in the period: one client cannot close a room."""


class Blame:
    """The failures of one topic's behaviour, by whom they were caused."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, str, str]] = deque(maxlen=MAX_REMEMBERED)

    def charge(self, now: float, client: str, user: str) -> Charge:
        """Notes a failure at `now` (monotonic seconds). Anonymous clients count as one principal each."""
        while self._failures and now - self._failures[0][0] >= PERIOD:
            self._failures.popleft()
        self._failures.append((now, client, user or client))
        own = sum(one == client for _, one, _ in self._failures)
        return Charge(own >= LIMIT, len({who for _, _, who in self._failures}) > 1)
