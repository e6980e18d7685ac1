"""The native wire: every action, every shape of an error, and what a member reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway import wire_json
from gateway.engines.stream import Entry, Position
from gateway.messages.commands import Done, Handled, Invalid, Join, Joined, Nothing, Publish, ReadHistory, Reply
from gateway.messages.presence import PresenceDiff, Present
from gateway.messages.publications import SELF, Delivery, PresenceChange, Publication, Sender
from gateway.protocols.native import NativeWire
from gateway.reasons import CLOSE_REASONS, Refused
from tests.support.fake_socket import FakeSocket
from tests.support.joins import a_join
from tests.support.peer import KEPT, PLAIN, changed, settings, start_node
from tests.support.transcript import play, play_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors import ActorSystem

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
CONVERSATIONS = ("native_oldest_clients", "native_errors", "native_conversation", "native_history_ages")
WIRE = NativeWire(says_hello=False)


def read(frames: Sequence[bytes]) -> list[object]:
    """What a client reads of these frames."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return socket.objects()


def text_of(name: str) -> str:
    return (TRANSCRIPTS / f"{name}.txt").read_text()


def test_every_action_has_its_answer() -> None:
    """The wire alone, without a topic behind it."""
    play_wire(WIRE, text_of("native_wire"))


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_a_conversation_goes_as_written(system: ActorSystem, name: str) -> None:
    """Clients, connections and topics, in virtual time."""
    chosen = settings(
        {
            "kept*": KEPT,
            "private": changed(PLAIN, join="authenticated"),
            "readonly": changed(PLAIN, publish="nobody"),
            "*": PLAIN,
        }
    )
    await play(await start_node(system, chosen), text_of(name))


def test_a_transcript_that_does_not_fit_fails() -> None:
    """The player itself: a missing, a different and an unexpected line are shown as a diff."""
    for wrong in ('> {"action":"ping"}', '> {"action":"ping"}\n< {"action":"pong","timestamp":1}', '< {"a":1}'):
        with pytest.raises(AssertionError, match="wanted"):
            play_wire(WIRE, wrong)


def test_the_server_introduces_itself_only_when_asked() -> None:
    """`hello` is for clients that named the subprotocol; older ones see no frame they did not ask for."""
    assert WIRE.opened("c", 25) == ()
    (hello,) = read(NativeWire(says_hello=True).opened("c", 25))
    assert hello == {"action": "hello", "client": "c", "protocol": "gateway.v1", "ping": 25}


def test_all_joins_share_the_string_of_their_word() -> None:
    """Each membership keeps the reply of its join: 58 bytes a connection."""
    (one,), (other,) = (WIRE.decode('{"action":"join_room","room":"a"}') for _ in range(2))
    assert one.reply.action == "join_room"
    assert one.reply.action is other.reply.action


def test_a_join_carries_all_its_options() -> None:
    """Position, presence and what others see of the member."""
    text = '{"action":"subscribe","channel":"c","since":{"offset":3,"epoch":"e"},"presence":true,"info":{"n":1}}'
    (join,) = WIRE.decode(text)
    assert isinstance(join, Join)
    assert (join.topic, join.since, join.presence, join.info) == ("c", Position(3, "e"), True, b'{"n":1}')
    assert join.reply.size_bytes == len(text)


@pytest.mark.parametrize(("given", "taken"), [(-(10**30), 0), (-5, 0), (0, 0), (2**53, 2**53)])
def test_a_number_that_every_client_can_say_is_a_position(given: int, taken: int) -> None:
    """A negative one is the beginning, 2^53 is beyond every stream; neither is an error of the wire."""
    (join,) = WIRE.decode(f'{{"action":"subscribe","channel":"c","since":{{"offset":{given}}}}}')
    assert isinstance(join, Join)
    assert join.since == Position(taken, "")
    (history,) = WIRE.decode(f'{{"action":"history","channel":"c","limit":{given}}}')
    assert isinstance(history, ReadHistory)
    assert history.limit == taken


@pytest.mark.parametrize("offset", [2**53 + 1, 2**63, 2**64, 10**30])
@pytest.mark.parametrize("action", ["subscribe", "join_room", "history"])
def test_an_offset_that_no_stream_gives_out_is_not_understood(action: str, offset: int) -> None:
    """Offsets end at 2^53: beyond it what JavaScript counts with would be another number than what it said."""
    (invalid,) = WIRE.decode(f'{{"action":"{action}","channel":"c","since":{{"offset":{offset}}},"ref":4}}')
    assert isinstance(invalid, Invalid)
    assert (invalid.reply.action, invalid.reply.ref, invalid.error.reason) == (action, 4, "bad_request")
    assert "`$.since.offset`" in invalid.error.message


def test_echo_and_id_are_for_the_topic() -> None:
    """`echo: false` excludes the sender, whom the wire does not know by name; `id` is the key of a repeat."""
    (publish,) = WIRE.decode('{"action":"publish","channel":"c","echo":false,"id":"k","payload":[1, 2]}')
    assert isinstance(publish, Publish)
    assert (publish.exclude, publish.key, publish.payload) == (frozenset((SELF,)), "k", b"[1, 2]")


def test_a_payload_that_is_no_text_never_reaches_the_others() -> None:
    """A binary message may hold bytes that are no UTF-8 where nobody looked; clients would close with 1007."""
    (command,) = WIRE.decode(b'{"action":"publish","channel":"c","payload":"\xff\xfe"}')
    assert isinstance(command, Invalid)
    (fine,) = WIRE.decode('{"action":"publish","channel":"c","payload":"ä"}'.encode())
    assert isinstance(fine, Publish)


def test_the_ref_comes_back_as_it_was() -> None:
    """Texts and numbers of any size; the answer to a broken frame carries it if it can be read."""
    for ref in ('"a"', "1", "1.5", "-1", str(10**30), '""', "0"):
        (command,) = WIRE.decode(f'{{"action":"ping","ref":{ref}}}')
        (frame,) = WIRE.answer(command.reply, Refused("internal"))
        assert f'"ref":{ref}'.encode() in frame
    (broken,) = WIRE.decode('{"action":"subscribe","channel":7,"ref":"r"}')
    assert broken.reply.ref == "r"


def test_a_sign_of_life_is_not_answered() -> None:
    """Both spellings."""
    for text in ('{"action":"pong"}', '{"type":"pong"}', '{"type":"pong","timestamp":1.5}'):
        (command,) = WIRE.decode(text)
        assert isinstance(command, Nothing)
        assert WIRE.answer(command.reply, Done()) == ()


def test_what_app_code_answers_is_in_the_payload() -> None:
    """Nothing returned is a plain yes."""
    reply = Reply("publish", 1, "room", "r")
    assert read(WIRE.answer(reply, Handled({"a": 1}))) == [
        {"action": "publish", "status": "published", "room": "r", "payload": {"a": 1}, "ref": 1}
    ]
    assert read(WIRE.answer(reply, Handled())) == [{"action": "publish", "status": "published", "room": "r", "ref": 1}]


def test_what_was_missed_follows_the_reply() -> None:
    """In order, as ordinary events, with the state of presence between."""
    entries = tuple(Entry(offset, 0.0, Publication("r", b"%d" % offset, 1.0)) for offset in (4, 5))
    present = Present("c", "u", "ref", None)
    joined = Joined(Position(5, "e"), True, entries, (present,), {"welcome": True})
    reply, state, *events = read(WIRE.answer(Reply("join_room", None, "room", "r"), joined))
    assert reply == {
        "status": "joined", "room": "r", "epoch": "e", "offset": 5, "recovered": True, "missed": 2, "members": 1,
        "response": {"welcome": True},
    }  # fmt: skip
    assert state == {"action": "presence", "room": "r", "state": [{"client": "c", "user": "u"}]}
    assert [event["offset"] for event in events] == [4, 5]  # type: ignore[index]


def test_each_kind_of_payload_is_readable() -> None:
    """JSON as it is, a text as a string, bytes in base64."""
    shown = {}
    for kind, payload in (("json", b'{"a":1}'), ("text", "ä".encode()), ("binary", b"\xff")):
        item = Delivery(Publication("r", payload, 1.0, kind), None)  # type: ignore[arg-type]
        shown[kind] = read([WIRE.variant(a_join("room", presence=False)).frame(item)])[0]["payload"]  # type: ignore[index]
    assert shown == {"json": {"a": 1}, "text": "ä", "binary": {"base64": "/w=="}}


def test_one_way_of_reading_is_one_object() -> None:
    """Members that read alike share their frames: variants are compared by identity."""
    for face in ("room", "channel"):
        for presence in (True, False):
            one = WIRE.variant(a_join(face, presence=presence))
            assert one is NativeWire(says_hello=True).variant(a_join(face, presence=presence))


def test_presence_is_for_who_asked() -> None:
    """Others get an empty frame, which is no frame."""
    change = PresenceChange("r", PresenceDiff((Present("c", "u", "x", b'{"n":1}'),), ()))
    assert WIRE.variant(a_join("room", presence=False)).frame(change) == b""
    assert read([WIRE.variant(a_join("room", presence=True)).frame(change)]) == [
        {"action": "presence", "room": "r", "joins": [{"client": "c", "user": "u", "info": {"n": 1}}], "leaves": []}
    ]


def test_an_event_says_who_sent_it_and_where_it_stands() -> None:
    """An ephemeral one from app code says neither."""
    publication = Publication("r", b"1", 2.5, event="say", sender=Sender("c", "u"))
    variant = WIRE.variant(a_join("channel", presence=False))
    assert read([variant.frame(Delivery(publication, Position(3, "e")))]) == [
        {
            "action": "event", "channel": "r", "event": "say", "payload": 1, "offset": 3, "epoch": "e", "time": 2.5,
            "sender": {"client": "c", "user": "u"},
        }
    ]  # fmt: skip
    assert read([variant.frame(Delivery(Publication("r", b"1", 2.5), None))]) == [
        {"action": "event", "channel": "r", "event": "message", "payload": 1, "time": 2.5}
    ]


def test_who_is_removed_is_told_whether_it_may_return() -> None:
    """2500 comes back, 2000 is final."""
    (back,) = read(WIRE.removed(a_join("room", "r").reply, "insufficient_state", may_return=True))
    (final,) = read(WIRE.removed(a_join("room", "r").reply, "kicked", may_return=False))
    assert back == {"action": "unsubscribed", "room": "r", "code": 2500, "reason": "insufficient_state", "retry": True}
    assert final == {"action": "unsubscribed", "room": "r", "code": 2000, "reason": "kicked", "retry": False}


def test_close_codes_are_the_tables() -> None:
    """Shared with Centrifuge."""
    assert {WIRE.close_code(reason) for reason in CLOSE_REASONS.values()} == {
        one.code for one in CLOSE_REASONS.values()
    }


def test_details_of_a_refusal_are_in_the_error() -> None:
    """As `retry_after` for who was too fast."""
    (error,) = read(WIRE.answer(Reply(), Refused("too_many_requests", retry_after=1.5)))
    assert error["error"]["retry_after"] == 1.5  # type: ignore[index]
    assert wire_json.encode(error)
