"""Whatever a client of Phoenix sends ends in commands, and whatever is said to it is a frame that it can read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.engines.stream import Entry, Position
from gateway.messages.commands import Broken, Handled, Invalid, Join, Joined, Publish
from gateway.messages.publications import Delivery, Publication, Sender, encode_payload
from gateway.protocols.phoenix import PhoenixWire
from gateway.reasons import Refused
from tests.support import phoenix_js
from tests.support.fake_socket import FakeSocket
from tests.support.numbers import NUMBERS

WIRE = PhoenixWire()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.sampled_from(
    ["phx_join", "phx_leave", "heartbeat", "gw:history", "message", "phx_close", "", "a,b", "\x00"]
)
SINCE = st.fixed_dictionaries({}, optional={"offset": NUMBERS | JSON, "epoch": st.text(max_size=9) | JSON}) | JSON
WISHES = st.fixed_dictionaries({}, optional={"meta": st.booleans() | JSON, "since": SINCE, "info": JSON}) | JSON
PAYLOADS = st.one_of(
    JSON,
    st.fixed_dictionaries({}, optional={"gw": WISHES, "a": JSON}),
    st.fixed_dictionaries({}, optional={"limit": NUMBERS | JSON, "since": SINCE, "reverse": st.booleans() | JSON}),
)
FRAMES = st.tuples(
    st.none() | st.text(max_size=5) | JSON,
    st.none() | st.text(max_size=5) | JSON,
    st.sampled_from(["room:a", "phoenix", "", "ä" * 200, "\ud800"]) | JSON,
    EVENTS | JSON,
    PAYLOADS,
)
NAMES = st.binary(max_size=300)
MESSAGES = st.one_of(
    FRAMES.map(json.dumps),  # NaN, Infinity and lone surrogates among them
    FRAMES.map(lambda frame: json.dumps([*frame, "more"], ensure_ascii=False).encode("utf-8", "replace").decode()),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.tuples(st.binary(min_size=5, max_size=5), st.binary(max_size=2000)).map(b"".join),
    st.tuples(NAMES, NAMES, NAMES, NAMES, NAMES).map(
        lambda parts: bytes((0, *(len(part) % 256 for part in parts[:4]))) + b"".join(parts)
    ),
    st.sampled_from(["[" * 100_000, "9" * 5_000, '["1","1","t","e",' + "[" * 100_000, "nul", "{}", "[]"]),
)
REFS = st.none() | st.text(min_size=1, max_size=20, alphabet=st.characters(exclude_categories=["Cs"])) | st.integers(0)
TEXTS = st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.just("gw"), inner, max_size=4),
    max_leaves=12,
)
RESULTS = st.one_of(
    VALUES.map(Handled),
    st.binary().map(Handled),
    st.just(Refused("internal")),
    st.builds(Joined, st.just(Position(7, "e")), st.none() | st.booleans(), response=VALUES),
)


def heard(*frames: bytes) -> list[phoenix_js.Heard]:
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [phoenix_js.decode(frame) for frame in socket.frames]


@given(MESSAGES, RESULTS)
@example('["1","1","t","phx_join",{"a":1e999}]', Handled(None))
@example(b"\x00\x01\x01\x01\x01", Handled(None))
@example(json.dumps(["1", "1", "t" * 300, "say", {}]), Handled(b"x"))
def test_the_wire_makes_commands_of_anything(message: str | bytes, result: Any) -> None:
    """Each can be answered; the answer is whole frames with the ref that came, and none if none came."""
    (command,) = WIRE.decode(message)
    assert command.reply.size_bytes == len(message)
    if isinstance(command, Broken):
        return
    assert isinstance(command.reply.topic, str)
    error = command.error if isinstance(command, Invalid) else None
    said: Any = command.reply.ref
    for answer in heard(*WIRE.answer(command.reply, error or result)):
        assert answer.topic == command.reply.topic
        assert str(answer.ref) == str(said.ref)
    if isinstance(command, Join):
        assert WIRE.variant(command).frame(Delivery(Publication("t", b"{}", 1.0), None))
        (closed,) = heard(*WIRE.replaced(command.reply))
        assert closed[:4] == (said.join_ref, said.join_ref, command.topic, "phx_close")


@given(REFS, REFS, TEXTS, TEXTS.filter(lambda event: not event.startswith(("phx_", "gw:"))), VALUES | st.binary())
def test_what_a_client_says_arrives_as_it_was(join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> None:
    """In text and in bytes: refs, topic, event and payload, or an answer that says what is wrong with the event."""
    if isinstance(payload, bytes):
        join_ref, ref = (None if one is None else str(one) for one in (join_ref, ref))
    (command,) = WIRE.decode(phoenix_js.encode(join_ref, ref, topic, event, payload))
    said: Any = command.reply.ref
    assert (said.join_ref, said.ref, command.reply.topic) == (join_ref, ref, topic)
    if isinstance(command, Publish):
        got = command.payload if command.kind == "binary" else json.loads(command.payload)
        assert (command.event, got) == (event, payload)
    else:
        assert isinstance(command, Invalid)


@given(
    VALUES | st.binary(),
    st.none() | st.integers(1, 2**53),
    TEXTS,
    st.none() | st.text("abc", min_size=1),
    st.booleans(),
)
@example({"gw": {"offset": 99}, "a": 1}, None, "say", None, True)
@example({"\\u0067w": 1}, 3, "say", "1", True)
def test_what_members_read_is_what_was_published(
    payload: Any, offset: int | None, event: str, join_ref: str | None, meta: bool
) -> None:
    """Live or missed, in every form; with positions for those who asked, and none that is not ours."""
    encoded, kind = encode_payload(payload)
    publication = Publication("room:a", encoded, 1.0, kind, event, Sender("c", "u"))
    (command,) = WIRE.decode(json.dumps([join_ref, "1", "room:a", "phx_join", {"gw": {"meta": meta}}]))
    assert isinstance(command, Join)
    position = None if offset is None else Position(offset, "e")
    (live,) = heard(WIRE.variant(command).frame(Delivery(publication, position)))
    assert (live.join_ref, live.ref, live.topic) == (None, None, "room:a")
    shown = payload if isinstance(payload, dict | bytes) else {"data": payload}
    if isinstance(shown, dict) and meta:
        shown = {key: value for key, value in shown.items() if key != "gw"}
        shown |= {} if offset is None else {"gw": {"offset": offset, "epoch": "e"}}
    assert live.payload == shown
    if offset is not None:
        joined = Joined(Position(offset, "e"), True, (Entry(offset, 0.0, publication),))
        missed = heard(*WIRE.answer(command.reply, joined))[-1]
        assert missed == live._replace(join_ref=join_ref)
