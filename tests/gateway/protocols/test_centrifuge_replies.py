"""What the Centrifuge wire says of its own: publications, joins, ends; and the shapes in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gateway.engines.stream import Entry, Position
from gateway.messages.commands import Join, Joined, Reply
from gateway.messages.presence import PresenceDiff, Present
from gateway.messages.publications import Delivery, PresenceChange, Publication, Sender
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.centrifuge_replies import MAX_TTL, expiry, subscribed
from tests.support.centrifuge_wire import said
from tests.support.fake_socket import FakeSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

ADA = Present("c1", "ada", "r1", b'{"role":"host"}', b'{"n":"Ada"}')
NOBODY = Present("c2", "", "r2", None)
WIRE = CentrifugeWire()
READER = WIRE.variant(Join("a", Reply()))


def texts(frames: Sequence[bytes]) -> list[str]:
    """The text messages in these frames."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return socket.texts()


def pub(published: Publication, position: Position | None = None) -> object:
    """What a subscriber reads of it."""
    push = said((READER.frame(Delivery(published, position)),))
    assert isinstance(push, dict)
    return push["push"]["pub"]


@pytest.mark.parametrize(
    ("reason", "may_return", "code", "push"),
    [
        ("insufficient_state", True, None, {"code": 2500, "reason": "insufficient state"}),
        ("expired", True, None, {"code": 2501, "reason": "subscription expired"}),
        ("subscription_expired", True, None, {"code": 2501, "reason": "subscription expired"}),
        ("state_invalidated", True, None, {"code": 2502, "reason": "state invalidated"}),
        ("internal", True, None, {"code": 2500, "reason": "internal"}),
        ("", False, None, {"code": 2000, "reason": ""}),
        ("banned", False, 2100, {"code": 2100, "reason": "banned"}),
        ("moved", True, 2600, {"code": 2600, "reason": "moved"}),
        # what it says of coming back counts, and codes of other things are none of these
        ("banned", False, 2600, {"code": 2000, "reason": "banned"}),
        ("moved", True, 2100, {"code": 2500, "reason": "moved"}),
        ("expired", False, None, {"code": 2000, "reason": "expired"}),
        ("banned", False, 4000, {"code": 2000, "reason": "banned"}),
    ],
)
def test_an_end_says_whether_the_client_comes_back(
    reason: str, may_return: bool, code: int | None, push: dict[str, object]
) -> None:
    """From 2500 on it does by itself; both keys are always there, as clients read them unseen."""
    frames = WIRE.removed(Reply(topic="a"), reason, may_return=may_return, code=code)
    assert said(frames) == {"push": {"channel": "a", "unsubscribe": push}}


def test_a_client_is_told_where_the_server_joined_it() -> None:
    """The parts of a subscribe result that such a push has."""
    result = Joined(Position(7, "e"), recoverable=True, response={"a": 1}, expires_in=60.0)
    place = {"recoverable": True, "positioned": True, "epoch": "e", "offset": 7, "data": {"a": 1}}
    assert said(WIRE.joined("#ada", result)) == {"push": {"channel": "#ada", "subscribe": place}}
    assert said(WIRE.joined("#ada", Joined(Position(7, "e")))) == {"push": {"channel": "#ada", "subscribe": {}}}


def test_a_message_has_no_channel() -> None:
    """What app code sends to one client."""
    assert said((WIRE.message(b'{"a":1}', "json"),)) == {"push": {"message": {"data": {"a": 1}}}}
    assert said((WIRE.message(b"hi", "text"),)) == {"push": {"message": {"data": "hi"}}}


def test_all_connections_share_two_variants() -> None:
    """A publication is encoded once for those who see joins and once for those who do not."""
    with_joins = [Join("a", Reply(), presence=True) for _ in range(2)]
    first, second = (WIRE.variant(join) for join in with_joins)
    assert first is second
    assert WIRE.variant(Join("a", Reply())) is WIRE.variant(Join("b", Reply())) is not first


def test_joins_and_leaves_are_shown_to_whom_asked() -> None:
    """In one frame: first who left; somebody whose info changed leaves and joins."""
    change = PresenceChange("a", PresenceDiff((ADA,), (NOBODY, ADA)))
    shown, hidden = (WIRE.variant(Join("a", Reply(), presence=asked)) for asked in (True, False))
    ada = {"user": "ada", "client": "c1", "conn_info": {"n": "Ada"}, "chan_info": {"role": "host"}}
    nobody = {"user": "", "client": "c2"}
    assert hidden.frame(change) == b""
    assert shown.frame(PresenceChange("a", PresenceDiff((), ()))) == b""
    (text,) = texts((shown.frame(change),))
    assert [json.loads(line) for line in text.split("\n")] == [
        {"push": {"channel": "a", "leave": {"info": nobody}}},
        {"push": {"channel": "a", "leave": {"info": ada}}},
        {"push": {"channel": "a", "join": {"info": ada}}},
    ]


def test_a_publication_is_pushed_with_its_place_and_its_sender() -> None:
    """The very line of the reference (trace of 2026-08): the epoch comes with the first publication of a stream."""
    published = Publication("public:t", b'{"a":1}', 1.0, sender=Sender("c3f7", ""))
    assert texts((READER.frame(Delivery(published, Position(1, "vzDfaLJp"))),)) == [
        '{"push":{"channel":"public:t","pub":{"data":{"a":1},"info":{"user":"","client":"c3f7"},"offset":1,"epoch":"vzDfaLJp"}}}'
    ]


def test_a_publication_of_app_code_has_no_sender() -> None:
    """And one that takes no offset has no place."""
    assert pub(Publication("a", b"7", 1.0)) == {"data": 7}
    assert pub(Publication("a", b"7", 1.0), Position(2, "e")) == {"data": 7, "offset": 2}


def test_a_sender_is_shown_with_what_is_known_of_it() -> None:
    """Of its connection, and of its membership in the channel."""
    info = {"user": "ada", "client": "c1", "conn_info": {"n": "Ada"}, "chan_info": [1]}
    sender = Sender("c1", "ada", b'{"n":"Ada"}', b"[1]")
    assert pub(Publication("a", b"null", 1.0, sender=sender)) == {"data": None, "info": info}


def test_an_event_is_a_tag() -> None:
    """Centrifuge has no names of events; `message` is what a publication is without one."""
    assert pub(Publication("a", b"1", 1.0, event="moved")) == {"data": 1, "tags": {"event": "moved"}}
    assert pub(Publication("a", b"1", 1.0, event="message")) == {"data": 1}


def test_texts_and_bytes_are_wrapped() -> None:
    """A connection that speaks JSON can read nothing else."""
    assert pub(Publication("a", 'a "b"\nä'.encode(), 1.0, kind="text")) == {"data": 'a "b"\nä'}
    assert pub(Publication("a", b"\x00\xff", 1.0, kind="binary")) == {"data": {"base64": "AP8="}}


def test_a_payload_stays_on_its_line() -> None:
    """One that came over another wire may be written over several lines; a newline ends a line here."""
    sender = Sender("c1", "ada", b'{\n"n": 1}', b"[\n]")
    read = pub(Publication("a", b'{\n  "a": "b\\n",\n  "c": 2\n}', 1.0, sender=sender))
    assert read == {
        "data": {"a": "b\n", "c": 2},
        "info": {"user": "ada", "client": "c1", "conn_info": {"n": 1}, "chan_info": []},
    }


def test_who_recovers_from_the_beginning_is_not_sent_to_the_top() -> None:
    """Its offset is 0, which is left out; the top in its place would hide the publications from the client."""
    missed = (Entry(1, 0.0, Publication("a", b"1", 0.0)), Entry(2, 0.0, Publication("a", b"2", 0.0)))
    result = Joined(Position(2, "e"), True, missed, recoverable=True)
    assert "offset" not in subscribed(result, Position(0, ""))
    assert subscribed(result, Position(1, ""))["offset"] == 1


@pytest.mark.parametrize(
    ("expires_in", "ttl"), [(60.9, 60), (1.0, 1), (0.2, 1), (-3.0, 1), (10.0**9, MAX_TTL), (float("inf"), MAX_TTL)]
)
def test_a_timer_ends_before_the_permission(expires_in: float, ttl: int) -> None:
    """In whole seconds, at least one, and no more than a client's timer can count."""
    assert expiry(expires_in) == {"expires": True, "ttl": ttl}
    assert expiry(None) == {}
