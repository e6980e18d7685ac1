"""Whoever comes back gets exactly what was missed, or is told that it cannot be: whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import example, given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.events import ActorFailed
from actors.testkit import assert_conservation, run
from actors.turns.dispatcher import InPlace
from gateway.access.identity import Principal
from gateway.engines.memory import MemoryEngine
from gateway.engines.stream import History, Position
from gateway.events import HistoryRecovered
from gateway.topics.behaviour import Room, on
from tests.support.late_engine import LateEngine
from tests.support.laws import examples
from tests.support.peer import PLAIN, Peer, changed, passes, start_node
from tests.support.peer import settings as settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.engines.base import Call, Engine
    from gateway.messages.publications import Publication
    from gateway.node import Node
    from gateway.topics.member import Member

NAMES = ("ada", "bob", "eve")
TTL = 300.0
ORDERED = {"ArithmeticError('ordered')"} | {
    f"NotCharged('ArithmeticError while handling for {name}.{number}')" for name in NAMES for number in range(100)
}
"""The only failures: those of the app code, whoever is charged for them."""
SIZE = 6


class Chat(Room):
    """Fails on order; everything else goes the machine's way."""

    @on("crash")
    async def crash(self, member: Member, data: Any) -> None:
        raise ArithmeticError("ordered")

    @on("relay")
    async def relay(self, member: Member, data: Any) -> Any:
        return self.broadcast(data)


class Recording(MemoryEngine):
    """Knows what every offset was, also after it was forgotten."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.clock, node.ids)
        self.at: dict[int, Any] = {}

    def publish(self, call: Call, publication: Publication, key: str | None) -> Any:
        position = super().publish(call, publication, key)
        assert isinstance(position, Position)
        self.at[position.offset] = (
            json.loads(publication.payload) if publication.kind == "json" else publication.payload.decode()
        )
        return position


@attrs.define
class Life:
    """What one client has seen of the topic since it last joined, checked as it comes."""

    peer: Peer
    epoch: str = ""
    offset: int = 0
    is_in: bool = False
    is_joining: bool = False
    since: int | None = None
    owed: int = 0
    seen: list[tuple[int | None, Any]] = attrs.Factory(list)
    """Since the join that is live: offset and payload, in order."""
    read: int = 0

    def look(self, lives: Lives) -> None:
        """Reads on in everything it was told."""
        told = self.peer.socket.objects()
        for frame in told[self.read :]:
            self._take(frame, lives)
        self.read = len(told)

    def _take(self, frame: Any, lives: Lives) -> None:
        if frame.get("ref") == "join":
            self.is_joining = False
            self.is_in = self.is_in and frame["status"] != "error"  # a refused rejoin ends what was there before
        if frame.get("status") == "joined":
            self._joined(frame, lives)
        elif frame.get("status") == "left" or frame.get("action") == "unsubscribed":
            self.is_in = False
        elif frame.get("action") == "event":
            assert self.is_in, f"{self.peer.client} heard {frame} and is no member"
            self._event(frame, lives)

    def _joined(self, frame: Any, lives: Lives) -> None:
        self.is_in, self.epoch, self.seen = True, frame["epoch"], []
        lives.runs.append(self.seen)
        recovered = frame.get("recovered")
        if recovered:
            assert self.since is not None
            self.offset, self.owed = self.since, frame["offset"]
        else:
            self.offset = self.owed = frame["offset"]
            assert frame.get("missed", 0) == 0

    def _event(self, frame: Any, lives: Lives) -> None:
        offset, payload = frame.get("offset"), frame["payload"]
        self.seen.append((offset, payload))
        if offset is None:
            return
        assert offset > self.offset, f"{self.peer.client} heard {offset} again, or too late, after {self.offset}"
        lives.skipped(self.peer.client, range(self.offset + 1, offset))
        self.offset = offset


@attrs.define
class Lives:
    """All clients, and what is known of the topic."""

    node: Node
    excluded: dict[str, str] = attrs.Factory(dict)
    """Payload -> the name of who does not get it."""
    gaps: list[tuple[str, int]] = attrs.Factory(list)
    runs: list[list[tuple[int | None, Any]]] = attrs.Factory(list)
    by_name: dict[str, Life] = attrs.Factory(dict)
    generation: int = 0

    def skipped(self, who: str, offsets: range) -> None:
        self.gaps += [(who.partition(".")[0], offset) for offset in offsets]

    def life(self, name: str) -> Life:
        """That of the client's living connection; a new one if it was cut."""
        life = self.by_name.get(name)
        if life is None or life.peer.closes or not life.peer.socket.is_open:
            self.generation += 1
            peer = Peer(self.node, f"{name}.{self.generation}", principal=Principal(name))
            epoch, offset = (life.epoch, life.offset) if life is not None else ("", 0)
            life = self.by_name[name] = Life(peer, epoch, offset)
        return life

    def look(self) -> None:
        for life in self.by_name.values():
            life.look(self)


STEPS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("relay"), st.sampled_from(NAMES), st.just(False)),
    st.tuples(st.just("ephemeral"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("burst"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.sampled_from(["join", "leave", "crash"]), st.sampled_from(NAMES), st.just(False)),
    st.tuples(st.sampled_from(["return", "return", "cut"]), st.sampled_from(NAMES), st.just(False)),
    st.tuples(
        st.sampled_from(["turn", "turn", "turn", "second", "second", "ttl", "passivate", "stop"]),
        st.just(""),
        st.just(False),
    ),
)


async def play(steps: list[tuple[str, str, bool]], *, late: bool, seed: int, in_place: InPlace) -> None:
    loop = asyncio.get_running_loop()
    draw = random.Random(seed)
    system = ActorSystem("recovery", clock=VirtualClock(loop), seed=seed, in_place=in_place)
    facts: list[HistoryRecovered] = []
    failed: list[ActorFailed] = []
    async with system:
        system.events.subscribe(HistoryRecovered, facts.append)
        system.events.subscribe(ActorFailed, failed.append)
        chosen = settings_of({"room": changed(PLAIN, history=History(size=SIZE, ttl=TTL))})
        node = await start_node(system, chosen, behaviour=Chat, engine=_engine(late, draw))
        lives = Lives(node)
        for name in NAMES:
            _join(lives.life(name), returns=False)
        await passes(1)
        for number, (what, who, flag) in enumerate(steps):
            await _step(lives, what, who, flag, f"m{number}")
            lives.look()
        await passes(10)
        lives.look()
        await _check(lives)
        assert all(fact.recovered or fact.reason for fact in facts)
    assert {repr(fact.error) for fact in failed} <= ORDERED
    assert_conservation(system)


def _engine(late: bool, draw: random.Random) -> Callable[[Node], Engine]:
    def make(node: Node) -> Engine:
        if not late:
            return Recording(node)
        engine = LateEngine(node.clock, node.ids, delay=lambda: draw.choice((0.0, 0.001, 0.2)))
        engine.inner = Recording(node)
        return engine

    return make


async def _step(lives: Lives, what: str, who: str, flag: bool, payload: str) -> None:
    if what in ("turn", "second", "ttl", "passivate"):
        await _time(lives, what)
        return
    if what == "stop":
        for ref in lives.node.system.root.walk():
            if ref.path == "/topics/room":
                ref.stop_now()
        return
    life = lives.life(who)
    if what == "burst":
        for part in range(SIZE // 2):
            _publish(lives, life, "publish", flag, f"{payload}.{part}")
    elif what in ("publish", "ephemeral", "relay"):
        _publish(lives, life, what, flag, payload)
    elif what in ("join", "return"):
        _join(life, returns=what == "return")
    elif what == "leave":
        life.peer.send("leave_room", room="room")
    elif what == "cut":
        life.look(lives)
        life.peer.socket.end()
    else:
        life.peer.send("publish", room="room", event="crash", ref="crash")


def _publish(lives: Lives, life: Life, what: str, excludes: bool, payload: str) -> None:
    if excludes:
        lives.excluded[payload] = life.peer.client.partition(".")[0]
    if what == "ephemeral":
        but = life.peer.client if excludes else ()
        lives.node.commands.publish("room", payload, "message", exclude=but, save=False)
    else:
        event = "relay" if what == "relay" else "message"
        life.peer.send("publish", room="room", event=event, payload=payload, echo=not excludes)


def _join(life: Life, *, returns: bool) -> None:
    """One at a time, so that the position it gave is the one that the reply is about."""
    if life.is_joining:
        return
    life.is_joining = True
    life.since = life.offset if returns and life.epoch else None
    since = {} if life.since is None else {"since": {"offset": life.since, "epoch": life.epoch}}
    life.peer.socket.feed(json.dumps({"action": "join_room", "room": "room", "ref": "join", **since}))


async def _time(lives: Lives, what: str) -> None:
    if what == "turn":
        await asyncio.sleep(0)
        return
    ends = lives.node.now() + {"second": 1.0, "ttl": TTL + 1, "passivate": lives.node.passivate_after + 1}[what]
    while lives.node.now() < ends:
        lives.look()
        for life in lives.by_name.values():
            if life.peer.socket.is_open:
                life.peer.socket.pong()
        await passes(min(20.0, ends - lives.node.now()))


async def _check(lives: Lives) -> None:
    """No offset was skipped that was not excluded for its reader; all saw one order; all are up to date."""
    engine = lives.node.engine
    at = engine.inner.at if isinstance(engine, LateEngine) else engine.at  # type: ignore[attr-defined]
    heard = [(offset, payload) for one in lives.runs for offset, payload in one if offset is not None]
    assert all(at[offset] == payload for offset, payload in heard)
    for who, offset in lives.gaps:
        assert lives.excluded.get(at[offset]) == who, f"{who} lacks {offset}, {at[offset]}"
    _check_one_order(lives.runs)
    for name, life in lives.by_name.items():
        if life.is_in and life.peer.socket.is_open and not life.peer.closes:
            lacks = [payload for offset, payload in at.items() if offset > life.offset]
            assert all(lives.excluded.get(payload) == name for payload in lacks), f"{name} lacks {lacks}"


def _check_one_order(runs: list[list[tuple[int | None, Any]]]) -> None:
    """What two have both seen, the ephemeral included, they have seen in the same order, and once."""
    for one in runs:
        payloads = [payload for _, payload in one]
        assert len(set(payloads)) == len(payloads), f"a repeat in {payloads}"
        for other in runs:
            places = {payload: place for place, (_, payload) in enumerate(other)}
            shared = [places[payload] for payload in payloads if payload in places]
            assert shared == sorted(shared), f"two orders: {one} and {other}"


AFTER_AN_END = [
    *[("publish", "ada", False)] * 2, *[("relay", "ada", False)] * 6, ("leave", "bob", False), ("stop", "", False),
    *[("publish", "ada", False)] * 2, ("turn", "", False), ("join", "bob", False),
]  # fmt: skip
"""What a topic was told before it ended comes before what is said while it ends."""


@examples(150)
@example(steps=AFTER_AN_END, late=False, seed=2, in_place="never")
@given(
    st.lists(STEPS, min_size=15, max_size=60),
    st.booleans(),
    st.integers(0, 1000),
    st.sampled_from(["never", "always", "random"]),
)
def test_no_gap_no_repeat_one_order(
    steps: list[tuple[str, str, bool]], late: bool, seed: int, in_place: InPlace
) -> None:
    """Over publish, exclusion, join, leave, cut, return, age, crash and passivation, with both engines."""
    run(play(steps, late=late, seed=seed, in_place=in_place))
