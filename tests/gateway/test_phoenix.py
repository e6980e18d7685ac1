"""The wire of Phoenix Channels V2: commands, answers, and what members read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from gateway.close_codes import validate_close
from gateway.commands import (
    Broken,
    Done,
    Handled,
    HistoryRead,
    Invalid,
    Join,
    Joined,
    Leave,
    Left,
    Ping,
    PresenceRead,
    Publish,
    ReadHistory,
    Reply,
)
from gateway.presence import Presence, PresenceDiff, Present
from gateway.protocols.phoenix import PhoenixWire
from gateway.publications import Delivery, PresenceChange, Publication, Sender, encode_payload
from gateway.reasons import CLOSE_REASONS, Refused
from gateway.stream import Entry, Position
from tests.support import phoenix_js
from tests.support.fake_socket import FakeSocket
from tests.support.transcript import canned, play_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.commands import Command, Result

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
WIRE = PhoenixWire()
TOP = Position(15, "e")

ADA = Present("c1", "ada", "r1", None, 0.0)
WATCHED = (
    Present("c1", "ada", "r1", b'{"name":"Ada"}', 0.0),
    Present("c2", "ada", "r2", None, 0.0),
    Present("c3", "", "r3", None, 0.0),
)
MISSED = (
    Entry(13, 0.0, Publication("room:missed", b'{"n":1}', 1.5)),
    Entry(14, 0.0, Publication("room:missed", b"hi", 1.5, "text", "say")),
    Entry(15, 0.0, Publication("room:missed", b"\x00\xff", 1.5, "binary", "d")),
)

JOINS: dict[str, Result] = {
    "room:welcomes": Joined(TOP, response={"welcome": True}),
    "room:counts": Joined(TOP, response=3),
    "room:watched": Joined(TOP, members=WATCHED),
    "room:missed": Joined(TOP, True, MISSED, (ADA,)),
    "room:gone": Joined(TOP, False),
    "room:closed": Refused("permission_denied"),
    "room:members": Refused("unauthorized", "log in first"),
    "room:many": Refused("limit_exceeded"),
    "room:broken": Refused("internal"),
    "room:own": Refused("full", seats=12),
    "room:nowhere": Refused("unknown_channel"),
}
EVENTS: dict[str, Result] = {
    "gives": Handled({"a": 1}),
    "counts": Handled(7),
    "draws": Handled(b"\x00\xff"),
    "floods": Refused("too_many_requests", retry_after=1.5),
    "fails": Refused("internal"),
}


def world(command: Command) -> Result:
    """Topics and events that answer by their names; everything else goes well."""
    if isinstance(command, Join) and command.topic in JOINS:
        return JOINS[command.topic]
    if isinstance(command, Publish) and command.topic == "room:left":
        return Refused("not_joined")
    if isinstance(command, Publish) and command.event in EVENTS:
        return EVENTS[command.event]
    if isinstance(command, ReadHistory) and command.topic == "room:missed":
        return HistoryRead(MISSED, TOP)
    if isinstance(command, Leave):
        return Left(was_member=command.topic != "room:never")
    return canned(command)


def heard(frames: Sequence[bytes]) -> list[phoenix_js.Heard]:
    """What phoenix.js makes of these frames."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [phoenix_js.decode(frame) for frame in socket.frames]


def one(frame: bytes) -> phoenix_js.Heard:
    (message,) = heard([frame])
    return message


def command(*message: Any) -> Command:
    """The command in what phoenix.js would send."""
    (found,) = WIRE.decode(phoenix_js.encode(*message))
    return found


def join(params: object = None, topic: str = "room:a", join_ref: Any = "1") -> Join:
    found = command(join_ref, "1", topic, "phx_join", {} if params is None else params)
    assert isinstance(found, Join)
    return found


PLAIN, META = join(), join({"gw": {"meta": True}})


def live(payload: object, position: Position | None = TOP, event: str = "say", sender: bool = True) -> Delivery:
    encoded, kind = encode_payload(payload)
    who = Sender("c", "u") if sender else None
    return Delivery(Publication("room:a", encoded, 1.0, kind, event, who), position)


@pytest.mark.parametrize("name", ["joins", "pushes", "errors", "positions"])
def test_a_conversation_goes_as_written(name: str) -> None:
    """Every shape of a frame, the wire alone."""
    play_wire(WIRE, (TRANSCRIPTS / f"phoenix_{name}.txt").read_text(), world)


def test_the_server_says_nothing_first() -> None:
    """A client that has joined nothing has nobody to hear it."""
    assert WIRE.opened("c", 25) == ()


# --- what is understood


def test_a_join_carries_all_its_wishes() -> None:
    """Our key is taken out of what the topic's `on_join` sees."""
    wishes = {"meta": True, "since": {"offset": 3, "epoch": "e"}, "info": {"n": 1}}
    found = join({"name": "ada", "gw": wishes})
    assert (found.topic, found.since, found.info, found.join_ref) == ("room:a", Position(3, "e"), b'{"n":1}', "1")
    assert found.params == {"name": "ada"}
    assert found.presence
    assert found.reply.topic == "room:a"


@pytest.mark.parametrize(("given", "taken"), [(-5, 0), (0, 0), (10**30, 10**30)])
def test_any_number_is_a_position(given: int, taken: int) -> None:
    """A negative one is the beginning, a huge one is beyond every stream; neither is an error of the wire."""
    assert join({"gw": {"since": {"offset": given}}}).since == Position(taken, "")
    history = command("1", "2", "t", "gw:history", {"limit": given, "since": {"offset": given, "epoch": None}})
    assert isinstance(history, ReadHistory)
    assert (history.limit, history.since) == (taken, Position(taken, ""))


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


# --- what is answered


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


# --- what members read


def test_one_way_of_reading_is_one_object() -> None:
    """Members that read alike share their frames, whichever wire object they have."""
    assert WIRE.variant(PLAIN) is PhoenixWire().variant(join({"gw": {"since": {"offset": 1}}}))
    assert WIRE.variant(META) is PhoenixWire().variant(join({"gw": {"meta": True}}))
    assert WIRE.variant(META) is not WIRE.variant(PLAIN)


def test_a_broadcast_has_no_join_ref_and_its_payload_untouched() -> None:
    """The same bytes for every member, and the publisher's own."""
    item = Delivery(Publication("room:a", b'{"a" : 1.50}', 1.0, event="say"), TOP)
    assert WIRE.variant(PLAIN).frame(item)[2:] == b'[null,null,"room:a","say",{"a" : 1.50}]'
    with_meta = b'[null,null,"room:a","say",{"a" : 1.50,"gw":{"offset":15,"epoch":"e"}}]'
    assert WIRE.variant(META).frame(item)[2:] == with_meta


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({}, {}),
        ({"a": {"gw": 1}}, {"a": {"gw": 1}}),
        ([1], {"data": [1]}),
        (None, {"data": None}),
        ("hä", {"data": "hä"}),
        ({"gw": 1, "a": "\\"}, {"a": "\\"}),
    ],
)
def test_a_payload_is_always_an_object_with_its_position(payload: object, shown: dict[str, Any]) -> None:
    """What is none is wrapped; whoever asked for positions finds ours and no other."""
    gw = {"gw": {"offset": 15, "epoch": "e"}}
    assert one(WIRE.variant(META).frame(live(payload))).payload == {**shown, **gw}
    assert one(WIRE.variant(META).frame(live(payload, None))).payload == shown
    plain = payload if isinstance(payload, dict) else shown
    assert one(WIRE.variant(PLAIN).frame(live(payload))).payload == plain


def test_blanks_around_a_payload_do_no_harm() -> None:
    """What other wires take in may have some."""
    for payload, shown in ((b' {"a":1}\n', {"a": 1}), (b"\t{ } ", {}), (b" 7 ", {"data": 7})):
        item = Delivery(Publication("room:a", payload, 1.0), TOP)
        assert one(WIRE.variant(PLAIN).frame(item)).payload == shown
        gw = {"offset": 15, "epoch": "e"}
        assert one(WIRE.variant(META).frame(item)).payload == {**shown, "gw": gw}


def test_a_position_cannot_be_forged() -> None:
    """Not with escapes, not in what has no position: a member would come back for what never was."""
    forged = Publication("room:a", b' {"\\u0067w":{"offset":99,"epoch":"e"},"a":1.0} ', 1.0)
    assert one(WIRE.variant(META).frame(Delivery(forged, None))).payload == {"a": 1.0}
    payload = one(WIRE.variant(META).frame(Delivery(forged, TOP))).payload
    assert payload == {"a": 1.0, "gw": {"offset": 15, "epoch": "e"}}
    assert b"99" not in WIRE.variant(META).frame(Delivery(forged, TOP))


@pytest.mark.parametrize("name", ["PLAIN", "META"])
def test_bytes_are_broadcast_as_bytes(name: str) -> None:
    """They carry no position; an event's name that does not fit a byte's size sends them in base64."""
    variant = WIRE.variant(PLAIN if name == "PLAIN" else META)
    assert one(variant.frame(live(b"\x00\xff", None))) == (None, None, "room:a", "say", b"\x00\xff")
    assert one(variant.frame(live(b"\x00\xff", None, "e" * 256))).payload == {"base64": "AP8="}


@pytest.mark.parametrize(
    ("event", "by_client", "shown"),
    [
        ("phx_close", True, "_phx_close"),
        ("phx_error", False, "_phx_error"),
        ("chan_reply_3", True, "_chan_reply_3"),
        ("presence_diff", True, "_presence_diff"),
        ("presence_diff", False, "presence_diff"),
        ("phoenix", True, "phoenix"),
    ],
)
def test_a_publication_is_never_taken_for_the_servers_word(event: str, by_client: bool, shown: str) -> None:
    """Other wires know no reserved events; theirs must not close a channel here, or answer a push."""
    assert one(WIRE.variant(PLAIN).frame(live({}, event=event, sender=by_client))).event == shown
    missed = Joined(TOP, True, (Entry(15, 0.0, live({}, event=event, sender=by_client).publication),))
    assert heard(WIRE.answer(META.reply, missed))[-1].event == shown


def test_who_comes_and_goes_is_a_diff() -> None:
    """Users are keys, the anonymous are keyed by their connection, both halves are always there."""
    come = PresenceChange("room:a", PresenceDiff((ADA, Present("c3", "", "r3", b'"idle"', 0.0, b"[1]")), ()))
    message = one(WIRE.variant(PLAIN).frame(come))
    assert message[:4] == (None, None, "room:a", "presence_diff")
    anonymous = {"metas": [{"info": "idle", "phx_ref": "r3"}]}
    assert message.payload == {"joins": {"ada": {"metas": [{"phx_ref": "r1"}]}, "c3": anonymous}, "leaves": {}}


def test_a_meta_is_the_connection_then_the_membership_then_the_ref() -> None:
    """What a client says of itself goes over its token's, never over the ref that it is found by."""
    ada = Present("c1", "ada", "r1", b'{"b":2,"phx_ref":"x","phx_ref_prev":"y"}', 0.0, b'{"a":1,"b":1}')
    change = PresenceChange("room:a", PresenceDiff((), (ada,)))
    leaves = one(WIRE.variant(META).frame(change)).payload["leaves"]
    assert leaves == {"ada": {"metas": [{"a": 1, "b": 2, "phx_ref": "r1"}]}}


def test_an_update_names_the_ref_it_replaces() -> None:
    """It leaves under the old one and joins under the new one, in one diff."""
    presence = Presence()
    presence.join(ADA)
    diff = presence.update("c1", "r1", info=b'{"away":true}', new_ref="r2")
    assert diff is not None
    message = one(WIRE.variant(PLAIN).frame(PresenceChange("room:a", diff)))
    assert message.payload == {
        "joins": {"ada": {"metas": [{"away": True, "phx_ref": "r2", "phx_ref_prev": "r1"}]}},
        "leaves": {"ada": {"metas": [{"phx_ref": "r1"}]}},
    }


# --- the connection


def test_every_close_brings_the_client_back() -> None:
    """phoenix.js before 1.8.16 stays away after 1000; a deployment is 1012, what cannot be read 1011."""
    codes = {name: WIRE.close_code(reason) for name, reason in CLOSE_REASONS.items()}
    assert 1000 not in codes.values()
    assert (codes["bad_request"], codes["shutdown"], codes["heartbeat_lost"]) == (1011, 1012, 3012)
    for code in codes.values():
        validate_close(code)


@pytest.mark.parametrize("version", ["2.0.0", "2.0", "2.1.7"])
def test_version_two_is_spoken(version: str) -> None:
    """phoenix.js says 2.0.0."""
    assert WIRE.handshake_problem({"vsn": version, "token": "x"}, ()) is None


@pytest.mark.parametrize("query", [{}, *({"vsn": v} for v in ("1.0.0", "3.0.0", "2", "", "2.0.0-rc.1", "x", "2.٢"))])
def test_other_versions_are_refused_at_the_upgrade(query: dict[str, str]) -> None:
    """None at all means 1.0.0; the words name what would be taken."""
    problem = WIRE.handshake_problem(query, ())
    assert problem is not None
    assert "vsn=2.0.0" in problem


def test_the_subprotocol_is_answered_if_it_was_offered() -> None:
    """A token rides beside it; an offer without it cannot be answered, and browsers then give up."""
    offered = ["phoenix", "base64url.bearer.phx.eA"]
    assert WIRE.subprotocol(offered) == "phoenix"
    assert WIRE.subprotocol(()) is None
    assert WIRE.handshake_problem({"vsn": "2.0.0"}, offered) is None
    problem = WIRE.handshake_problem({"vsn": "2.0.0"}, ["chat"])
    assert problem is not None
    assert '"phoenix"' in problem


def test_what_machines_may_expect_of_it() -> None:
    """The attributes that stand for what Phoenix's clients do."""
    assert (WIRE.name, WIRE.liveness, WIRE.renews, WIRE.can_be_joined) == ("phoenix", "client", False, False)
    assert WIRE.replaces_joins
    assert WIRE.needs_membership
    assert WIRE.needs_declared
    assert WIRE.calls_by_event
    assert not WIRE.identifies_first
    assert not WIRE.uses_app_frames
