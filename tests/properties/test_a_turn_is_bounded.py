"""However much a turn of a connection has to say to a peer that reads nothing, what is kept for it is bounded."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.limits import Limits
from gateway.messages.publications import Delivery, Publication
from gateway.sockets.deliver import Deliver
from gateway.sockets.frames import text_frame
from gateway.sockets.outbox import Entry
from gateway.sockets.outlet import Outlet
from tests.support.fake_socket import FakeSocket

KERNEL = 2_000
"""Bytes a peer that reads nothing takes all the same."""
LIMITS = Limits(outbox_bytes=10_000)
SHOUT = Delivery(Publication("topic", b"{}", 0.0, "json", "shout", None, frozenset()), None)


@attrs.define
class Machine:
    """Hears what becomes of the outbox."""

    outlet: Outlet | None = None
    has_overflowed: bool = False

    @property
    def actor_ref(self) -> Any:
        raise AssertionError("nobody asks how much was sent")

    def shortcut(self, way: Any) -> None: ...
    def reader_is_slow(self) -> None: ...

    def entry_dropped(self, entry: Entry) -> None:
        raise AssertionError(f"{entry} may not be dropped")

    def overflowed(self) -> None:
        self.has_overflowed = True


def size_of(frame: Any) -> int:
    return len(text_frame(bytes(frame.data)))


@given(frames=st.lists(st.tuples(st.booleans(), st.integers(0, 4_000)), min_size=1, max_size=100))
def test_a_turn_keeps_no_more_than_the_bound_of_the_outbox_for_a_peer_that_does_not_read(
    frames: list[tuple[bool, int]],
) -> None:
    """Either all of it had room, or the connection has to end; the bytes of a turn are not in front of the bound."""
    machine, socket = Machine(), FakeSocket(room=KERNEL)
    outlet = Outlet(LIMITS, lambda: 0.0, machine)
    outlet.open(socket)
    said = 0
    for is_delivery, size in frames:
        frame = text_frame(b"x" * size)
        said += len(frame)
        if is_delivery:
            outlet.deliver(Deliver("topic", [SHOUT], [frame], 0.0, "disconnect"))
        else:
            outlet.put((frame,))
    outlet.flush()
    longest = 4_000 + 4
    written = sum(map(size_of, socket.frames))
    assert written <= LIMITS.outbox_bytes + longest, "what a socket is given before it can say stop"
    assert outlet.waiting_bytes <= LIMITS.outbox_bytes
    assert machine.has_overflowed or said == written + outlet.waiting_bytes
    assert socket.writes_while_congested == 0
