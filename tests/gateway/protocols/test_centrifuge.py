"""The Centrifuge wire: its pings, what it answers in a word or not at all, and what it speaks."""

from __future__ import annotations

import pytest

from gateway.access.identity import Principal
from gateway.engines.stream import Position
from gateway.messages.commands import Broken, Done, Handled, Identified, Joined, Left, Nothing, Renewed, Reply
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from gateway.sockets.frames import ping_frame
from tests.support.centrifuge_wire import CONNECT, connected, said

# --- pings


def test_a_pong_answers_a_ping_once() -> None:
    """Two pings may be under way to a client that was asleep; a third pong is one that nobody asked for."""
    wire = connected()
    assert said((wire.ping(),)) == said((wire.ping(),)) == {}
    for _ in range(2):
        (pong,) = wire.decode("{}")
        assert isinstance(pong, Nothing)
        assert wire.answer(pong.reply, Done()) == ()
    (third,) = wire.decode("{}")
    assert isinstance(third, Broken)


def test_pings_may_be_of_the_frames() -> None:
    """For tools that know RFC 6455 and nothing of this protocol; then the connect reply announces no others."""
    wire = CentrifugeWire(frame_pings=True)
    wire.opened("c1", 25.0)
    assert wire.ping() == ping_frame()
    (identify,) = wire.decode(CONNECT)
    assert said(wire.answer(identify.reply, Identified("c1", Principal()))) == {"id": 1, "connect": {"client": "c1"}}
    (pong,) = wire.decode("{}")
    assert isinstance(pong, Broken)


# --- answers


def test_an_answer_that_nobody_waits_for_is_not_sent() -> None:
    """Of what the server did by itself, and of a frame over the rate that was not read."""
    wire = connected()
    assert wire.answer(Reply(), Refused("too_many_requests")) == ()
    assert wire.answer(Reply(topic="a", is_by_server=True), Joined(Position(0, "e"))) == ()


def test_an_event_for_app_code_is_a_publish_to_its_client() -> None:
    """What the handler returned has no place in a publish's answer."""
    wire = connected()
    (publish,) = wire.decode('{"id":2,"publish":{"channel":"a","data":1}}')
    assert said(wire.answer(publish.reply, Handled({"b": 1}))) == {"id": 2, "publish": {}}


def test_a_call_may_return_bytes() -> None:
    """JSON has no word for them: they come as base64, as in a publication."""
    wire = connected()
    (call,) = wire.decode('{"id":2,"rpc":{"method":"a"}}')
    assert said(wire.answer(call.reply, Handled(b"\xff"))) == {"id": 2, "rpc": {"data": {"base64": "/w=="}}}


def test_an_identity_that_does_not_end_is_renewed_without_a_timer() -> None:
    """No `expires`, no `ttl`."""
    wire = connected()
    (renew,) = wire.decode('{"id":2,"refresh":{"token":"t"}}')
    assert said(wire.answer(renew.reply, Renewed("c1"))) == {"id": 2, "refresh": {"client": "c1"}}


def test_a_leave_of_what_was_not_joined_is_a_leave() -> None:
    """Clients reconnect when an unsubscribe fails."""
    wire = connected()
    (leave,) = wire.decode('{"id":2,"unsubscribe":{"channel":"a"}}')
    assert said(wire.answer(leave.reply, Left(was_member=False))) == {"id": 2, "unsubscribe": {}}


# --- the upgrade


def test_the_upgrade_names_json_where_it_is_offered() -> None:
    """Never a subprotocol that was not."""
    assert CentrifugeWire.subprotocol(["other", "centrifuge-json"]) == "centrifuge-json"
    assert CentrifugeWire.subprotocol(["centrifuge-protobuf"]) is None
    assert CentrifugeWire.subprotocol([]) is None


@pytest.mark.parametrize(
    ("query", "offered", "is_protobuf"),
    [
        ({}, [], False),
        ({"cf_protocol_version": "v2"}, ["centrifuge-json"], False),
        ({}, ["centrifuge-protobuf"], True),
        ({}, ["centrifuge-protobuf", "centrifuge-json"], False),
        ({"format": "protobuf"}, [], True),
        ({"cf_protocol": "protobuf"}, [], True),
        ({"format": "json"}, [], False),
    ],
)
def test_protobuf_is_noticed_before_the_upgrade(query: dict[str, str], offered: list[str], is_protobuf: bool) -> None:
    """It would not be understood after it."""
    assert CentrifugeWire.protobuf_asked(query, offered) is is_protobuf
