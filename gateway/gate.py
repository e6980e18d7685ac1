"""What one connection may send: how fast, how much at once, how many mistakes. Decides; the machine acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .credit import Credit
from .limits import Strikes, TokenBucket

if TYPE_CHECKING:
    from .limits import Limits


class Gate:
    """The limits of one connection; buckets are made on first need, an idle connection has none."""

    __slots__ = ("_bucket", "_errors", "_excess", "_free_joins", "_is_held", "_limits", "credit")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.credit = Credit(limits.in_flight_commands, limits.in_flight_bytes)
        self._bucket: TokenBucket | None = None
        self._excess: Strikes | None = None
        self._errors: Strikes | None = None
        self._is_held = False
        self._free_joins = limits.max_topics_per_connection

    def wait_to_join(self, now: float) -> float:
        """As `wait`, for a join: a page that comes back joins all its topics at once, and no burst is as large."""
        if self._free_joins > 0:
            self._free_joins -= 1
            return 0.0
        return self.wait(now)

    def wait(self, now: float) -> float:
        """0.0 if a message may come now, else the seconds until one may."""
        if self._bucket is None:
            self._bucket = TokenBucket(self._limits.messages_per_second, self._limits.burst)
        return self._bucket.take(now)

    def is_deaf(self, now: float) -> bool:
        """Notes one message too many; whether that was one more than anybody who listens would send."""
        if self._excess is None:
            self._excess = Strikes()
        return self._excess.strike(now)

    def is_hopeless(self, now: float) -> bool:
        """Notes a message nobody could understand; whether there were too many of them."""
        if self._errors is None:
            self._errors = Strikes(self._limits.max_errors)
        return self._errors.strike(now)

    @property
    def is_shut(self) -> bool:
        """Whether nothing is read for want of credit: then silence says nothing about the peer."""
        return self._is_held or self.credit.is_spent

    def give(self, size_bytes: int) -> bool:
        """Credit comes back; whether reading may go on that had stopped."""
        self._is_held = self._is_held or self.credit.is_spent
        self.credit.give(size_bytes)
        if self._is_held and self.credit.is_plenty:
            self._is_held = False
            return True
        return False
