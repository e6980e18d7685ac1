"""What the wire of Phoenix answers: to whom, in which shape, and how a membership's end is said."""

from __future__ import annotations

import attrs

from gateway.messages.commands import Done, Handled, Joined, PresenceRead, Reply
from gateway.reasons import Refused
from tests.support.phoenix_wire import ADA, META, TOP, WIRE, command, heard, join


def test_nobody_is_answered_who_did_not_ask() -> None:
    """Without a ref, or for a frame that was not even read."""
    silent = command("1", None, "t", "say", {})
    for result in (Handled(b"x"), Handled({"a": 1}), Refused("internal")):
        assert heard(WIRE.answer(silent.reply, result)) == []
    assert heard(WIRE.answer(Reply(), Refused("too_many_requests"))) == []
    assert heard(WIRE.answer(join().reply, Done())) == []


def test_typed_answers_are_objects_too() -> None:
    """What counts is what it is on the wire."""

    @attrs.frozen
    class Said:
        text: str

    reply = command("1", "2", "t", "say", {}).reply
    (message,) = heard(WIRE.answer(reply, Handled(Said("hi"))))
    assert message.payload == {"status": "ok", "response": {"text": "hi"}}


def test_bytes_are_answered_even_where_no_binary_frame_can_carry_them() -> None:
    """A topic's name may be too long for one byte of size, before anybody has looked at it."""
    reply = command("1", "2", "t" * 256, "say", {}).reply
    (message,) = heard(WIRE.answer(reply, Handled(bytearray(b"\x00\xff"))))
    assert message.payload == {"status": "ok", "response": {"base64": "AP8="}}


def test_who_is_there_can_be_answered() -> None:
    """In the shape of `presence_state`."""
    reply = command("1", "2", "t", "say", {}).reply
    (message,) = heard(WIRE.answer(reply, PresenceRead((ADA,), 1)))
    assert message.payload["response"] == {"ada": {"metas": [{"phx_ref": "r1"}]}}


def test_our_position_beats_theirs_in_an_answer() -> None:
    """A topic that returns our key does not mislead its members."""
    joined = Joined(TOP, response={"gw": "mine", "a": 1})
    (message,) = heard(WIRE.answer(META.reply, joined))
    assert message.payload["response"] == {"a": 1, "gw": {"offset": 15, "epoch": "e"}}


def test_who_is_removed_is_told_whether_it_may_return() -> None:
    """phoenix.js joins again after `phx_error`, never after `phx_close`; both name the membership they end."""
    reply = join(join_ref=7).reply
    (back,) = heard(WIRE.removed(reply, "insufficient_state", may_return=True))
    (final,) = heard(WIRE.removed(reply, "kicked", may_return=False))
    assert back == (7, 7, "room:a", "phx_error", {"reason": "insufficient_state"})
    assert final == (7, 7, "room:a", "phx_close", {"reason": "kicked"})


def test_an_earlier_join_is_closed_by_its_own_name() -> None:
    """A client that has joined anew drops what names the older membership."""
    assert heard(WIRE.replaced(join(join_ref="1").reply)) == [("1", "1", "room:a", "phx_close", {})]
