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
    sent: int
    """Frames since it was opened."""
    topics: tuple[str, ...]
