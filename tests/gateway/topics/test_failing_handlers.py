"""App code of a topic that fails or hangs: what it costs and whom, and what a crash leaves alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from gateway.engines.stream import History
from gateway.events import RoomLeft, TopicClosed, TopicOpened
from gateway.topics.behaviour import Room, on
from tests.support.game import Bug, Game, ada_of, bob_of, errors, publishes
from tests.support.peer import PLAIN, Peer, changed, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.member import Member

FAILS = pytest.mark.allow_failures("Bug", "NotCharged")


@pytest.mark.allow_failures("TypeError", "NotCharged")
async def test_what_no_wire_can_carry_is_the_handlers_failure(system: ActorSystem) -> None:
    """An answer that is no JSON is `internal` for its client, whose connection lives on."""
    node = await start_node(system, behaviour=Game)
    ada = ada_of(node)
    assert errors(await publishes(ada, "give", "object")) == ["internal"]
    assert errors(await publishes(ada, "refuse badly")) == ["internal"]
    assert (await publishes(ada, "give", "list"))[0]["payload"] == [1]
    assert ada.closes == []


async def test_payloads_that_cannot_be_read_are_the_clients_fault(system: ActorSystem) -> None:
    """A number beyond all floats passes the wire as raw JSON; the room answers and does not fail."""
    node = await start_node(system, behaviour=Game)
    ada = ada_of(node)
    ada.socket.feed('{"action":"join_room","room":"room","info":1e999}')
    ada.socket.feed('{"action":"publish","room":"room","event":"say","payload":1e999}')
    await settle()
    joined, refused = ada.heard()
    assert joined["status"] == "joined"
    assert refused["error"]["reason"] == "bad_request"


@FAILS
async def test_a_failing_handler_changes_nothing_for_the_others(system: ActorSystem) -> None:
    """The sender learns `internal`; members stay, offsets go on, nobody is told anything."""
    chosen = settings({"room": changed(PLAIN, history=History())})
    node = await start_node(system, chosen, behaviour=Game)
    left: list[Any] = []
    system.events.subscribe(RoomLeft, left.append)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    await publishes(bob, "say", 1)
    bob.heard()
    assert "internal" in errors(await publishes(ada, "bug"))
    ada.send("publish", room="room", event="later bug", payload=None)
    await passes(1)
    assert errors(ada.heard()) == ["internal"]
    await publishes(ada, "say", 2)
    assert bob.events() == [(2, 2)]
    assert left == []


@FAILS
async def test_three_failures_by_one_client_close_it_and_nothing_else(system: ActorSystem) -> None:
    """In 30 s; two of them, and one later, do not. The room pays nothing however often."""
    node = await start_node(system, behaviour=Game)
    closed: list[Any] = []
    system.events.subscribe(TopicClosed, closed.append)
    ada, bob = ada_of(node), bob_of(node)
    await bob.joins("room")
    for _ in range(2):
        await publishes(ada, "bug")
    await passes(31)
    await publishes(ada, "bug")
    assert ada.closes == []
    for _ in range(2):
        await publishes(ada, "bug")
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("crash", 3600)
    assert ada.closed.reason == "messages crashed a topic too often"
    for number in range(10):
        again = Peer(node, f"ada{number}", principal=Principal("ada"))
        await publishes(again, "bug")
    assert closed == []
    assert bob.closes == []
    assert node.live.size("room") == 1


@FAILS
async def test_two_clients_make_the_room_pay(system: ActorSystem) -> None:
    """Budget spent: members are removed and told to come back, the topic closes and can be used anew."""
    node = await start_node(system, behaviour=Game)
    facts: list[Any] = []
    for kind in (TopicOpened, TopicClosed, RoomLeft):
        system.events.subscribe(kind, facts.append)
    watcher = Peer(node, "watcher")
    await watcher.joins("room")
    for number in range(7):
        peer = Peer(node, f"peer{number}", principal=Principal(f"user{number}"))
        await publishes(peer, "bug")
        await passes(2)  # restarts come with a delay that grows
    removed = [one for one in watcher.heard() if one.get("action") == "unsubscribed"]
    assert [(one["reason"], one["retry"]) for one in removed] == [("internal", True)]
    assert [fact.reason for fact in facts if isinstance(fact, TopicClosed)] == ["gave_up"]
    assert [fact.reason for fact in facts if isinstance(fact, RoomLeft)] == ["internal"]
    await watcher.joins("room")
    assert errors(await publishes(watcher, "say", "again")) == []
    assert [payload for _, payload in watcher.events()] in ([], ["again"])
    assert watcher.closes == []


@FAILS
async def test_failures_over_coming_and_going_are_charged_to_who_came_and_went(system: ActorSystem) -> None:
    """One client that joins and leaves a room whose `on_leave` fails does not close it."""

    class Leaky(Room):
        def on_leave(self, member: Member, reason: str) -> None:
            raise Bug

        async def on_empty(self) -> None:
            raise Bug

    node = await start_node(system, behaviour=Leaky)
    closed: list[Any] = []
    system.events.subscribe(TopicClosed, closed.append)
    for number in range(12):
        peer = Peer(node, f"ada{number}", principal=Principal("ada"))
        await peer.joins("room")
        await peer.says("leave_room", room="room")
    assert closed == []


@FAILS
async def test_events_in_hand_are_answered_when_the_room_gives_up(system: ActorSystem) -> None:
    """Nobody waits for a behaviour that is gone, and no command is answered twice."""
    node = await start_node(system, behaviour=Game)
    ada = ada_of(node)
    ada.send("publish", room="room", event="stuck", payload=None, ref="stuck")
    for number in range(5):
        ada.send("publish", room="room", event="say", payload=None, ref=number)
    await settle()
    (behaviour,) = [ref for ref in system.root.walk() if ref.path.endswith("/behaviour")]
    (topic,) = [ref for ref in system.root.walk() if ref.path == "/topics/room"]
    assert behaviour.is_alive()
    topic.stop_now()
    await passes(10)
    answers = [one["ref"] for one in ada.heard() if "ref" in one]
    assert sorted(answers, key=str) == [0, 1, 2, 3, 4, "stuck"]


class Hanging(Room):
    """A handler that never comes back, and one that does."""

    patience = 10.0

    @on("hang")
    async def hang(self, member: Member, data: Any) -> None:
        await passes(1e6)

    @on("count")
    def count(self, member: Member, data: Any) -> int:
        self.state = (self.state or 0) + 1
        return self.state  # type: ignore[no-any-return]


@pytest.mark.allow_failures("CancelledError")
async def test_a_handler_that_never_returns_does_not_take_its_room_along(system: ActorSystem) -> None:
    """It is ended after its patience, its client is answered, and the next instance does what waited behind it."""
    node = await start_node(system, behaviour=Hanging)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("room-1")
        peer.heard()
    ada.send("publish", room="room-1", event="hang", payload=None, ref=1)
    bob.send("publish", room="room-1", event="count", payload=None, ref=2)
    await passes(Hanging.patience * 0.9)
    assert (ada.heard(), bob.heard()) == ([], [])
    await passes(Hanging.patience * 1.2)
    ((refused,), (counted,)) = ada.heard(), bob.heard()
    assert refused["error"]["reason"] == "internal"
    assert counted["payload"] == 1
    (again,) = await bob.says("publish", room="room-1", event="count", payload=None)
    assert again["payload"] == 2
    assert (ada.closes, bob.closes) == ([], [])


async def test_a_handler_within_its_patience_is_left_alone(system: ActorSystem) -> None:
    """Also if it is looked at in the middle of its work: only its own time counts, not that of those before it."""

    class Slow(Hanging):
        @on("wait")
        async def wait(self, member: Member, data: Any) -> int:
            await passes(8.0)
            return int(data)

    node = await start_node(system, behaviour=Slow)
    ada = Peer(node, "ada")
    await ada.joins("room-1")
    ada.heard()
    for number in range(4):
        ada.send("publish", room="room-1", event="wait", payload=number)
    await passes(40.0)
    assert [one["payload"] for one in ada.heard() if "payload" in one] == [0, 1, 2, 3]


class Odd(BaseException):
    """No Exception, and nobody's but the application's: as what tests fail with, or a library ends its tasks with."""


class Ending(Room):
    """Its handlers end by what is no Exception."""

    def on_join(self, member: Member, params: Any) -> None:
        if params == "odd":
            raise Odd

    @on("now")
    def now(self, member: Member, data: Any) -> None:
        raise Odd

    @on("cancelled")
    def cancelled(self, member: Member, data: Any) -> None:
        raise asyncio.CancelledError

    @on("later")
    async def later(self, member: Member, data: Any) -> None:
        await passes(0.1)
        raise Odd

    @on("group")
    async def group(self, member: Member, data: Any) -> None:
        await passes(0.1)
        raise BaseExceptionGroup("several", [Odd(), ValueError()])


@pytest.mark.allow_failures("Odd", "CancelledError", "BaseExceptionGroup")
@pytest.mark.parametrize("event", ["now", "cancelled", "later", "group"])
async def test_what_is_no_exception_is_answered_too(system: ActorSystem, event: str) -> None:
    """`internal` at once, not after the patience of its client; and the room goes on."""
    node = await start_node(system, settings({"room": PLAIN}), behaviour=Ending)
    ada = ada_of(node)
    await ada.joins("room")
    ada.socket.feed(f'{{"action":"publish","room":"room","event":"{event}","payload":1,"ref":1}}')
    await passes(0.2)
    assert errors(ada.heard()) == ["internal"]
    await passes(5.0)
    (left,) = await ada.says("leave_room", room="room")
    assert left["status"] == "left"
    (refused,) = await ada.says("join_room", room="room", data="odd")
    assert refused["error"]["reason"] == "internal"
    await passes(5.0)
    assert (await ada.says("join_room", room="room"))[0]["status"] == "joined"
