"""The table of limits: what one connection, and one node, may use. One for all wires."""

from __future__ import annotations

import attrs

_positive = attrs.validators.gt(0)
_above_zero = attrs.validators.gt(0.0)
_optional_positive = attrs.validators.optional(attrs.validators.gt(0))


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
