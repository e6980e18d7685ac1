"""Whatever comes for a typed handler ends in the handler with a valid object, or in one refusal; nothing fails."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any, Literal

import attrs
import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.events import ActorFailed, DeadLetter
from actors.testkit import assert_conservation, run
from gateway import wire_json
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.endpoint_session import EndpointSession
from gateway.endpoints.websocket import WebSocket
from gateway.messages.message_class import message
from gateway.messages.schemas import Messages, encode
from gateway.protocols.raw import RawWire
from gateway.reasons import Refused
from gateway.topics.behaviour import Room, on
from gateway.topics.member import Member
from tests.support.laws import examples
from tests.support.peer import Peer, settle, start_node


@attrs.frozen
class Point:
    x: float
    y: int | None = None


@message
class Draw:
    points: list[Point]
    colour: Literal["red", "blue"] = "red"
    extra: Any = None
    width: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))


@message
class Echo:
    payload: str | int | list[Any]


@dataclasses.dataclass
class Rename:
    names: dict[str, str]


class Weigh(msgspec.Struct, tag="weigh", tag_field="action", forbid_unknown_fields=True):
    grams: dict[float, int]


KINDS = (Draw, Echo, Rename, Weigh)
TABLE = Messages(KINDS)
ACTIONS = tuple(TABLE.incoming)

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**64, -(2**63) - 1, 10**400, 1e308, 0.1])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
POINTS = st.lists(st.fixed_dictionaries({"x": NUMBERS}, optional={"y": JSON | st.none()}), max_size=3)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(ACTIONS) | JSON,
        "points": POINTS | JSON,
        "colour": st.sampled_from(["red", "blue", "green"]) | JSON,
        "extra": JSON,
        "width": NUMBERS | JSON,
        "payload": st.text() | JSON,
        "names": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3) | JSON,
        "grams": st.dictionaries(st.sampled_from(["1.5", "nan", "inf", "x"]), st.integers(), max_size=2) | JSON,
        "ref": JSON,
    },
)
BODIES = st.one_of(
    NEARLY.map(json.dumps),  # NaN and Infinity among them, which are no JSON
    JSON.map(json.dumps),
    st.integers(50, 1200).map(lambda depth: '{"points":[],"extra":' + "[" * depth + "]" * depth + "}"),
    st.sampled_from(["", "1e999", '{"points":[],"width":1e999}', '{"points":[],"extra":' + "9" * 5000 + "}", "{"]),
    st.text(),
)


def check(found: object, action: str) -> None:
    """An object of that class, which can be written and read again."""
    assert isinstance(found, TABLE.incoming[action].kind)
    again, its_action = TABLE.ready(found)
    assert its_action == action
    assert TABLE.from_frame(action, wire_json.encode(again)) == found


@given(st.sampled_from(ACTIONS), BODIES.map(lambda body: body.encode("utf-8", "replace")) | st.binary())
@example("weigh", b'{"grams":{"nan":1}}')
@example("echo", b'{"action":"echo"}')
def test_any_payload_is_a_valid_object_or_one_refusal(action: str, payload: bytes) -> None:
    """Valid ones survive being written; refusals can be answered, and name a field that is a path."""
    found: object
    try:
        found = TABLE.from_payload(action, payload)
    except Refused as error:
        found = error
    if isinstance(found, Refused):
        assert (found.reason, len(found.message) < 1000) == ("bad_request", True)
        wire_json.encode(found.details)
    else:
        check(found, action)


@given(st.builds(Draw, points=st.lists(st.builds(Point, x=st.floats(), y=st.none() | st.integers()), max_size=3)))
def test_what_goes_out_is_finite_and_comes_in_again(draw: Draw) -> None:
    """A message with NaN is not sent; any other is read as what it was."""
    if wire_json.is_finite(draw):
        assert TABLE.from_payload("draw", encode(draw)) == draw
    else:
        try:
            encode(draw)
        except TypeError:
            return
        raise AssertionError("NaN was sent")


class Page(WebSocketEndpoint):
    """Answers each message with itself."""

    seen: list[object]

    @on(*KINDS)
    def take(self, ws: WebSocket, found: Any) -> Any:
        self.seen.append(found)
        return found


class Desk(Room):
    """The same, as a room."""

    seen: list[object]

    @on(*KINDS)
    async def take(self, member: Member, found: Any) -> Any:
        self.seen.append(found)
        return found


async def converse(frames: list[str]) -> None:
    failed: list[Any] = []
    page, desk = type("Seen", (Page,), {"seen": []}), type("Seen", (Desk,), {"seen": []})
    async with ActorSystem("typed", clock=VirtualClock(asyncio.get_running_loop())) as system:
        for kind in (ActorFailed, DeadLetter):
            system.events.subscribe(kind, failed.append)
        node = await start_node(system, behaviour=desk)
        session = lambda machine, ws: machine.spawn_session(EndpointSession, ws, page)  # noqa: E731
        peer = Peer(node, "page", wire=RawWire(), session=session)
        await settle()
        peer.open()
        await settle()
        for frame in frames:
            before = len(page.seen)
            peer.socket.feed(frame)
            await settle()
            answers = peer.heard()
            assert len(answers) <= 1
            handled = len(page.seen) > before
            assert handled == (bool(answers) and answers[0].get("status") != "error" and answers[0]["action"] != "pong")
        native = Peer(node, "desk")
        for frame in frames:
            payload = json.loads(frame) if is_json(frame) else frame
            before = len(desk.seen)
            (answer,) = await native.says("publish", room="room", event="draw", payload=payload)
            assert (len(desk.seen) > before) == ("error" not in answer)
        assert peer.closes == []
    assert failed == []
    assert_conservation(system)


def is_json(text: str) -> bool:
    try:
        return wire_json.is_finite(json.loads(text))
    except (ValueError, RecursionError):
        return False


FRAMES = BODIES.map(lambda body: body.encode("utf-8", "replace").decode())


@examples(40)
@given(st.lists(FRAMES, min_size=1, max_size=8))
def test_endpoints_and_rooms_answer_anything(frames: list[str]) -> None:
    """A frame is handled or answered with one error, and nothing fails, whatever it was."""
    run(converse(frames))
