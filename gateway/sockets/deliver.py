"""What a topic has for a member at the end of a turn: one write, or frame by frame for an outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages.publications import Delivery
from .outbox import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..messages.publications import Item
    from .outbox import SlowPolicy


class Deliver:
    """
    One object for all members that read the same bytes. Nothing in it changes once it is told.

    Args:
        items: What came, in order.
        frames: Each as this wire shows it; empty if it does not.
        at: When it was accepted for delivery, monotonic seconds.
        slow: What the outbox of a congested member may do with publications. Who came and went never gives way: without
            one such change its reader's list of who is here would be wrong for good.
    """

    __slots__ = ("_entries", "at", "frames", "items", "joined", "slow", "topic")

    def __init__(self, topic: str, items: Sequence[Item], frames: Sequence[bytes], at: float, slow: SlowPolicy) -> None:
        self.topic = topic
        self.items = items
        self.frames = frames
        self.at = at
        self.slow = slow
        self.joined = frames[0] if len(frames) == 1 else b"".join(frames)
        """All frames in order, for a member whose socket takes them; empty if there is nothing to see."""
        self._entries: tuple[Entry, ...] | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The same one by one, for the outbox of a member whose socket is full; made for the first of them."""
        if self._entries is None:
            self._entries = tuple(
                Entry(frame, self.at, self.topic, offset_of(item), self._key(item), self._policy(item))
                for item, frame in zip(self.items, self.frames, strict=True)
                if frame
            )
        return self._entries

    def _policy(self, item: Item) -> SlowPolicy:
        return self.slow if isinstance(item, Delivery) else "disconnect"

    def _key(self, item: Item) -> str | None:
        return key_of(item) if self.slow == "conflate" else None


def offset_of(item: Item) -> int | None:
    """None: ephemeral, or no publication."""
    return item.position.offset if isinstance(item, Delivery) and item.position is not None else None


def key_of(item: Item) -> str | None:
    """What it is the latest value of: as its publisher says, else one value per event and sender."""
    if not isinstance(item, Delivery):
        return None
    publication = item.publication
    if publication.conflate is not None or publication.sender is None:
        return publication.conflate
    return f"{publication.event}\0{publication.sender.client}"
