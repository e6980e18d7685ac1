"""
What connections may do together: those of one principal, those of one address. And who may come in at all.

Theory of operation. A connection has a bucket of its own, in its `Gate`. What it may send counts for its principal and
for its address as well, and asking those for each message would triple the price of it; so a gate takes a lease of
`LEASE` messages from both at once, and asks again when that is used up. Near their end a lease is one message.

Pure: the time is an argument, in monotonic seconds. One per node; what it counts, it counts for this node.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import attrs

from .shared_buckets import NOBODY, SharedBuckets
from .token_bucket import TokenBucket

if TYPE_CHECKING:
    from .limits import Limits

LEASE = 16
"""Messages that a connection takes from the shared buckets at once: asking costs a sixteenth then, and what it could
hold back from the others is a third of a second of its own rate."""

COME_BACK = 5
"""Seconds that who met a full node is told to wait: somebody may have left by then."""


@attrs.frozen
class TurnedAway:
    """The answer to an upgrade that is one too many."""

    status: int
    """503 for what the node as a whole cannot take, 429 (RFC 6585 4) for what one address has used up."""
    reason: str
    retry_after: int
    """Whole seconds, at least one: the unit of the header."""


class Quotas:
    """One per node, made of its limits."""

    def __init__(self, limits: Limits) -> None:
        rate, burst = limits.messages_per_second, limits.burst
        of_principal, of_address = limits.principal_multiple, limits.address_multiple
        self._limits = limits
        self._principals = SharedBuckets(rate * of_principal, burst * of_principal)
        self._addresses = SharedBuckets(rate * of_address, burst * of_address)
        self._creators = SharedBuckets(limits.address_topics_per_second, limits.address_topic_burst)
        self._callers = SharedBuckets(limits.address_connections_per_second, limits.address_connection_burst)
        self._arrivals = TokenBucket(limits.connections_per_second, limits.connection_burst)
        self._open: dict[str, int] = {}

    # --- messages

    def lease(self, principal: str, address: str, now: float) -> tuple[int, float]:
        """How many messages may come before the next question; 0 and the seconds until one may."""
        if self._take(principal, address, now, LEASE) == 0.0:
            return LEASE, 0.0
        if self._take(principal, address, now, 1) == 0.0:
            return 1, 0.0
        return 0, self.wait(principal, address, now)

    def wait(self, principal: str, address: str, now: float) -> float:
        """Seconds until one message may come; nothing is taken."""
        return max(self._principals.wait(principal, now), self._addresses.wait(address, now))

    def give_back(self, principal: str, address: str, unused: int) -> None:
        """The rest of a lease, of a connection that is over or is somebody else's by now."""
        self._principals.give(principal, unused)
        self._addresses.give(address, unused)

    def _take(self, principal: str, address: str, now: float, n: int) -> float:
        """From both or from none."""
        wait = self._principals.take(principal, now, n)
        if wait == 0.0:
            wait = self._addresses.take(address, now, n)
            if wait > 0.0:
                self._principals.give(principal, n)
        return wait

    # --- topics

    def wait_to_create(self, address: str, now: float) -> float:
        """0.0 if a client from there may bring a topic to life now, else the seconds until one may."""
        return self._creators.take(address, now)

    # --- connections

    def turn_away(self, address: str, open_here: int, now: float) -> TurnedAway | None:
        """
        Whether one more connection would be too many; None, and it is counted, if not.

        The address is asked before the node: whoever floods from one address uses up nothing of the others.
        """
        limits = self._limits
        if limits.max_connections is not None and open_here >= limits.max_connections:
            return TurnedAway(503, "connection_limit", COME_BACK)
        most = limits.max_connections_per_address
        if most is not None and self._open.get(address, 0) >= most:
            return TurnedAway(429, "address_connection_limit", COME_BACK)
        wait = self._callers.take(address, now)
        if wait > 0.0:
            return TurnedAway(429, "address_connection_rate", max(1, ceil(wait)))
        wait = self._arrivals.take(now)
        if wait > 0.0:
            self._callers.give(address, 1)
            return TurnedAway(503, "connection_rate", max(1, ceil(wait)))
        return None

    def entered(self, address: str) -> None:
        """A connection from there is open; only counted if there is a limit to it."""
        if address != NOBODY and self._limits.max_connections_per_address is not None:
            self._open[address] = self._open.get(address, 0) + 1

    def left(self, address: str) -> None:
        count = self._open.pop(address, 0)
        if count > 1:
            self._open[address] = count - 1
