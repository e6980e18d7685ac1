"""
How much one peer may ask for: rates, strikes, sizes, names. One table for all wires.

Pure: the time is an argument, in monotonic seconds.
"""

from __future__ import annotations

import re
from math import ceil, inf

import attrs

from ..reasons import Refused

_TOLERANCE = 1e-6
"""Seconds. Who comes back exactly after the advised time must succeed although floats round; 1 us is far above an
ulp of any monotonic clock and grants 0.00005 messages at 50/s."""

_positive = attrs.validators.gt(0)
_above_zero = attrs.validators.gt(0.0)
_optional_positive = attrs.validators.optional(attrs.validators.gt(0))


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


class Strikes:
    """
    Counts offences in a sliding window; exact, since it keeps the times of the last `limit`.

    Args:
        limit: Strikes that are too many. 10: a client in a retry loop gets there, a clumsy person does not.
        window: Seconds. A minute, so that a page left open for a day is judged by its last minute.
    """

    __slots__ = ("_times", "limit", "window")

    def __init__(self, limit: int = 10, window: float = 60.0) -> None:
        if limit < 1 or window <= 0:
            raise ValueError(f"could not count strikes: limit {limit}, window {window} s; use 1 or more, and above 0")
        self.limit = limit
        self.window = window
        self._times: list[float] = []

    def strike(self, now: float) -> bool:
        """Counts one; True if with it `limit` or more happened within the last `window` seconds."""
        times = self._times
        times.append(now)
        if len(times) > self.limit:
            del times[0]
        return len(times) == self.limit and now - times[0] < self.window


@attrs.frozen(kw_only=True)
class Limits:
    """What one connection, and one node, may use. The same numbers on every wire."""

    max_message: int = attrs.field(default=64 * 1024, validator=[_positive, attrs.validators.le(2**31)])
    """Bytes of one inbound message; above it the connection closes with 1009. 64 KiB, as Centrifugo's default. At most
    2 GiB: it is in memory as a whole, and the parser counts in C."""
    messages_per_second: float = attrs.field(default=50.0, validator=_above_zero)
    """Messages per second and connection. 50 is a game's input or a fast cursor, not a person typing."""
    burst: int = attrs.field(default=100, validator=_positive)
    """Messages at once. 100: a reconnecting page sends a subscribe for each of its topics in one go."""
    max_topics_per_connection: int = attrs.field(default=128, validator=_positive)
    """Topics. 128 as in Centrifugo; Phoenix allows 100."""
    max_topic_name_bytes: int = attrs.field(
        default=255, validator=attrs.validators.and_(_positive, attrs.validators.le(255))
    )
    """Bytes as UTF-8. 255 is all that fits the one length byte of Phoenix's binary frames, so it can only be less."""
    max_connections: int | None = attrs.field(default=None, validator=_optional_positive)
    """Connections per node; None leaves it to the file descriptors the system grants."""
    connections_per_second: float = attrs.field(default=1000.0, validator=_above_zero)
    """New connections per second and node, in the long run; above it the upgrade is answered with 503. 1,000 is about
    half of what one core can do, so that a storm leaves some of it to those who are connected."""
    connection_burst: int = attrs.field(default=20_000, validator=_positive)
    """New connections at once. 20,000: everybody of a full node, who comes back after it was restarted."""
    address_connections_per_second: float = attrs.field(default=50.0, validator=_above_zero)
    """New connections per second and address, in the long run; above it 429. 50: nobody opens as many, and a big office
    behind one address does not either. An address is an IPv6 /64; loopback is none, for there any limit would hit
    everybody behind a proxy that is not declared."""
    address_connection_burst: int = attrs.field(default=1000, validator=_positive)
    """New connections of one address at once. 1,000 people behind one address, who all come back after a restart."""
    max_connections_per_address: int | None = attrs.field(default=None, validator=_optional_positive)
    """Open connections per address; None is no limit: a mobile carrier puts thousands of people behind one."""
    principal_multiple: int = attrs.field(default=4, validator=_positive)
    """Times `messages_per_second` and `burst` that all connections of one principal have together. 4: several tabs and
    a phone, of which each may still do all that one may. The anonymous are nobody, and have their address."""
    address_multiple: int = attrs.field(default=40, validator=_positive)
    """Times `messages_per_second` and `burst` that all connections of one address have together. 40 cursors that move
    all the time, or some thousand people who type: 2,000 messages are less than a tenth of a core."""
    address_topics_per_second: float = attrs.field(default=20.0, validator=_above_zero)
    """Topics per second that clients of one address may bring to life, in the long run; one that lives costs nothing.
    20 would take 80 minutes to fill `max_topics`, and those nobody is in are gone after two."""
    address_topic_burst: int = attrs.field(default=2000, validator=_positive)
    """Topics of that kind at once. 2,000: those 1,000 people, each with two topics of their own."""
    outbox_bytes: int = attrs.field(default=1024 * 1024, validator=_positive)
    """Bytes waiting for a congested peer. 1 MiB as in Centrifugo: sixteen of the largest messages."""
    outbox_age: float = attrs.field(default=10.0, validator=_above_zero)
    """Seconds the oldest of them may wait. Older news reach a person sooner by reconnecting and recovering."""
    outbox_entries: int = attrs.field(default=16_384, validator=_positive)
    """Entries, a guard for tiny messages: 1 MiB of 64 bytes each."""
    in_flight_commands: int = attrs.field(default=64, validator=_positive)
    """Commands handed to the session and not answered; above it the socket is not read. 64 is half the topics
    of a page that subscribes to all it may at once."""
    in_flight_bytes: int = attrs.field(default=256 * 1024, validator=_positive)
    """Bytes of those commands. 256 KiB is one read of the event loop."""
    max_errors: int = attrs.field(default=10, validator=_positive)
    """Undecodable messages in a minute before the close as `too_many_errors`."""
    max_topics: int = attrs.field(default=100_000, validator=_positive)
    """Live topics per node: what one process can hold with an actor each; a scan of names ends here."""


def too_many(wait: float, fact: str = "") -> Refused:
    """
    The answer to one message too many.

    Args:
        wait: Seconds until one would be taken. Told in milliseconds, and never less: who heeds it must be served.
        fact: Of what there were too many, if that is not the messages of its sender.
    """
    after = max(1, ceil((wait - _TOLERANCE / 2) * 1000)) / 1000  # half: the other half is for what the bucket rounds
    return Refused("too_many_requests", f"{fact}wait {max(after, 0.01):.2f} s", retry_after=after)


MAX_EVENT_BYTES = 255
"""As UTF-8: what the one length byte of Phoenix's binary frames can say."""

_FORBIDDEN = re.compile('[\x00-\x1f\x7f-\x9f,"]')


def check_topic_name(name: object, *, max_bytes: int = 255) -> str:
    """
    Lets a topic's name pass that is safe on every wire.

    No control characters, and neither comma nor double quote: a Java client of Phoenix cuts frames at the first four
    commas. Otherwise any text; a name is compared as it is, without normalisation.

    Raises:
        Refused: `bad_request`, with a message that says what is wrong.
    """
    if not isinstance(name, str):
        raise _bad_name(f"it is {type(name).__name__}, not text; send a string")
    if not name:
        raise _bad_name("it is empty; send at least one character")
    _check_length(name, max_bytes)
    found = _FORBIDDEN.search(name)
    if found:
        raise _bad_name(f"it contains {found.group()!r}; leave out control characters, commas and double quotes")
    return name


def check_event_name(event: str) -> str:
    """
    Lets the name of an event pass; the same rules as for topics, as it stands in the same frames.

    Raises:
        Refused: `bad_request`, with a message that says what is wrong.
    """
    if event.isascii() and event.isidentifier() and len(event) <= MAX_EVENT_BYTES:  # almost all; 0.1 us
        return event
    try:
        return check_topic_name(event, max_bytes=MAX_EVENT_BYTES)
    except Refused as error:
        raise Refused("bad_request", error.message.replace("topic name", "event name")) from None


def _check_length(name: str, max_bytes: int) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise _bad_name("it contains half of a surrogate pair; send valid Unicode") from None
    if size > max_bytes:
        raise _bad_name(f"it has {size} bytes; use at most {max_bytes}")


def _bad_name(fact: str) -> Refused:
    return Refused("bad_request", f"could not use this topic name: {fact}")
