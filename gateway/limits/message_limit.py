"""How often one client may send one kind of message, where that is not what its connection may send of everything."""

from __future__ import annotations

from typing import Literal

import attrs

from ..amounts import choice, seconds, whole
from .token_bucket import TokenBucket

DROPPED = 10
"""Times its limit that a client may send of what is dropped. A mouse of 1,000 reports a second stays below that of a
limit of 120; what is above is a flood, and answered as one: to read and drop a message costs some 15 us."""


@attrs.frozen(eq=False)
class Limit:
    """
    A rate of one kind of message, for each connection: `@on(Move, limit=Limit(120, per=1.0, on_excess="drop"))`.

    It stands in the place of the connection's own rate, above it or below: what has a limit is not counted there. What
    the connections of one principal, and of one address, may send together counts these messages as well. Handlers
    that are given the same object share it.

    Args:
        messages: So many at once, and so many per `per` in the long run, evenly spread.
        per: Seconds.
        on_excess: "refuse": each is answered with `retry_after`, and the tenth within a minute closes the connection.
            "drop": for what the next message makes worthless, as the place of a cursor. It reaches no handler, is a
            fact (`message.dropped`), and who waits for an answer gets that of a message that was handled. More than
            ten times the limit is refused all the same.
    """

    messages: int = attrs.field(validator=whole(1))
    per: float = attrs.field(default=1.0, validator=seconds)
    on_excess: Literal["refuse", "drop"] = attrs.field(default="refuse", validator=choice("refuse", "drop"))


def check_limit(given: object) -> None:
    """Raises TypeError for what is none; None is the connection's own rate."""
    if given is not None and not isinstance(given, Limit):
        raise TypeError(f"could not limit messages by {given!r}: write limit=Limit(5, per=1.0)")


class Meter:
    """What one connection has sent of that; the time is an argument, in monotonic seconds."""

    __slots__ = ("_dropped", "_taken")

    def __init__(self, limit: Limit) -> None:
        self._taken = TokenBucket(limit.messages / limit.per, limit.messages)
        self._dropped = (
            TokenBucket(DROPPED * limit.messages / limit.per, DROPPED * limit.messages)
            if limit.on_excess == "drop"
            else None
        )

    def wait(self, now: float) -> float:
        """0.0 if one more is taken, and it is; else the seconds until one would be."""
        return self._taken.take(now)

    def give_back(self) -> None:
        """One that was taken here, and refused elsewhere."""
        self._taken.give(1)

    def may_drop(self, now: float) -> bool:
        """Whether one that is too many is left out without a word, and it is; else its sender is told."""
        return self._dropped is not None and self._dropped.take(now) == 0.0
