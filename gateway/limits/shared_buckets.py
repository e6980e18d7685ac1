"""
Rates that many connections have together: one bucket for each principal, or for each address.

Pure: the time is an argument, in monotonic seconds. Bounded: a bucket that is full again says nothing and is forgotten,
and above the capacity the one that was used least lately is. Each call looks at two old entries at most.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache

from .token_bucket import TokenBucket

CAPACITY = 16_384
"""Buckets: some 5 MiB (measured, 300 bytes each). A bucket that is used as it may be is full again within seconds, so
these are the peers of the last few seconds; whoever brings more of them at once is an attack from many addresses, which
the limits of the whole node answer."""

NOBODY = ""
"""The key of those who are not counted together: who is anonymous, and who is on this machine."""

SUBNET_BITS = 64
"""Of an IPv6 address: every customer has at least that much for himself (RFC 6177), and could choose any address in
it for each connection."""


class SharedBuckets:
    """
    Buckets of one kind, by key; all with the same rate and burst. `NOBODY` is never made to wait.

    Args:
        rate: Tokens per second and key.
        burst: Tokens at once; a key that is new, or was forgotten, has them all.
    """

    __slots__ = ("_buckets", "_capacity", "burst", "rate")

    def __init__(self, rate: float, burst: float, capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"could not make shared buckets: capacity {capacity}; use 1 or more")
        self.rate = rate
        self.burst = burst
        self._capacity = capacity
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float, n: float = 1) -> float:
        """Takes `n` tokens, all or none; returns 0.0, or the seconds until it would succeed, as `TokenBucket.take`."""
        if not key:
            return 0.0
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._add(key, now)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now, n)

    def wait(self, key: str, now: float) -> float:
        """What `take` of one token would say; nothing is taken."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait(now)

    def give(self, key: str, n: float) -> None:
        """Gives back what was taken and not used."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.give(n)

    def _add(self, key: str, now: float) -> TokenBucket:
        self._forget(now)
        if len(self._buckets) >= self._capacity:
            self._buckets.popitem(last=False)
        bucket = self._buckets[key] = TokenBucket(self.rate, self.burst)
        return bucket

    def _forget(self, now: float) -> None:
        """Two at most for one that comes: the table shrinks, and no call ever pays for all of it."""
        for _ in range(2):
            oldest = next(iter(self._buckets), None)
            if oldest is None or not self._buckets[oldest].is_full(now):
                return
            del self._buckets[oldest]


@lru_cache(maxsize=4_096)  # reading one takes 6 us, and a busy door sees the same ones again; 0.2 KiB each
def key_of(address: str) -> str:
    """
    Whose bucket a connection from this address takes from: the address, of IPv6 its /64, written the one right way.

    `NOBODY` for loopback, for a Unix socket, and for what is no address. A proxy on this machine that nobody has
    declared in `trusted_proxies` hands over the whole world from one loopback address: a limit there would shut out
    everybody because of one. And who is on the machine can do worse than to open sockets.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return NOBODY
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return NOBODY if ip.is_loopback else str(ipaddress.ip_network((ip, SUBNET_BITS), strict=False))
        ip = ip.ipv4_mapped
    return NOBODY if ip.is_loopback else str(ip)
