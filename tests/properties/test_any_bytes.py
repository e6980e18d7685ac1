"""Whatever a client sends on the native wire ends in answers or a close, never in a traceback, never in a neighbour."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.events import ActorFailed, DeadLetter
from actors.testkit import assert_conservation, run
from gateway.messages.commands import Call, Identify, Invalid, Nothing, Ping
from gateway.protocols.native import NativeWire
from gateway.reasons import CLOSE_REASONS, Refused
from gateway.topics.behaviour import Room, on
from tests.support.fake_socket import FakeSocket
from tests.support.laws import examples
from tests.support.numbers import NUMBERS
from tests.support.peer import Peer, settle, start_node

if TYPE_CHECKING:
    from gateway.topics.member import Member

ACTIONS = (
    *("join_room", "leave_room", "subscribe", "unsubscribe", "publish", "chat", "history", "presence"),
    *("ping", "pong", "auth", "echo", "no_such"),
)
NAMES = st.sampled_from(["kept", "plain", "room", "room:1", "", "a,b", 'a"b', "\x00", "ä" * 200, "\ud800", "x" * 256])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SINCE = st.fixed_dictionaries({}, optional={"offset": NUMBERS | JSON, "epoch": st.text(max_size=9) | JSON}) | JSON
FRAMES = st.fixed_dictionaries(
    {"action": st.sampled_from(ACTIONS) | JSON},
    optional={
        "ref": st.text(max_size=9) | NUMBERS | JSON,
        "room": NAMES | JSON,
        "channel": NAMES | JSON,
        "since": SINCE,
        "limit": NUMBERS | JSON,
        "reverse": st.booleans() | JSON,
        "presence": st.booleans() | JSON,
        "payload": JSON,
        "info": JSON,
        "event": st.sampled_from(["message", "say", "give"]) | JSON,
        "echo": st.booleans() | JSON,
        "id": st.text(max_size=3) | JSON,
        "type": st.sampled_from(["pong"]) | JSON,
    },
)
MESSAGES = st.one_of(
    FRAMES.map(json.dumps),  # NaN, Infinity and lone surrogates among them
    FRAMES.map(lambda frame: json.dumps(frame, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.text(),
    st.binary(),
    st.sampled_from(["[" * 100_000, '{"a":' * 5_000, "9" * 5_000, "1e999", '"' + "x" * 60_000, "nul", "{}", "[]", "7"]),
    st.integers(50, 1200).map(
        lambda depth: '{"action":"publish","room":"room","event":"say","payload":' + "[" * depth + "]" * depth + "}"
    ),
    st.integers(50, 1200).map(
        lambda depth: '{"action":"join_room","room":"room","info":' + "[" * depth + "]" * depth + "}"
    ),
)


def utf8(message: str | bytes) -> str | bytes:
    """A text that a socket hands on is valid UTF-8 (RFC 6455 8.1)."""
    return message if isinstance(message, bytes) else message.encode("utf-8", "replace").decode()


@given(MESSAGES.map(utf8))
@example('{"action":"publish","channel":"c","payload":1e999}')
@example(b'{"action":"publish","channel":"c","payload":"\xff"}')
def test_the_wire_makes_commands_of_anything(message: str | bytes) -> None:
    """Each can be answered, and the answer is a whole text frame of valid JSON."""
    wire = NativeWire(says_hello=False)
    (command,) = wire.decode(message)
    socket = FakeSocket()
    for frame in wire.answer(command.reply, Refused("internal")):
        socket.write(frame)
    assert len(socket.objects()) == 1
    assert command.reply.size_bytes == len(message)
    assert isinstance(command, Invalid | Ping | Nothing | Identify | Call) or isinstance(command.topic, str)


class Talk(Room):
    """A room with handlers, so that payloads are really read."""

    async def on_join(self, member: Member, params: object) -> Any:
        return member.info

    @on("say")
    async def say(self, member: Member, data: Any) -> Any:
        return self.broadcast(data)

    @on("give")
    def give(self, member: Member, data: Any) -> Any:
        return data


async def converse(messages: list[str | bytes]) -> None:
    loop = asyncio.get_running_loop()
    failed: list[Any] = []
    async with ActorSystem("any bytes", clock=VirtualClock(loop)) as system:
        system.events.subscribe(ActorFailed, failed.append)
        system.events.subscribe(DeadLetter, failed.append)
        node = await start_node(system, behaviour=Talk)
        neighbour, sender = Peer(node, "neighbour"), Peer(node, "sender")
        for name in ("kept", "room"):
            await neighbour.joins(name)
        for message in messages:
            sender.socket.feed(utf8(message))
            await settle()
        for peer in (sender, neighbour):
            assert all(isinstance(one, dict) for one in peer.heard())
        assert (await neighbour.says("ping"))[-1]["action"] == "pong"
        assert neighbour.closes == []
        if sender.closes:
            assert sender.closed.code in {one.code for one in CLOSE_REASONS.values()}
            assert sender.closed.ended_by in ("client", "rate_limit")
        else:
            assert sender.socket.is_reading
            assert any(one.get("action") == "pong" for one in await sender.says("ping"))
    assert failed == []
    assert_conservation(system)


@examples(60)
@given(st.lists(MESSAGES, min_size=1, max_size=20))
def test_a_connection_survives_anything_or_is_closed_with_a_code(messages: list[str | bytes]) -> None:
    """Nothing fails, nothing is lost, the credit is all back, and a neighbour in the same rooms reads only JSON."""
    run(converse(messages))
