"""A rate with a burst, and the answer to who is above it. Pure: the time is an argument, in monotonic seconds."""

from __future__ import annotations

from math import ceil, inf

from ..reasons import Refused

_TOLERANCE = 1e-6
"""Seconds. Who comes back exactly after the advised time must succeed although floats round; 1 us is far above an
ulp of any monotonic clock and grants 0.00005 messages at 50/s."""


class TokenBucket:
    """
    A rate with a burst: in any window of T seconds at most `burst + rate * T` are granted.

    Kept as one number, the time when the bucket would be full again (the generic cell rate algorithm of ATM), so
    there is nothing to refill and nothing that rounding could add up.

    Args:
        rate: Tokens per second.
        burst: Tokens of a full bucket; it starts full.
    """

    __slots__ = ("_depth", "_full_at", "_step", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        if rate <= 0 or burst <= 0:
            raise ValueError(f"could not make a token bucket: rate {rate}, burst {burst}; use more than 0")
        self.rate = rate
        self.burst = burst
        self._step = 1 / rate
        self._depth = burst / rate + _TOLERANCE
        self._full_at = -inf

    def take(self, now: float, n: float = 1.0) -> float:
        """
        Takes `n` tokens, all or none.

        Returns:
            0.0 if they were taken; else the seconds until this would succeed (`retry_after`), which is infinite for
            more than a burst.
        """
        full_at = self._full_at
        if full_at < now:
            full_at = now
        full_at += n * self._step
        if full_at - now > self._depth:
            return full_at - now - self.burst / self.rate if n <= self.burst else inf
        self._full_at = full_at
        return 0.0

    def wait(self, now: float, n: float = 1.0) -> float:
        """What `take` would say; nothing is taken."""
        full_at = self._full_at
        wait = self.take(now, n)
        self._full_at = full_at
        return wait

    def give(self, n: float) -> None:
        """Gives back `n` tokens that were taken and not used; above the burst they are lost."""
        self._full_at -= n * self._step

    def is_full(self, now: float) -> bool:
        """Whether it says the same as a new one."""
        return self._full_at <= now


def too_many(wait: float, fact: str = "") -> Refused:
    """
    The answer to one message too many.

    Args:
        wait: Seconds until one would be taken. Told in milliseconds, and never less: who heeds it must be served.
        fact: Of what there were too many, if that is not the messages of its sender.
    """
    after = max(1, ceil((wait - _TOLERANCE / 2) * 1000)) / 1000  # half: the other half is for what the bucket rounds
    return Refused("too_many_requests", f"{fact}wait {max(after, 0.01):.2f} s", retry_after=after)
