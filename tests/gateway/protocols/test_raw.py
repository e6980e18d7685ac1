"""The raw wire: payloads go out bare, and nothing else is said."""

from __future__ import annotations

import pytest
from websockets.frames import Opcode

from gateway.engines.stream import Position
from gateway.messages.commands import Handled, Invalid, Joined, Reply
from gateway.messages.presence import PresenceDiff
from gateway.messages.publications import Delivery, PresenceChange, Publication
from gateway.protocols.raw import RawWire
from gateway.reasons import CLOSE_REASONS, Refused
from tests.support.fake_socket import FakeSocket
from tests.support.joins import a_join

WIRE = RawWire()


@pytest.mark.parametrize(
    ("kind", "payload", "opcode"),
    [("json", b'{"a":1}', Opcode.TEXT), ("text", "ä".encode(), Opcode.TEXT), ("binary", b"\xff\x00", Opcode.BINARY)],
)
def test_a_payload_goes_out_as_it_is(kind: str, payload: bytes, opcode: Opcode) -> None:
    """Texts and JSON in text frames, bytes in binary ones; the same frame with and without a position."""
    socket = FakeSocket()
    publication = Publication("t", payload, 0.0, kind)  # type: ignore[arg-type]
    for position in (None, Position(1, "e")):
        socket.write(WIRE.variant(a_join("room", presence=True)).frame(Delivery(publication, position)))
    assert [(frame.opcode, bytes(frame.data)) for frame in socket.frames] == [(opcode, payload)] * 2


def test_nothing_else_is_said() -> None:
    """No hello, no answers to what succeeds, no presence, no word about an ended membership."""
    assert WIRE.variant(a_join("room", presence=True)).frame(PresenceChange("t", PresenceDiff((), ()))) == b""
    assert not WIRE.opened("c", 25)
    assert not WIRE.answer(Reply(), Joined(Position(0, "e")))
    assert not WIRE.answer(Reply(), Handled())
    assert not WIRE.removed(a_join("room", "t").reply, "kicked", may_return=False)


def test_a_frame_that_came_too_fast_is_answered_as_the_native_wire_does() -> None:
    """With the time after which it may come again; to whom it belongs, where that is known."""
    refused = Refused("too_many_requests", "wait 1.50 s", retry_after=1.5)
    error = {
        "code": 111, "reason": "too_many_requests", "message": "wait 1.50 s", "temporary": True, "retry_after": 1.5,
    }  # fmt: skip
    socket = FakeSocket()
    socket.write(b"".join(WIRE.answer(Reply(), refused)))
    socket.write(b"".join(WIRE.answer(Reply("move", 7), refused)))
    socket.write(b"".join(WIRE.answer(Reply("move", 7), Handled())))
    assert socket.objects() == [
        {"status": "error", "error": error},
        {"status": "error", "error": error, "action": "move", "ref": 7},
        {"status": "ok", "action": "move", "ref": 7},
    ]


def test_it_has_no_commands() -> None:
    """Frames are for the app code; without any, they are refused and not raised over."""
    assert WIRE.uses_app_frames
    (command,) = WIRE.decode("x")
    assert isinstance(command, Invalid)


def test_close_codes_are_rfc_6455s_or_the_apps() -> None:
    """Never one that must not be sent."""
    codes = {name: WIRE.close_code(reason) for name, reason in CLOSE_REASONS.items()}
    assert (codes["heartbeat_lost"], codes["rate_limited"], codes["shutdown"]) == (4000, 4002, 1012)
    assert not set(codes.values()) & {1004, 1005, 1006, 1015}
