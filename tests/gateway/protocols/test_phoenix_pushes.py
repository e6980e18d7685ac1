"""What members of a topic read on the wire of Phoenix: broadcasts with and without positions, and presence."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gateway.engines.stream import Entry, Position
from gateway.messages.commands import Joined
from gateway.messages.presence import Presence, PresenceDiff, Present
from gateway.messages.publications import Delivery, PresenceChange, Publication, Sender, encode_payload
from gateway.protocols.phoenix import PhoenixWire
from tests.support.phoenix_wire import ADA, META, PLAIN, TOP, WIRE, heard, join, one


def live(payload: object, position: Position | None = TOP, event: str = "say", sender: bool = True) -> Delivery:
    encoded, kind = encode_payload(payload)
    who = Sender("c", "u") if sender else None
    return Delivery(Publication("room:a", encoded, 1.0, kind, event, who), position)


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


def test_who_may_not_see_presence_reads_no_diffs() -> None:
    """It reads what is said all the same, in the frame of the others' making or with positions."""
    come = PresenceChange("room:a", PresenceDiff((ADA,), ()))
    for asked in (PLAIN, META):
        variant = WIRE.variant(attrs.evolve(asked, presence=False))
        assert variant.frame(come) == b""
        assert variant.frame(live({})) == WIRE.variant(asked).frame(live({}))


def test_who_comes_and_goes_is_a_diff() -> None:
    """Users are keys, the anonymous are keyed by their connection, both halves are always there."""
    come = PresenceChange("room:a", PresenceDiff((ADA, Present("c3", "", "r3", b'"idle"', b"[1]")), ()))
    message = one(WIRE.variant(PLAIN).frame(come))
    assert message[:4] == (None, None, "room:a", "presence_diff")
    anonymous = {"metas": [{"info": "idle", "phx_ref": "r3"}]}
    assert message.payload == {"joins": {"ada": {"metas": [{"phx_ref": "r1"}]}, "c3": anonymous}, "leaves": {}}


def test_a_meta_is_the_connection_then_the_membership_then_the_ref() -> None:
    """What a client says of itself goes over its token's, never over the ref that it is found by."""
    ada = Present("c1", "ada", "r1", b'{"b":2,"phx_ref":"x","phx_ref_prev":"y"}', b'{"a":1,"b":1}')
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
