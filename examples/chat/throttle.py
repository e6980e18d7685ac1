"""How often one may try to log in: a password is guessed by trying many, at one name or at many names."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

from aiohttp import web

from gateway.limits.shared_buckets import SharedBuckets, key_of

from .credentials import refusal

WRONG_AT_ONCE, WRONG_PER_SECOND = 5, 1 / 30
"""Wrong passwords of one name: 2,880 a day, of which no list of common passwords gets anywhere. Somebody could keep its
owner from logging in by that, for as long as he goes on; who is logged in stays."""

TRIES_AT_ONCE, TRIES_PER_SECOND = 20, 1 / 5
"""Tries of one address, also to sign up: an office behind one address comes in the morning. Nobody is counted on
loopback, where a proxy may hand over the whole world (`trusted_proxies` tells which address is a client's)."""


class Throttle:
    """Used on the loop's thread only. Bounded: what was not used for a while is forgotten."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._names = SharedBuckets(WRONG_PER_SECOND, WRONG_AT_ONCE)
        self._addresses = SharedBuckets(TRIES_PER_SECOND, TRIES_AT_ONCE)

    def enter(self, name: str, address: str) -> None:
        """Before a password is hashed: that is what an attack would keep us busy with. Raises what is answered 429."""
        now = self._now()
        wait = self._addresses.take(key_of(address), now) or self._names.take(name.lower(), now)
        if wait > 0:
            words = f"too many tries; come back in {ceil(wait)} s"
            raise refusal(web.HTTPTooManyRequests, words, {"Retry-After": str(ceil(wait))})

    def was_right(self, name: str) -> None:
        """Only wrong ones count, and those before it still do."""
        self._names.give(name.lower(), 1)
