"""What a topic has for a member: the same bytes as one write, or frame by frame."""

from __future__ import annotations

from gateway.engines.stream import Position
from gateway.messages.publications import Delivery, Publication
from gateway.sockets.deliver import Deliver


def test_what_a_wire_does_not_show_is_no_frame_that_waits() -> None:
    """Every frame has its own item's place; an empty one, as of presence that nobody asked for, has none."""
    publication = Publication("topic", b"{}", 0.0)
    items = [Delivery(publication, None), Delivery(publication, Position(7, "e"))]
    deliver = Deliver("topic", items, [b"", b"frame"], 3.0, "disconnect")
    assert deliver.joined == b"frame"
    assert [(one.frame, one.offset, one.at, one.topic) for one in deliver.entries] == [(b"frame", 7, 3.0, "topic")]
    assert deliver.entries is deliver.entries  # one object for all the outboxes that it is in
