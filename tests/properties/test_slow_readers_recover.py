"""However slowly somebody reads, whatever the policy of the topic: each once, in order, and no gap without a word."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.testkit import assert_conservation, run
from gateway.access.identity import Principal
from gateway.engines.memory import MemoryEngine
from gateway.engines.stream import History, Position
from gateway.events import PublicationDropped
from gateway.topics.behaviour import Room, on
from tests.support.fake_socket import FakeSocket
from tests.support.laws import examples
from tests.support.peer import PLAIN, Peer, changed, passes, settings, start_node

if TYPE_CHECKING:
    from gateway.engines.base import Call
    from gateway.messages.publications import Publication
    from gateway.node import Node
    from gateway.topics.member import Member

NAMES = ("ada", "bob")
SIZE = 6
POLICIES = ("disconnect", "drop_oldest", "conflate")
TOPICS = tuple(f"room:{policy}:{kept}" for policy in POLICIES for kept in ("kept", "live"))
SETTINGS = {
    topic: changed(
        PLAIN,
        presence=topic.endswith("live"),
        slow=topic.split(":")[1],
        history=History(size=SIZE, ttl=3600.0) if topic.endswith("kept") else History.none(),
    )
    for topic in TOPICS
}


class Thinks(Room):
    """Takes a moment to let somebody in, and fails on order."""

    async def on_join(self, member: Member, params: Any) -> None:
        await asyncio.sleep(0.1)

    @on("crash")
    async def crash(self, member: Member, data: Any) -> None:
        raise ArithmeticError("ordered")


class Recording(MemoryEngine):
    """Knows what every offset was, also after it was forgotten."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.clock, node.ids, is_live=node.live.is_live)
        self.at: dict[str, dict[int, int]] = defaultdict(dict)

    def publish(self, call: Call, publication: Publication, key: str | None) -> Any:
        position = super().publish(call, publication, key)
        assert isinstance(position, Position)
        self.at[call.topic][position.offset] = json.loads(publication.payload)["n"]
        return position


@attrs.define
class Said:
    """What was published: where, under which key, and for whom not."""

    topic: str
    key: str | None
    but: str | None


@attrs.define
class Reading:
    """What a client knows of one topic; it believes what it reads, and nothing else."""

    is_in: bool = False
    is_asking: bool = False
    epoch: str = ""
    offset: int = 0
    since: int | None = None
    heard: list[int] = attrs.Factory(list)
    """Since it joined, by the number."""
    here: set[str] = attrs.Factory(set)
    """Who is in it, as far as it was told."""


class Reader(Peer):
    """One connection, which reads as fast as its socket is told to."""

    def __init__(self, play: Play, name: str, number: int, former: dict[str, Reading]) -> None:
        self.who, self.play = name, play
        self.readings = {topic: Reading(epoch=one.epoch, offset=one.offset) for topic, one in former.items()} or {
            topic: Reading() for topic in TOPICS
        }
        super().__init__(play.node, f"{name}.{number}", principal=Principal(name), socket=FakeSocket())

    @property
    def is_gone(self) -> bool:
        return bool(self.closes) or not self.socket.is_open

    def join(self, topic: str, *, returns: bool) -> None:
        reading = self.readings[topic]
        if reading.is_asking:
            return
        reading.is_asking = True
        reading.since = reading.offset if returns and reading.epoch else None
        since = {} if reading.since is None else {"since": {"offset": reading.since, "epoch": reading.epoch}}
        self.send("join_room", room=topic, ref=topic, presence=True, **since)

    def look(self) -> None:
        for frame in self.heard():
            if "room" in frame:
                self._take(frame, self.readings[frame["room"]])

    def _take(self, frame: Any, reading: Reading) -> None:
        if frame.get("action") == "join_room":
            reading.is_asking = False
            reading.is_in = frame["status"] == "joined"
            if reading.is_in:
                self._joined(frame, reading)
        elif frame.get("status") == "left" or frame.get("action") in ("unsubscribed", "left"):
            reading.is_in = False
        elif frame.get("action") == "event":
            assert reading.is_in, f"{self.client} heard {frame} and is no member"
            self._event(frame, reading)
        elif frame.get("action") == "presence":
            assert reading.is_in, f"{self.client} heard {frame} and is no member"
            if "state" in frame:
                reading.here.clear()
            reading.here -= {one["client"] for one in frame.get("leaves", ())}
            reading.here |= {one["client"] for one in frame.get("joins", ()) or frame.get("state", ())}

    def _joined(self, frame: Any, reading: Reading) -> None:
        reading.heard = []
        if frame.get("recovered"):
            assert reading.since is not None
            reading.offset = reading.since
        else:
            top = max(self.play.engine.at[frame["room"]], default=0)
            kept = frame["room"].endswith("kept")
            assert not kept or reading.since is None or reading.since < top - SIZE, f"{frame} after {reading}"
            reading.offset = frame["offset"]
        reading.epoch = frame["epoch"]

    def _event(self, frame: Any, reading: Reading) -> None:
        number, topic = frame["payload"]["n"], frame["room"]
        said = self.play.said[number]
        assert said.topic == topic
        assert said.but != self.who
        assert not reading.heard or reading.heard[-1] < number, f"{self.client} heard {number} after {reading.heard}"
        reading.heard.append(number)
        if "offset" in frame:
            at = self.play.engine.at[topic]
            assert frame["offset"] > reading.offset
            for skipped in range(reading.offset + 1, frame["offset"]):
                assert self.play.said[at[skipped]].but == self.who, f"{self.client} lacks {skipped} of {topic}"
            assert at[frame["offset"]] == number
            reading.offset = frame["offset"]


class Play:
    """Two clients, six topics, and what was said."""

    def __init__(self, node: Node) -> None:
        self.node = node
        engine = node.engine
        assert isinstance(engine, Recording)
        self.engine = engine
        self.said: list[Said] = []
        self.readers: dict[str, Reader] = {}
        self.numbers = 0

    def reader(self, name: str) -> Reader:
        """A client whose connection is gone makes another one, and knows where it was."""
        reader = self.readers.get(name)
        if reader is None or reader.is_gone:
            if reader is not None:
                reader.look()
            self.numbers += 1
            former = {} if reader is None else reader.readings
            reader = self.readers[name] = Reader(self, name, self.numbers, former)
        return reader

    def publish(self, topic: str, name: str, draw: int) -> None:
        """Of a third nobody but the others hears; half have a key; some are long."""
        key, but = (None, "red", "blue")[draw % 3], name if draw % 5 == 0 else None
        number, text = len(self.said), "x" * (400 if draw % 4 == 0 else 10)
        self.said.append(Said(topic, key, but))
        exclude = Principal(name) if but else ()
        self.node.commands.publish(topic, {"n": number, "text": text}, "message", exclude=exclude, conflate=key).then(
            lambda _: None
        )

    async def do(self, what: str, name: str, topic: str, draw: int) -> None:
        if what == "publish":
            self.publish(topic, name, draw)
        elif what == "burst":
            for more in range(4):
                self.publish(topic, name, draw + more)
        elif what == "stop":
            for ref in list(self.node.system.root.walk()):
                if ref.path == f"/topics/{topic}":
                    ref.stop_now()
        elif what == "turn":
            await asyncio.sleep(0)
        elif what == "second":
            await passes(1.0)
        else:
            self._of_reader(what, self.reader(name), topic, draw)

    def _of_reader(self, what: str, reader: Reader, topic: str, draw: int) -> None:
        socket = reader.socket
        if what in ("join", "return"):
            reader.join(topic, returns=what == "return")
        elif what == "leave":
            reader.send("leave_room", room=topic)
        elif what == "crash":
            reader.send("publish", room=topic, event="crash", payload=None)
        elif what == "stall":
            socket.stall()
        elif what == "flow":
            socket.flow(None if draw % 3 == 0 else 100 * (draw % 30))
        elif what == "cut":
            socket.end()

    def look(self) -> None:
        for reader in self.readers.values():
            reader.look()


STEPS = st.tuples(
    st.sampled_from(
        ["publish", "burst", "burst", "burst", "join", "return", "return", "leave", "crash", "stop", "stall", "stall",
         "flow", "flow", "cut", "turn", "turn", "second"]
    ),
    st.sampled_from(NAMES),
    st.sampled_from(TOPICS),
    st.integers(0, 59),
)  # fmt: skip


async def play(steps: list[tuple[str, str, str, int]]) -> None:
    loop = asyncio.get_running_loop()
    drops: list[PublicationDropped] = []
    async with ActorSystem("slow", clock=VirtualClock(loop)) as system:
        system.events.subscribe(PublicationDropped, drops.append)
        chosen = settings(SETTINGS, outbox_bytes=2000, outbox_entries=8, messages_per_second=1e6, burst=10**6)
        node = await start_node(system, chosen, behaviour=Thinks, engine=Recording)
        playing = Play(node)
        for name in NAMES:
            for topic in TOPICS:
                playing.reader(name).join(topic, returns=False)
        await passes(1.0)
        for step in steps:
            await playing.do(*step)
            playing.look()
        for reader in playing.readers.values():
            reader.socket.flow()
        await passes(5.0)
        playing.look()
        for reader in playing.readers.values():
            check(playing, reader)
    assert_conservation(system)


def check(playing: Play, reader: Reader) -> None:
    """What its client believes is so, and it has all that its policy does not let go."""
    if reader.is_gone:
        return
    for topic, reading in reader.readings.items():
        members = [one.id for one in playing.node.commands.members(topic)]
        assert (reader.client in members) == reading.is_in, f"{reader.client} in {topic}: {members}, {reading}"
        knows = reading.is_in and topic.endswith("live")
        assert not knows or reading.here == set(members), f"{reading.here} is not {members} of {topic}"
        lacks = [
            number for offset, number in playing.engine.at[topic].items()
            if offset > reading.offset and playing.said[number].but != reader.who
        ]  # fmt: skip
        assert not reading.is_in or topic.endswith("live") or not lacks, f"{reader.client} lacks {lacks} of {topic}"


@examples(300)
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_each_once_and_in_order_and_no_gap_is_silent(steps: list[tuple[str, str, str, int]]) -> None:
    """Over slow and stalled sockets, bursts, exclusion, keys, joins, leaves, crashes, ends and cuts."""
    run(play(steps))
