"""What one connection may send: how fast, how much at once, how many mistakes. Decides; the machine acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .credit import Credit
from .message_limit import Meter
from .strikes import Strikes
from .token_bucket import TokenBucket

if TYPE_CHECKING:
    from .limits import Limits
    from .message_limit import Limit
    from .quotas import Quotas


class Gate:
    """
    The limits of one connection; buckets are made on first need, an idle connection has none.

    A message that is refused because of what others have used up has cost its own token all the same: else whoever
    shares a spent quota could ask for ever. So what it is told to wait is also until it has the next one, and who heeds
    that is never over its own rate.

    Args:
        quotas: What it shares with others.
        address: Whom it shares that with, as `shared_buckets.key_of` says it; `principal` is the other one.
    """

    __slots__ = (
        "_address",
        "_bucket",
        "_errors",
        "_excess",
        "_free_joins",
        "_is_others_doing",
        "_leased",
        "_limits",
        "_meters",
        "_principal",
        "_quotas",
        "credit",
    )

    def __init__(self, limits: Limits, quotas: Quotas, address: str, principal: str) -> None:
        self._limits = limits
        self._quotas = quotas
        self._address = address
        self._principal = principal
        self._leased = 0
        self._is_others_doing = False
        self.credit = Credit(limits.in_flight_commands, limits.in_flight_bytes)
        self._bucket: TokenBucket | None = None
        self._excess: Strikes | None = None
        self._errors: Strikes | None = None
        self._meters: dict[Limit, Meter] | None = None
        self._free_joins = limits.max_topics_per_connection

    def wait_to_join(self, now: float) -> float:
        """As `wait`, for a join: a page that comes back joins all its topics at once, and no burst is as large."""
        if self._free_joins > 0:
            self._free_joins -= 1
            return 0.0
        return self.wait(now)

    def wait(self, now: float) -> float:
        """0.0 if a message may come now, else the seconds until one may. The hot path: mostly one bucket is asked."""
        bucket = self._bucket
        if bucket is None:
            bucket = self._own_bucket()
        wait = bucket.take(now)
        if wait > 0.0:
            self._is_others_doing = False
            self.end()  # it cannot use its lease now, others can
            return max(wait, self._quotas.wait(self._principal, self._address, now))
        if self._leased > 0:
            self._leased -= 1
            return 0.0
        wait = self._lease(now)
        return max(wait, bucket.wait(now)) if wait > 0.0 else 0.0

    def wait_for(self, limit: Limit, now: float) -> float:
        """As `wait`, for a message with a limit of its own: that one is asked instead of the connection's bucket."""
        meter = self._meter(limit)
        wait = meter.wait(now)
        if wait > 0.0:
            self._is_others_doing = False
            return wait if self._leased else max(wait, self._quotas.wait(self._principal, self._address, now))
        if self._leased > 0:
            self._leased -= 1
            return 0.0
        wait = self._lease(now)
        return self._refused_by_others(meter, wait, now) if wait > 0.0 else 0.0

    def _refused_by_others(self, meter: Meter, wait: float, now: float) -> float:
        """It was not taken, so it costs nothing of its own limit; what it costs is the connection's to pay."""
        meter.give_back()
        bucket = self._own_bucket()
        self._is_others_doing = bucket.take(now) == 0.0
        return max(wait, bucket.wait(now))

    def _own_bucket(self) -> TokenBucket:
        if self._bucket is None:
            self._bucket = TokenBucket(self._limits.messages_per_second, self._limits.burst)
        return self._bucket

    def may_drop(self, limit: Limit, now: float) -> bool:
        """Whether a message that is over its limit is left out; else its sender is told."""
        return self._meter(limit).may_drop(now)

    def _meter(self, limit: Limit) -> Meter:
        """As many as its endpoint and its topics have handlers with a limit."""
        if self._meters is None:
            self._meters = {}
        meter = self._meters.get(limit)
        if meter is None:
            meter = self._meters[limit] = Meter(limit)
        return meter

    def _lease(self, now: float) -> float:
        """This message and the next few, from what is shared."""
        granted, wait = self._quotas.lease(self._principal, self._address, now)
        self._leased = max(0, granted - 1)
        self._is_others_doing = wait > 0.0
        return wait

    def is_of(self, principal: str) -> None:
        """Whose connection it is from now on; what was leased in another name goes back."""
        if principal != self._principal:
            self.end()
            self._principal = principal

    def end(self) -> None:
        """Nothing more comes for now: the rest of a lease goes back."""
        if self._leased:
            self._quotas.give_back(self._principal, self._address, self._leased)
            self._leased = 0

    def is_deaf(self, now: float) -> bool:
        """
        Notes one message too many; whether that was one more than anybody who listens would send.

        What only the others of its principal or address have used up is not held against it.
        """
        if self._is_others_doing:
            return False
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
        return self.credit.is_held
