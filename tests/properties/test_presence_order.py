"""
Presence is in order with what is said: every replica is the topic's own, and whoever speaks is present.

The second holds where the engine answers in place. A late one gives last words their position when their speaker may
have gone: its leaving is not held back for them.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.events import ActorFailed
from actors.testkit import run
from actors.turns.dispatcher import InPlace
from gateway.engines.memory import MemoryEngine
from tests.support.late_engine import LateEngine
from tests.support.laws import examples
from tests.support.peer import Peer, passes, start_node
from tests.support.told_apart import told_apart

if TYPE_CHECKING:
    from gateway.engines.base import Engine
    from gateway.node import Node

NAMES = ("ada", "bob", "eve", "dan")
Step = tuple[str, str]
STEPS = st.tuples(
    st.sampled_from(["join", "join", "leave", "say", "say", "cut", "kill", "turn", "second"]), st.sampled_from(NAMES)
)


@attrs.define
class Watcher:
    """One client and its replica of who is there."""

    peer: Peer
    hears_at_once: bool
    read: int = 0
    is_joining: bool = False
    """Whether the last it asked for was to join: whoever is no member may speak as well, and is not present."""
    there: set[str] | None = None
    """None: not a member, or not yet told the state."""

    def look(self) -> None:
        told = self.peer.socket.objects()
        for frame in told[self.read :]:
            self._take(frame)
        self.read = len(told)

    def _take(self, frame: Any) -> None:
        if frame.get("status") in ("joined", "left"):
            self.there = None
        elif frame.get("action") == "presence":
            self._change(frame)
        elif frame.get("action") == "event" and self.there is not None and self.hears_at_once:
            assert frame["sender"]["client"] in self.there, f"{frame['sender']} speaks and is not in {self.there}"

    def _change(self, frame: Any) -> None:
        if "state" in frame:
            self.there = {one["client"] for one in frame["state"]}
            assert self.peer.client in self.there
            return
        assert self.there is not None, f"a change before the state: {frame}"
        joins, leaves = ({one["client"] for one in frame[key]} for key in ("joins", "leaves"))
        assert leaves <= self.there, f"{leaves - self.there} left and were not there"
        self.there -= leaves
        assert not joins & self.there, f"{joins & self.there} came and were there"
        self.there |= joins


async def play(steps: list[Step], *, late: bool, seed: int, in_place: InPlace) -> None:
    loop = asyncio.get_running_loop()
    draw = random.Random(seed)

    def engine(node: Node) -> Engine:
        if late:
            return LateEngine(node.clock, node.ids, delay=lambda: draw.choice((0.0, 0.1)))
        return MemoryEngine(node.clock, node.ids)

    failed: list[ActorFailed] = []
    async with ActorSystem("presence", clock=VirtualClock(loop), seed=seed, in_place=in_place) as system:
        system.events.subscribe(ActorFailed, failed.append)
        node = await start_node(system, engine=engine)
        watchers: dict[str, Watcher] = {}
        for what, name in steps:
            await _step(node, watchers, what, name)
            for one in watchers.values():
                one.look()
        await passes(10)
        await _agree(node, watchers)
    assert failed == []


async def _step(node: Node, watchers: dict[str, Watcher], what: str, name: str) -> None:
    if what in ("turn", "second"):
        await (asyncio.sleep(0) if what == "turn" else passes(1))
        return
    watcher = watchers.get(name)
    if watcher is None or not watcher.peer.socket.is_open or watcher.peer.closes:
        number = sum(one.peer.client.startswith(name) for one in watchers.values()) + len(watchers)
        if watcher is not None:
            watchers[watcher.peer.client] = watchers.pop(name)
        watcher = watchers[name] = Watcher(Peer(node, f"{name}.{number}"), isinstance(node.engine, MemoryEngine))
    if what in ("join", "leave"):
        watcher.is_joining = what == "join"
    if what == "join":
        watcher.peer.send("join_room", room="kept", presence=True)
    elif what == "leave":
        watcher.peer.send("leave_room", room="kept")
    elif what == "say" and watcher.is_joining:
        watcher.peer.send("publish", room="kept", payload=name)
    elif what == "cut":
        watcher.peer.socket.end()
    elif what == "kill":
        watcher.peer.ref.kill()


async def _agree(node: Node, watchers: dict[str, Watcher]) -> None:
    reader = Peer(node, "reader")
    reader.send("presence", room="kept")
    await passes(1)
    (read,) = reader.heard()
    there = {one["client"] for one in read["members"]}
    open_ones = [one for one in watchers.values() if one.peer.socket.is_open and not one.peer.closes]
    for one in open_ones:
        one.look()
        assert one.there in (None, there)
        assert (one.there is not None) == (one.peer.client in there)
    assert there <= {one.peer.client for one in open_ones}
    assert node.live.size("kept") == len(there)


@examples(120)
@given(
    st.lists(STEPS, min_size=10, max_size=50),
    st.booleans(),
    st.integers(0, 1000),
    st.sampled_from(["never", "always", "random"]),
    st.booleans(),
)
def test_whoever_speaks_is_present(steps: list[Step], late: bool, seed: int, in_place: InPlace, is_large: bool) -> None:
    """Over joins, rejoins, leaves, cuts and kills, with both engines: state and changes make the topic's own list."""
    with told_apart(is_large):
        run(play(steps, late=late, seed=seed, in_place=in_place))
