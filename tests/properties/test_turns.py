"""A turn of many messages equals one message per turn: what each member is told, frame by frame."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, handles
from actors.clock import VirtualClock
from actors.testkit import run
from actors.turns.dispatcher import InPlace
from gateway.access.identity import Principal
from gateway.engines.stream import History, Position
from gateway.messages.commands import Handled, Join, Leave, Publish, Published, ReadHistory, ReadPresence, Reply
from gateway.messages.topic_messages import Answer, Depart, Origin, Removed, Submit
from gateway.protocols.native import NativeWire
from gateway.reasons import Refused
from gateway.sockets.deliver import Deliver
from gateway.topics.behaviour import Room, on
from tests.support.fake_socket import FakeSocket
from tests.support.joins import a_join
from tests.support.laws import examples
from tests.support.peer import KEPT, changed, settle, start_node
from tests.support.peer import settings as settings_of
from tests.support.told_apart import told_apart

if TYPE_CHECKING:
    from gateway.messages.commands import TopicCommand
    from gateway.node import Node
    from gateway.topics.member import Member

WIRE = NativeWire(says_hello=False)
NAMES = ("ada", "bob", "eve")
Step = tuple[str, str, bool]


class Reader(Actor):
    """Stands where a connection would, and keeps what a client would read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = FakeSocket()

    @handles(Deliver, in_place=True)
    def deliver(self, message: Deliver) -> None:
        assert message.joined == b"".join(entry.frame for entry in message.entries)
        self.socket.write(message.joined)

    @handles(Answer)
    def answered(self, answer: Answer) -> None:
        """Without those to publications: they come as soon as there is a position, whatever is delivered when."""
        if not isinstance(answer.result, Published | Handled | Refused):
            for frame in WIRE.answer(answer.reply, answer.result):
                self.socket.write(frame)

    @handles(Removed)
    def removed(self, removed: Removed) -> None:
        for frame in WIRE.removed(a_join("room", removed.topic).reply, removed.reason, may_return=removed.may_return):
            self.socket.write(frame)

    def read(self) -> list[str]:
        return [json.dumps(_timeless(one), sort_keys=True) for one in self.socket.objects()]


def _timeless(frame: Any) -> Any:
    frame.pop("time", None)
    for event in frame.get("events", ()):
        event.pop("time", None)
    return frame


class Fragile(Room):
    """Its crash touches nothing of the machine."""

    @on("crash")
    def crash(self, member: Member, data: Any) -> None:
        raise ArithmeticError("ordered")


STEPS = st.tuples(
    st.sampled_from(
        ["publish", "publish", "ephemeral", "join", "return", "leave", "depart", "history", "presence", "crash"]
    ),
    st.sampled_from(NAMES),
    st.booleans(),
)


def _submit(step: Step, number: int, origin: Origin) -> Submit | Depart:
    what, _, flag = step
    reply = Reply(action="join_room" if what in ("join", "return") else what, ref=number, face="room", topic="room")
    exclude = frozenset((origin.client,)) if flag else frozenset[str]()
    commands: dict[str, TopicCommand] = {
        "publish": Publish("room", reply, b"%d" % number, exclude=exclude),
        "ephemeral": Publish("room", reply, b"%d" % number, exclude=exclude, save=False),
        "join": Join("room", reply, None, flag),
        "return": Join("room", reply, Position(number // 3, ""), flag),
        "leave": Leave("room", reply),
        "history": ReadHistory("room", reply, None, 10, flag),
        "presence": ReadPresence("room", reply),
        "crash": Publish("room", reply, b"null", event="crash"),
    }
    if what == "depart":
        return Depart(origin.client, number, "client")
    generation = number if what in ("join", "return", "leave") else 0
    return Submit(origin, commands[what], generation, WIRE.variant(a_join("room", presence=flag)))


async def play(steps: list[Step], sizes: list[int], in_place: InPlace) -> dict[str, list[str]]:
    """What each reads when the steps arrive in groups of these sizes, repeated."""
    loop = asyncio.get_running_loop()
    async with ActorSystem("turns", clock=VirtualClock(loop), in_place=in_place) as system:
        chosen = settings_of({"room": changed(KEPT, history=History(size=8))})
        node = await start_node(system, chosen, behaviour=Fragile)
        readers = {name: system.spawn(Reader) for name in NAMES}
        origins = {name: Origin(ref, name, Principal(name)) for name, ref in readers.items()}
        await settle()
        await _tell(node, [_submit(step, 1 + n, origins[step[1]]) for n, step in enumerate(steps)], sizes)
        return {name: ref._actor.read() for name, ref in readers.items()}


async def _tell(node: Node, messages: list[Submit | Depart], sizes: list[int]) -> None:
    start = turn = 0
    while start < len(messages):
        size = sizes[turn % len(sizes)]
        for message in messages[start : start + size]:
            node.live.tell("room", message)
        await settle()
        start, turn = start + size, turn + 1


@examples(100)
@given(
    st.lists(STEPS, min_size=15, max_size=50),
    st.lists(st.integers(1, 50), min_size=1, max_size=6),
    st.sampled_from(["never", "always", "random"]),
    st.booleans(),
)
def test_turns_of_many_equal_one_message_per_turn(
    steps: list[Step], sizes: list[int], in_place: InPlace, is_large: bool
) -> None:
    """Publish, join, leave, history, presence and crash, in any order and in turns of any size."""
    steps = [("join", name, True) for name in NAMES] + steps
    one_by_one = run(play(steps, [1], "never"))
    with told_apart(is_large):
        together = run(play(steps, sizes, in_place))
    assert together == one_by_one


def test_the_law_sees_something() -> None:
    """A fixed conversation is read by all three, so that two empty readings do not pass for equal ones."""
    draw = random.Random(1)
    steps = [("join", name, True) for name in NAMES]
    steps += [("publish", draw.choice(NAMES), False) for _ in range(10)]
    heard = run(play(steps, [50], "always"))
    assert all(len(lines) >= 12 for lines in heard.values())
