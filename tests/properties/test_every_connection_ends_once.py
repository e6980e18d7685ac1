"""However the ends of connections meet: one fact, one last word, no member left, every answer and receipt once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.testkit import run
from gateway import WebSocketEndpoint
from gateway.endpoints.hooks import Hook, Hooks
from gateway.endpoints.passage import Passage
from gateway.events import RoomJoined, RoomLeft
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.topics.behaviour import Room, on
from tests.support.endpoint_peer import endpoint_peer
from tests.support.fake_socket import FakeSocket
from tests.support.issuer import token, with_auth
from tests.support.late_engine import LateEngine
from tests.support.laws import examples
from tests.support.peer import Peer, facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from gateway import WebSocket
    from gateway.node import Node
    from gateway.topics.member import Member

TOPICS = ("room", "kept")
LONG = 60.0
"""Virtual seconds that are longer than any deadline of an end: outbox, goodbye, grace, joins."""


class Slow(Room):
    """Thinks before it lets somebody in, and before it answers."""

    async def on_join(self, member: Member, params: object) -> None:
        await asyncio.sleep(1)

    @on("slow")
    async def slow(self, member: Member, data: Any) -> str:
        await asyncio.sleep(1)
        return "done"


@attrs.define
class Heard:
    """What app code heard and was promised."""

    goodbyes: list[str] = attrs.Factory(list)
    last_words: list[str] = attrs.Factory(list)
    """Of the app itself, whatever the kind of the endpoint."""
    receipts: list[Any] = attrs.Factory(list)


def endpoints(heard: Heard) -> list[Any]:
    """One of each kind; both send, join and publish whatever the state of their socket."""

    def act(ws: WebSocket, data: str) -> None:
        heard.receipts.append(ws.join(TOPICS[0]))
        heard.receipts.append(ws.send_text(data * 200))
        heard.receipts.append(ws.publish(TOPICS[1], data))
        if data == "close":
            heard.receipts.append(ws.close(4001, "enough"))

    class Classy(WebSocketEndpoint):
        async def on_receive(self, ws: WebSocket, data: str) -> None:
            act(ws, data)
            await ws.send_text(data * 200)

        async def on_disconnect(self, ws: WebSocket, code: int) -> None:
            heard.goodbyes.append(ws.id)
            act(ws, "bye")

    async def function(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                act(ws, (await ws.receive()).text())
                await ws.send_text("x" * 200)
        finally:
            heard.goodbyes.append(ws.id)

    return [Classy, function]


WAYS = ("app", "shutdown", "expired", "heartbeat", "slow_consumer", "crash")
STEPS = st.tuples(
    st.sampled_from(
        ["stall", "stall", "flow", "trickle", "say", "say", "say", "publish", "close", "lost", "gone", "kick",
         "end topic", "time", "time", "much time"]
    ),
    st.integers(0, 3),
    st.sampled_from(WAYS),
)  # fmt: skip
Step = tuple[str, int, str]


class Play:
    """
    Four connections: on the native wire, with each kind of endpoint, and one that logs in with a token of five seconds,
    whose topics are joined before it is answered.
    """

    def __init__(self, node: Node, heard: Heard) -> None:
        self.node = node
        self.heard = heard
        self.asked = 0
        last_word = Hook(lambda ws: heard.last_words.append(ws.id), None, 1)
        passage = Passage(hooks=Hooks(disconnected=[last_word]))
        made = [
            endpoint_peer(node, one, name, passage)
            for one, name in zip(endpoints(heard), ("classy", "function"), strict=True)
        ]
        self.peers = [Peer(node, "native", socket=FakeSocket()), *made, Peer(node, "login", wire=CentrifugeWire())]

    async def open(self) -> None:
        await settle()
        for peer in self.peers[1:3]:
            peer.open()
        await settle()

    async def do(self, step: Step) -> None:
        what, number, way = step
        peer, socket, node = self.peers[number], self.peers[number].socket, self.node
        if what == "stall":
            socket.stall()
        elif what in ("flow", "trickle"):
            socket.flow(room=None if what == "flow" else 300)
        elif what == "say" and socket.is_open:
            self._say(peer, way)
        elif what == "publish":
            node.commands.publish(TOPICS[1], "x" * 200, "message")
        elif what == "close":
            reasons = {"app": "disconnected", "heartbeat": "heartbeat_lost", "crash": "server_error"}
            node.directory.close(peer.client, reasons.get(way, way), way)
        elif what == "lost":
            socket.end()
        elif what == "gone":
            socket.end(1001, "", True)
        elif what == "kick":
            topic = TOPICS[way < "f"]
            node.commands.in_turn(topic, lambda one: one.kick(peer.client, "kicked", may_return=False), "kick")
        elif what == "end topic":
            ref = node.live._refs.get(TOPICS[number % 2])
            if ref is not None:
                ref.stop()
        elif "time" in what:
            await passes(1.5 if what == "time" else 12)
        if way != "crash":  # else the next step comes in the same turn
            await settle()

    def _say(self, peer: Peer, way: str) -> None:
        if peer is self.peers[3]:
            connect = {"token": token(self.node, lasts=5, channels=list(TOPICS))}
            publish = {"channel": TOPICS[1], "data": 1}
            asked = {"publish": publish} if way in WAYS[:2] else {"connect": connect}
            peer.socket.feed(json.dumps({"id": 1 + len(way), **asked}))
            return
        if peer is not self.peers[0]:
            peer.socket.feed("close" if way == "expired" else way)
            return
        self.asked += 1
        topic = TOPICS[self.asked % 2]
        commands: dict[str, dict[str, Any]] = {
            "app": {"action": "join_room", "room": topic},
            "shutdown": {"action": "leave_room", "room": topic},
            "expired": {"action": "publish", "room": TOPICS[0], "event": "slow", "payload": 1},
            "heartbeat": {"action": "history", "room": topic},
            "slow_consumer": {"action": "ping"},
            "crash": {"action": "publish", "room": TOPICS[1], "payload": 1},
        }
        command = commands[way]
        peer.send(command.pop("action"), ref=self.asked, **command)


async def play(steps: list[Step], seed: int, last: str, *, apart: bool) -> None:
    loop, heard, drawn = asyncio.get_running_loop(), Heard(), random.Random(seed)
    chosen = with_auth()
    limits = attrs.evolve(chosen.gateway.limits, outbox_bytes=2000)
    chosen = attrs.evolve(chosen, gateway=attrs.evolve(chosen.gateway, limits=limits))
    clock = VirtualClock(loop)
    if apart:  # each look at the clock is a slice later: between any two turns the loop serves others
        clock.tick = partial(next, count())
    async with ActorSystem("ends", clock=clock) as system:
        moves = facts_of(system, RoomJoined, RoomLeft)
        node = await start_node(
            system, chosen, Slow,
            engine=lambda node: LateEngine(node.clock, node.ids, delay=lambda: drawn.choice((0.0, 0.5))),
        )  # fmt: skip
        it = Play(node, heard)
        await it.open()
        for step in steps:
            await it.do(step)
        await finish(it, last)
        if last != "stop":
            await passes(LONG)
        check(it, moves)


async def finish(it: Play, last: str) -> None:
    node = it.node
    if last == "drain":
        await node.drain(15, 2)
    if last in ("drain", "stop"):
        await node.stop()
        return
    native = it.peers[0]
    native.socket.flow()
    await passes(LONG)
    if native.ref.is_alive():
        answers = Counter(one["ref"] for one in native.socket.objects() if "ref" in one)
        assert answers == Counter(range(1, it.asked + 1))
        credit = native.ref._actor._gate.credit
        assert (credit.commands, credit.bytes) == (0, 0)
    for peer in it.peers:
        peer.socket.end()


def check(it: Play, moves: list[Any]) -> None:
    assert [len(peer.closes) for peer in it.peers] == [1, 1, 1, 1]
    assert len(it.node.directory) == 0
    assert sorted(it.heard.goodbyes) == sorted(it.heard.last_words) == ["classy", "function"]
    inside = Counter[tuple[str, str]]()
    for fact in moves:
        inside[fact.topic, fact.connection] += 1 if isinstance(fact, RoomJoined) else -1
        assert inside[fact.topic, fact.connection] in (0, 1)
    assert not +inside
    answers = Counter(one["ref"] for one in it.peers[0].socket.objects() if "ref" in one)
    assert set(answers.values()) <= {1}
    assert not [one.act for one in it.heard.receipts if not one.done()]
    assert all(peer.socket.writes_while_congested == 0 for peer in it.peers[:3])  # but one answer to a login


@examples(150)
@given(st.lists(STEPS, max_size=40), st.integers(0, 10), st.sampled_from(["lost", "drain", "stop"]), st.booleans())
def test_every_connection_ends_once(steps: list[Step], seed: int, last: str, apart: bool) -> None:
    """Closes, losses, stalls, kicks, topics that end, time, a drain and a stop, in any order, turns apart or not."""
    run(play(steps, seed, last, apart=apart))
