"""What the wire of Phoenix understands: joins with their wishes, pushes, leaves, and frames that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.engines.stream import Position
from gateway.messages.commands import Broken, Done, Invalid, Join, Joined, Leave, Ping, Publish, ReadHistory
from gateway.reasons import CLOSE_REASONS
from tests.support import phoenix_js
from tests.support.phoenix_wire import TOP, WIRE, command, heard, join


def test_a_join_carries_all_its_wishes() -> None:
    """Our key is taken out of what the topic's `on_join` sees."""
    wishes = {"meta": True, "since": {"offset": 3, "epoch": "e"}, "info": {"n": 1}}
    found = join({"name": "ada", "gw": wishes})
    assert (found.topic, found.since, found.info, found.join_ref) == ("room:a", Position(3, "e"), b'{"n":1}', "1")
    assert found.params == {"name": "ada"}
    assert found.presence
    assert found.reply.topic == "room:a"


@pytest.mark.parametrize(("given", "taken"), [(-(10**30), 0), (-5, 0), (0, 0), (2**53, 2**53)])
def test_a_number_that_every_client_can_say_is_a_position(given: int, taken: int) -> None:
    """A negative one is the beginning, 2^53 is beyond every stream; neither is an error of the wire."""
    assert join({"gw": {"since": {"offset": given}}}).since == Position(taken, "")
    history = command("1", "2", "t", "gw:history", {"limit": given, "since": {"offset": given, "epoch": None}})
    assert isinstance(history, ReadHistory)
    assert (history.limit, history.since) == (taken, Position(taken, ""))


@pytest.mark.parametrize("offset", [2**53 + 1, 2**63, 2**64, 10**30])
@pytest.mark.parametrize(("event", "under"), [("phx_join", "gw"), ("gw:history", None)])
def test_an_offset_that_no_stream_gives_out_is_answered(event: str, under: str | None, offset: int) -> None:
    """Offsets end at 2^53: beyond it what JavaScript counts with would be another number than what it said."""
    asked: dict[str, Any] = {"since": {"offset": offset}}
    found = command("1", "2", "t", event, {under: asked} if under else asked)
    assert isinstance(found, Invalid)
    assert (found.reply.ref.ref, found.error.reason) == ("2", "bad_request")  # type: ignore[attr-defined]
    assert "`$.since.offset`" in found.error.message


def test_a_session_that_is_too_long_is_answered() -> None:
    """As on the native wire: 64 characters are kept for who lingers, and no more."""
    assert join({"gw": {"session": "x" * 64}}).session == "x" * 64
    found = command("1", "2", "t", "phx_join", {"gw": {"session": "x" * 65}})
    assert isinstance(found, Invalid)
    assert "`$.session`" in found.error.message


@pytest.mark.parametrize("params", [None, 7, "x", [1], {"a": 1}])
def test_parameters_may_be_anything(params: object) -> None:
    """Not every client sends an object."""
    (found,) = WIRE.decode(json.dumps(["1", "1", "t", "phx_join", params]))
    assert isinstance(found, Join)
    assert found.params == params


def test_a_client_may_join_and_say_it_in_bytes() -> None:
    """The data is the parameters; our key has no place in it."""
    assert join(b"\x00").params == b"\x00"


def test_a_push_carries_its_payload_untouched() -> None:
    """Not one byte of it is decoded and written again; the event and the membership go with it."""
    (found,) = WIRE.decode('["1","2","t","say",{"a" : 1.50}]')
    assert isinstance(found, Publish)
    assert (found.payload, found.kind, found.event, found.join_ref) == (b'{"a" : 1.50}', "json", "say", "1")
    said = command("1", "2", "t", "say", b"\x00\xff")
    assert isinstance(said, Publish)
    assert (said.payload, said.kind, said.event, said.join_ref) == (b"\x00\xff", "binary", "say", "1")


def test_a_number_names_a_membership_as_its_text_does() -> None:
    """In a binary frame there are only texts: what is sent there belongs to the join that was sent as a number."""
    number, text = command(7, "1", "t", "phx_join", {}), command("7", "2", "t", "say", b"x")
    assert isinstance(number, Join)
    assert isinstance(text, Publish)
    assert number.join_ref == text.join_ref
    assert heard(WIRE.answer(number.reply, Joined(TOP)))[0].join_ref == 7


def test_a_leave_names_the_membership_it_ends() -> None:
    """So that one of an older join ends nothing."""
    found = command("3", "4", "t", "phx_leave", {})
    assert isinstance(found, Leave)
    assert (found.topic, found.join_ref, found.reply.topic) == ("t", "3", "t")


def test_reading_back_has_a_default() -> None:
    """Fifty, forwards, from the oldest."""
    found = command("1", "2", "t", "gw:history", {})
    assert isinstance(found, ReadHistory)
    assert (found.since, found.limit, found.reverse) == (None, 50, False)
    backwards = command("1", "2", "t", "gw:history", {"limit": 2, "reverse": True})
    assert isinstance(backwards, ReadHistory)
    assert (backwards.limit, backwards.reverse) == (2, True)


@pytest.mark.parametrize(
    ("message", "action"),
    [
        (("1", "1", "t", "phx_join", {}), "phx_join"),
        (("1", "1", "t", "phx_leave", {}), "phx_leave"),
        (("1", "1", "t", "gw:history", {}), "gw:history"),
        ((None, "1", "phoenix", "heartbeat", {}), "heartbeat"),
        (("1", "1", "t", "anything", {}), "push"),
    ],
)
def test_commands_have_few_names(message: tuple[Any, ...], action: str) -> None:
    """They label metrics: no client chooses them. Each takes the credit of its frame."""
    found = command(*message)
    assert found.reply.action == action
    assert found.reply.size_bytes == len(phoenix_js.encode(*message))
    assert isinstance(found, Ping) == (action == "heartbeat")


@pytest.mark.parametrize("data", ["{}", "", b"", b"\x00\x01", '["1","1","t"]'])
def test_a_frame_that_is_none_ends_the_connection(data: str | bytes) -> None:
    """As Phoenix does, with 1011; nothing is said before."""
    (found,) = WIRE.decode(data)
    assert isinstance(found, Broken)
    assert found.reply.size_bytes == len(data)
    assert WIRE.close_code(CLOSE_REASONS[found.reason]) == 1011
    assert WIRE.answer(found.reply, Done()) == ()


@pytest.mark.parametrize("event", ["phx_close", "phx_", "phx_reply", "chan_reply_1", "presence_state", "presence_diff"])
@pytest.mark.parametrize("payload", [{}, b"x"])
def test_an_event_of_the_servers_is_answered(event: str, payload: object) -> None:
    """It reaches nobody: phoenix.js would close its channel over it, or take it for an answer."""
    found = command("1", "2", "t", event, payload)
    assert isinstance(found, Invalid)
    assert (found.error.reason, found.counts) == ("bad_request", False)
    assert heard(WIRE.answer(found.reply, found.error))[0].payload["status"] == "error"


@pytest.mark.parametrize("event", ["say", "phx_join", "gw:history"])
def test_what_is_nested_too_deeply_is_answered(event: str) -> None:
    """Nobody who walks it runs out of frames."""
    (found,) = WIRE.decode(f'["1","2","t","{event}",' + "[" * 101 + "]" * 101 + "]")
    assert isinstance(found, Invalid)
    (fine,) = WIRE.decode('["1","2","t","say",' + "[" * 100 + "]" * 100 + "]")
    assert isinstance(fine, Publish)


def test_a_number_too_large_for_parameters_is_answered() -> None:
    """In a payload that is only passed on it is just JSON."""
    (joining,) = WIRE.decode('["1","1","t","phx_join",{"a":1e999}]')
    assert isinstance(joining, Invalid)
    (said,) = WIRE.decode('["1","1","t","say",{"a":1e999}]')
    assert isinstance(said, Publish)
