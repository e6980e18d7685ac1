"""What a room keeps across its crashes: its state as it was after the last handler that succeeded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from actors import ActorSystem, NotCharged, handles
from actors.events import ActorFailed
from gateway.reasons import Refused
from gateway.topics.behaviour import Room, on
from gateway.topics.state import Kept
from tests.support.peer import Peer, passes, settle, start_node

if TYPE_CHECKING:
    from gateway.topics.member import Member

CRASH = RuntimeError("as asked")
pytestmark = pytest.mark.allow_failures("NotCharged")


@attrs.frozen
class Note:
    """What an actor of the app, or a timer, tells the room."""

    text: str


class Footnote(Note):
    """Has no handler of its own."""


@attrs.frozen
class Later:
    """What no handler is declared for."""


class Ledger(Room):
    """Writes down what happens to it; crashes right after writing when it is told to."""

    def initial_state(self) -> dict[str, list[str]]:
        return {"lines": []}

    def write(self, line: str) -> None:
        self.state["lines"].append(line)

    def on_join(self, member: Member, params: object) -> Any:
        self.write(f"join {member.id}")

    def on_leave(self, member: Member, reason: str) -> None:
        self.write(f"leave {member.id}")

    @on("read")
    def read(self, member: Member, payload: Any) -> Any:
        return self.state["lines"]

    @on("write")
    def write_at_once(self, member: Member, payload: Any) -> None:
        self.write(payload)

    @on("write later")
    async def write_later(self, member: Member, payload: Any) -> None:
        self.write(f"begin {payload}")
        await passes(1.0)
        self.write(payload)

    @on("refuse")
    def refuse(self, member: Member, payload: Any) -> None:
        self.write(payload)
        raise Refused("bad_request", "no")

    @on("crash")
    def crash(self, member: Member, payload: Any) -> None:
        self.write(payload)
        self.state = {"lines": ["nonsense"]}
        raise NotCharged from CRASH

    @on("crash later")
    async def crash_later(self, member: Member, payload: Any) -> None:
        self.write(payload)
        await passes(1.0)
        raise NotCharged from CRASH

    @on("set timer")
    def set_timer(self, member: Member, payload: Any) -> None:
        self.timers.once("note", Footnote(payload), 1.0)

    @on("set odd timer")
    def set_odd_timer(self, member: Member, payload: Any) -> None:
        self.timers.once("later", Later(), 1.0)

    @on("wait for silence")
    def wait(self, member: Member, payload: Any) -> None:
        self.set_receive_timeout(1.0)

    @handles(Note)
    def noted(self, note: Note) -> None:
        self.write(note.text)

    def on_receive(self, message: Any) -> None:
        self.write(type(message).__name__)

    def on_signal(self, signal: Any) -> None:
        self.set_receive_timeout(None)
        self.write(type(signal).__name__)


class Desk:
    """A member of a room of that class, alone or first."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    @classmethod
    async def at(cls, system: ActorSystem, room: type[Room]) -> Desk:
        desk = cls(Peer(await start_node(system, behaviour=room), "ada"))
        await desk.peer.joins("room")
        return desk

    async def does(self, event: str, payload: Any = None) -> Any:
        """The answer."""
        (answer,) = await self.peer.says("publish", room="room", event=event, payload=payload)
        return answer

    async def reads(self) -> Any:
        return (await self.does("read"))["payload"]

    async def crashes(self) -> None:
        assert (await self.does("crash", "half done"))["error"]["reason"] == "internal"


async def test_a_crash_undoes_what_its_handler_did_and_nothing_else(system: ActorSystem) -> None:
    """The next instance has what was written before, without the half-done line."""
    desk = await Desk.at(system, Ledger)
    await desk.does("write", "one")
    await desk.does("write", "two")
    await desk.crashes()
    assert await desk.reads() == ["join ada", "one", "two"]
    await desk.does("write", "three")
    await desk.crashes()
    assert await desk.reads() == ["join ada", "one", "two", "three"]


async def test_a_handler_that_awaits_counts_when_it_has_ended(system: ActorSystem) -> None:
    """All of it is kept after it succeeded, none of it if it failed."""
    desk = await Desk.at(system, Ledger)
    desk.peer.send("publish", room="room", event="write later", payload="slow")
    await passes(1.5)
    desk.peer.send("publish", room="room", event="crash later", payload="lost")
    await passes(1.5)
    desk.peer.heard()
    assert await desk.reads() == ["join ada", "begin slow", "slow"]


async def test_a_refusal_is_no_crash(system: ActorSystem) -> None:
    """What a refusing handler had changed stays, as it does in memory: check first, change then."""
    desk = await Desk.at(system, Ledger)
    assert (await desk.does("refuse", "changed"))["error"]["reason"] == "bad_request"
    await desk.crashes()  # at once: a handler that succeeds in between would keep it as well
    assert await desk.reads() == ["join ada", "changed"]


@pytest.mark.parametrize(
    ("event", "line"),
    [("set timer", "of a timer"), ("set odd timer", "Later"), ("wait for silence", "ReceiveTimeout")],
)
async def test_timers_and_signals_are_handlers_too(system: ActorSystem, event: str, line: str) -> None:
    """A subtype of a declared message, what only `on_receive` takes, and a signal: what they wrote is kept."""
    desk = await Desk.at(system, Ledger)
    await desk.does(event, "of a timer")
    await passes(1.5)
    await desk.crashes()
    assert await desk.reads() == ["join ada", line]


async def test_who_came_and_who_went_is_kept(system: ActorSystem) -> None:
    """Joins and leaves are handlers as well."""
    desk = await Desk.at(system, Ledger)
    bob = Peer(desk.peer.node, "bob")
    await bob.joins("room")
    await bob.says("leave_room", room="room")
    desk.peer.heard()
    await desk.crashes()
    assert await desk.reads() == ["join ada", "join bob", "leave bob"]


async def test_the_state_that_comes_back_is_a_copy(system: ActorSystem) -> None:
    """Two crashes in a row find the same state: the first instance could not reach what is kept."""
    desk = await Desk.at(system, Ledger)
    await desk.does("write", "one")
    await desk.crashes()
    await desk.crashes()
    assert await desk.reads() == ["join ada", "one"]


async def test_a_room_may_let_its_state_go(system: ActorSystem) -> None:
    """With `keep_state = False` each instance begins anew."""

    class Forgetful(Ledger):
        keep_state = False

    desk = await Desk.at(system, Forgetful)
    await desk.does("write", "one")
    await desk.crashes()
    assert await desk.reads() == []


async def test_two_rooms_of_a_class_have_a_state_each(system: ActorSystem) -> None:
    """What is kept belongs to the topic."""
    desk = await Desk.at(system, Ledger)
    await desk.peer.joins("room:other")
    await desk.does("write", "one")
    answer = (await desk.peer.says("publish", room="room:other", event="read", payload=None))[0]
    assert answer["payload"] == ["join ada"]


async def test_a_state_that_cannot_be_copied_is_said_clearly(system: ActorSystem) -> None:
    """A fault of the app, told with the way out; its client is not told that what is undone was done."""

    class Locked(Room):
        def initial_state(self) -> Any:
            return {"fine": 1}

        @on("lock")
        def lock(self, member: Member, payload: Any) -> None:
            self.state["lock"] = threading.Lock()

        @on("read")
        def read(self, member: Member, payload: Any) -> Any:
            return sorted(self.state)

    failures: list[ActorFailed] = []
    system.events.subscribe(ActorFailed, failures.append)
    desk = await Desk.at(system, Locked)
    assert (await desk.does("lock"))["error"]["reason"] == "internal"
    (failure,) = failures
    assert str(failure.error.__cause__) == (
        "could not keep the state of a room: cannot pickle '_thread.lock' object; "
        "keep plain values in `state`, or set keep_state = False"
    )
    await settle()
    assert await desk.reads() == ["fine"]


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


UNKEEPABLE = {
    "lock": threading.Lock(),
    "lambda": lambda: None,
    "deep": nested(100_000),
    "generator": (number for number in range(1)),
}


@pytest.mark.parametrize("state", UNKEEPABLE.values(), ids=UNKEEPABLE)
def test_whatever_cannot_be_kept_is_the_same_letter(state: object) -> None:
    """Pickle has four ways of failing; an app has one to understand."""
    with pytest.raises(TypeError, match=r"could not keep the state of a room: .*; keep plain values"):
        Kept().save(state)


def test_nothing_saved_is_the_initial_state() -> None:
    """Made anew each time, so that two instances never share one."""
    kept = Kept()
    first, second = kept.restore(list), kept.restore(list)
    assert first == second == []
    assert first is not second
