"""A connection that is open, as somebody sees it who looks from outside: the counterpart of `ConnectionClosed`."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class ConnectionView:
    """One moment of it; ages and durations in seconds."""

    connection: str
    principal: str
    """Empty: anonymous."""
    address: str
    wire: str
    path: str
    seconds: float
    last_inbound_age: float
    missed_pings: int
    outbox_bytes: int
    """What waits because its client reads too slowly."""
    received: int
    """Messages since it was opened."""
    batches_sent: int
    """What left since it was opened: an answer is one, and what a topic had for it in one turn is one, however much."""
    topics: tuple[str, ...]
