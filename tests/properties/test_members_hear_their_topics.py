"""Who believes to be a member hears what is said, once, and nobody else does: whatever was joined and left before."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.testkit import run
from gateway.access.identity import ANONYMOUS, Principal
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.phoenix import PhoenixWire
from gateway.reasons import Refused
from gateway.topics.behaviour import Room
from tests.support.back_end import Asking
from tests.support.issuer import token, with_auth
from tests.support.late_engine import LateEngine
from tests.support.laws import examples
from tests.support.peer import KEPT, Peer, passes, settle, start_node
from tests.support.told_apart import told_apart

if TYPE_CHECKING:
    from gateway.node import Node
    from gateway.protocols.base import Wire
    from gateway.topics.member import Member

ADA = Principal("ada")
TOPICS = ("kept", "room")
UNKNOWN = "refused to join again: it may be what it was"


class Slow(Room):
    """Thinks for a second, or for so long that nobody waits for it."""

    async def on_join(self, member: Member, params: object) -> None:
        await asyncio.sleep(1.0 if member.principal.id else 4.0)


class Client(Peer):
    """On one wire; `inside` is what it has been told, topic by topic."""

    def __init__(self, node: Node, principal: Principal, wire: Wire | None = None) -> None:
        super().__init__(node, type(self).__name__, principal=principal, wire=wire)
        self.inside: dict[str, bool | str] = dict.fromkeys(TOPICS, False)
        self.finals: list[str] = []
        self.asked: dict[Any, tuple[str, str]] = {}

    def number(self, act: str, topic: str) -> int:
        number = len(self.asked) + 2
        self.asked[number] = act, topic
        return number

    def answered(self, ref: int, is_yes: bool) -> None:
        act, topic = self.asked.pop(ref)
        if is_yes:
            self.inside[topic] = act == "join"
        elif act == "join":
            self.inside[topic] = UNKNOWN

    def heard_event(self, topic: str, payload: Any) -> None:
        if payload == {"final": True}:
            self.finals.append(topic)


class Native(Client):
    """Nobody, until it logs in."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, ANONYMOUS)

    def act(self, act: str, topic: str, since: bool) -> None:
        keys: dict[str, Any] = {"since": {"offset": 0}} if since else {}
        self.send(f"{act}_room", room=topic, ref=self.number(act, topic), **keys)

    def log_in(self) -> None:
        self.send("auth", token=token(self.node, channels=list(TOPICS)))

    def read(self, frame: Any) -> None:
        topic = frame.get("room") or frame.get("channel")
        if "ref" in frame:
            self.answered(frame["ref"], frame["status"] != "error")
        elif frame.get("action") == "event":
            self.heard_event(topic, frame["payload"])
        elif frame.get("action") in ("subscribed", "unsubscribed"):
            self.inside[topic] = frame["action"] == "subscribed"


class OnCentrifuge(Client):
    def __init__(self, node: Node) -> None:
        super().__init__(node, ADA, CentrifugeWire())
        self.socket.feed('{"id":1,"connect":{}}')

    def act(self, act: str, topic: str, since: bool) -> None:
        word = "subscribe" if act == "join" else "unsubscribe"
        recover = {"recover": True} if since and act == "join" else {}
        self.socket.feed(json.dumps({"id": self.number(act, topic), word: {"channel": topic, **recover}}))

    def read(self, frame: Any) -> None:
        push = frame.get("push", {})
        topic = push.get("channel")
        if frame.get("id", 1) > 1:
            self.answered(frame["id"], "error" not in frame)
        elif "pub" in push:
            self.heard_event(topic, push["pub"]["data"])
        elif push:
            self.inside[topic] = "subscribe" in push


class OnPhoenix(Client):
    """Goes by the name of the last join; what is said in another name is not for it."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, ADA, PhoenixWire())
        self.joined_as: dict[str, str | None] = dict.fromkeys(TOPICS)

    def act(self, act: str, topic: str, since: bool) -> None:
        ref = str(self.number(act, topic))
        if act == "join":
            self.joined_as[topic] = ref
        wishes = {"gw": {"since": {"offset": 0}}} if since and act == "join" else {}
        self.socket.feed(json.dumps([self.joined_as[topic], ref, topic, f"phx_{act}", wishes]))

    def read(self, frame: Any) -> None:
        join_ref, ref, topic, event, payload = frame
        if event == "phx_reply":
            act, _ = self.asked[int(ref)]
            if (ref if act == "join" else join_ref) == self.joined_as[topic]:
                self.inside[topic] = act == "join" and payload["status"] == "ok"
        elif event in ("phx_close", "phx_error"):
            if join_ref == self.joined_as[topic]:
                self.inside[topic] = False
        elif event == "message":
            self.heard_event(topic, payload)


ACTS = ("join", "since", "leave", "join", "since", "leave", "log in")
SERVERS = ("subscribe", "unsubscribe", "kick", "end", "publish", "time")
BREATHS = st.tuples(
    st.integers(0, 2), st.sampled_from(TOPICS), st.lists(st.sampled_from([*ACTS, *SERVERS]), min_size=1, max_size=4)
)
"""One client, one topic, and what happens there before anything else has run."""
Breath = tuple[int, str, list[str]]


async def do(what: str, client: Any, topic: str, ask: Asking) -> None:
    node = ask.node
    if what in ("join", "since", "leave"):
        client.act("leave" if what == "leave" else "join", topic, what == "since")
    elif what == "log in" and isinstance(client, Native):
        client.log_in()
    elif what in ("subscribe", "unsubscribe"):
        asking = asyncio.ensure_future(ask(what, user="ada", channel=topic, client=client.client))
        asking.add_done_callback(lambda done: isinstance(done.exception(), Refused) or done.result())
        await asyncio.sleep(0)
    elif what == "kick":
        kicked = node.commands.in_turn(topic, lambda it: it.kick(client.client, "kicked", may_return=False), "kick")
        kicked.then(lambda _: None)
    elif what == "end" and node.live.is_live(topic):
        node.live._refs[topic].stop()
    elif what == "publish":
        node.commands.publish(topic, {"final": False}, "message").then(lambda _: None)
    elif what == "time":
        await passes(0.7)


async def play(breaths: list[Breath], seed: int) -> None:
    loop, drawn = asyncio.get_running_loop(), random.Random(seed)
    async with ActorSystem("members", clock=VirtualClock(loop)) as system:
        node = await start_node(
            system, with_auth({"*": KEPT}), Slow,
            engine=lambda node: LateEngine(node.clock, node.ids, delay=lambda: drawn.choice((0.0, 0.0, 0.5))),
        )  # fmt: skip
        clients: list[Any] = [Native(node), OnCentrifuge(node), OnPhoenix(node)]
        ask = Asking(node)
        await settle()
        for number, topic, words in breaths:
            for what in words:
                await do(what, clients[number], topic, ask)
            await settle()
        await passes(10.0 + 20.0 * len(breaths))
        for topic in TOPICS:
            await node.commands.publish(topic, {"final": True}, "message")
        await passes(10.0)
        for client in clients:
            for frame in client.heard():
                client.read(frame)
            for topic in TOPICS if client.socket.is_open else ():  # else it comes back, and begins anew
                member = client.client in [one.id for one in node.commands.members(topic)]
                assert client.finals.count(topic) == member
                assert client.inside[topic] in (member, UNKNOWN)


@examples(150)
@given(st.lists(BREATHS, max_size=12), st.integers(0, 10), st.booleans())
def test_members_hear_their_topics_and_nobody_else_does(breaths: list[Breath], seed: int, is_large: bool) -> None:
    """Joins with a position and without, leaves, logins, back ends, kicks and ends, with time between them or none."""
    with told_apart(is_large):
        run(play(breaths, seed))
