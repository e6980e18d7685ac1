"""What the feed and the channel share: the pace, where the feed is, and how often people may crash it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from gateway import Refused

from .feed import Crash

if TYPE_CHECKING:
    from actors import ActorRef

MAX_CRASHES = 3
PERIOD = 30.0
"""Crashes by button in so many seconds. /app forgives each of its children 5 restarts in 30 s; the feed needs one."""


@attrs.frozen
class Pace:
    """Times of the feed; tests run a faster one."""

    interval: float = 0.25
    """Seconds between prices: four a second look alive and leave the page calm."""

    connect: float = 0.8
    """Seconds a new feed needs until its first price. Real ones log in; here it makes the gap visible."""

    lasts: int = 160
    """Prices until it fails by itself: 40 s, beyond the 30 s of health after which the back-off starts over."""


class Desk:
    """One per app. Used on the loop's thread only."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.feed: ActorRef[Any] | None = None
        """Set once; a ref stays valid through restarts."""
        self._crashes: deque[float] = deque(maxlen=MAX_CRASHES)

    def crash(self, now: float) -> None:
        """
        Makes the feed fail. `now` is monotonic seconds.

        Raises:
            Refused: It is down already, or was crashed so often that once more would make its supervisor give up.
        """
        if len(self._crashes) == MAX_CRASHES and now - self._crashes[0] < PERIOD:
            wait = PERIOD - (now - self._crashes[0])
            words = f"crashed {MAX_CRASHES} times in {PERIOD:g} s; once more and its supervisor might give it up"
            raise Refused("too_many_requests", words, retry_after=round(wait, 1))
        if self.feed is None or self.feed.info().phase != "running":
            raise Refused("feed_down", "the feed is down already; it comes back by itself", temporary=True)
        self._crashes.append(now)
        self.feed.tell(Crash())
