"""Topics may write past a connection's machine only while its socket takes everything and nothing is before them."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.limits import Limits
from gateway.messages.publications import Delivery, Publication
from gateway.sockets.deliver import Deliver
from gateway.sockets.frames import text_frame
from gateway.sockets.outlet import Outlet
from tests.support.fake_socket import FakeSocket

SHOUT = Delivery(Publication("topic", b"{}", 0.0, "json", "shout", None, frozenset()), None)
FRAME = text_frame(b"x" * 100)


@attrs.define
class Machine:
    """Holds the shortcut, and is the socket's listener: it closes it as the inlet does."""

    way: Any = None

    @property
    def actor_ref(self) -> Any:
        raise AssertionError("nobody asks how much was sent")

    def shortcut(self, way: Any) -> None:
        self.way = way

    def congested(self) -> None:
        self.way = None

    shut = congested

    def writable(self) -> None: ...
    def closed(self, code: int, reason: str, clean: bool) -> None: ...
    def reader_is_slow(self) -> None: ...
    def entry_dropped(self, entry: Any) -> None: ...
    def overflowed(self) -> None: ...
    def outbox_shrank(self) -> None: ...


STEPS = [
    "open",
    "hold",
    "release",
    "mute a",
    "mute b",
    "unmute a",
    "unmute b",
    "deliver",
    "put",
    "stall",
    "flow",
    "trickle",
    "finish",
]


def _play(step: str, outlet: Outlet, socket: FakeSocket) -> None:
    what, _, topic = step.partition(" ")
    if what in ("mute", "unmute"):
        getattr(outlet, what)(topic, 1)
    elif what == "release":
        outlet.release((FRAME,))
    elif what == "deliver":
        outlet.deliver(Deliver("topic", [SHOUT], [FRAME], 0.0, "disconnect"))
        outlet.flush()
    elif what == "put":
        outlet.put((FRAME,))
        outlet.flush()
    elif what == "open" and outlet.socket is None:
        outlet.open(socket)
    elif what in ("hold", "finish"):
        getattr(outlet, what)()
    elif what == "stall":
        socket.stall()
    elif what in ("flow", "trickle"):
        socket.flow(room=None if what == "flow" else 50)
        outlet.go_on()


@given(steps=st.lists(st.sampled_from(STEPS), max_size=40), end=st.sampled_from(["end", "close", "abort"]))
def test_the_shortcut_is_open_exactly_while_nothing_is_in_its_way(steps: list[str], end: str) -> None:
    """There is a socket, it takes what it is given, nothing waits, nothing is left out, more may come; else closed."""
    machine, socket = Machine(), FakeSocket(answers_close=False)
    socket.listener = machine
    outlet = Outlet(Limits(), lambda: 0.0, machine)
    for number, step in enumerate(steps):
        _play(step, outlet, socket)
        is_free = outlet.socket is not None and not socket.is_congested
        is_free = is_free and outlet.outbox is None and not outlet.muted and "finish" not in steps[: number + 1]
        assert (machine.way is not None) == is_free, step
    assert socket.writes_while_congested <= steps.count("release")  # an answer that all else was held for
    if end == "end":
        outlet.end()
    elif end == "close":
        socket.close(1000)
    else:
        socket._shut()
    assert machine.way is None
    _play("flow", outlet, socket)
    assert machine.way is None
