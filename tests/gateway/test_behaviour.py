"""App code of a topic: handlers, what their failures cost and whom, and what a crash leaves alone."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gateway import wire_json
from gateway.behaviour import Room, on
from gateway.events import ReceiptFailed, RoomLeft, TopicClosed, TopicOpened
from gateway.identity import Principal
from gateway.message_class import message
from gateway.reasons import Refused
from gateway.stream import History
from tests.support.late_engine import LateEngine
from tests.support.peer import PLAIN, Peer, changed, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.member import Member

FAILS = pytest.mark.allow_failures("Bug", "NotCharged")


class Bug(Exception):
    """What the app code of these tests raises by mistake."""


class Game(Room):
    """Every event that these tests need."""

    @on("say")
    def say(self, member: Member, data: Any) -> Any:
        return self.broadcast(data, event="said", sender=member)

    @on("bug")
    def bug(self, member: Member, data: Any) -> None:
        raise Bug

    @on("later bug")
    async def later_bug(self, member: Member, data: Any) -> None:
        await passes(0.1)
        raise Bug

    @on("refuse")
    def refuse(self, member: Member, data: Any) -> None:
        raise Refused("cheating", "not your turn", move=data)

    @on("give")
    def give(self, member: Member, data: Any) -> Any:
        return {"set": {1, 2}, "object": object(), "nothing": None, "list": [1]}[data]

    @on("refuse badly")
    def refuse_badly(self, member: Member, data: Any) -> None:
        raise Refused("cheating", why=object())

    @on("stuck")
    async def stuck(self, member: Member, data: Any) -> None:
        await passes(1e6)

    @on("whisper")
    def whisper(self, member: Member, data: Any) -> Any:
        self.broadcast("before")
        sent = member.send("for you", event="whisper")
        self.broadcast("after")
        return sent

    @on("kick")
    def kick(self, member: Member, data: Any) -> Any:
        return [one.kick("out") for one in self.members() if one.id == data]

    @on("ephemeral")
    def ephemeral(self, member: Member, data: Any) -> Any:
        return self.broadcast(data, save_history=False)

    @on("wait for position")
    async def wait(self, member: Member, data: Any) -> Any:
        published = await self.broadcast(data)
        return published.position and published.position.offset

    @on("forget")
    def forget(self, member: Member, data: Any) -> None:
        self.broadcast(data)


class Door(Room):
    """Puts aside what comes before it is opened."""

    is_open = False

    @on("knock")
    async def knock(self, member: Member, data: Any) -> Any:
        await passes(0.1)
        if not self.is_open:
            self.stash()
        return {"welcome": data}

    @on("open")
    def open(self, member: Member, data: Any) -> None:
        self.is_open = True
        self.unstash()


def ada_of(node: Any) -> Peer:
    return Peer(node, "ada", principal=Principal("ada"))


def bob_of(node: Any) -> Peer:
    return Peer(node, "bob", principal=Principal("bob"))


async def publishes(peer: Peer, event: str, payload: Any = None, **keys: Any) -> list[Any]:
    """What a peer is told when it sends an event to the room."""
    return await peer.says("publish", room="room", event=event, payload=payload, **keys)


def errors(heard: list[Any]) -> list[str]:
    return [one["error"]["reason"] for one in heard if one.get("status") == "error"]


async def test_a_handled_event_is_not_fanned_out_by_itself(system: ActorSystem) -> None:
    """What the handler broadcasts goes to all; its receipt answers the client with the position."""
    chosen = settings({"room": changed(PLAIN, history=History())})
    node = await start_node(system, chosen, behaviour=Game)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    heard = await publishes(ada, "say", "hi")
    (said,) = [one for one in bob.heard() if one.get("action") == "event"]
    assert (said["event"], said["payload"], said["sender"]["user"], said["offset"]) == ("said", "hi", "ada", 1)
    assert next(one for one in heard if one.get("status") == "published")["offset"] == 1


async def test_an_event_that_was_stashed_is_answered_when_it_is_handled(system: ActorSystem) -> None:
    """Once, with what its handler returned then; putting it aside is no failure."""
    node = await start_node(system, settings({"room": PLAIN}), behaviour=Door)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    assert errors(await publishes(ada, "knock", 1)) == []
    await passes(1)
    assert ada.heard() == []
    await publishes(bob, "open")
    await passes(1)
    assert [one["payload"] for one in ada.heard() if "payload" in one] == [{"welcome": 1}]


async def test_a_refusal_reaches_its_client_with_its_details(system: ActorSystem) -> None:
    """`Refused` is an answer, not a failure."""
    node = await start_node(system, behaviour=Game)
    ada = ada_of(node)
    (heard,) = await publishes(ada, "refuse", 7)
    assert (heard["error"]["reason"], heard["error"]["message"], heard["error"]["move"]) == (
        "cheating",
        "not your turn",
        7,
    )


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
    ada.send("publish", room="room", event="later bug")
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
    assert (ada.closed.ended_by, ada.closed.code) == ("crash", 3013)
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
    ada.send("publish", room="room", event="stuck", ref="stuck")
    for number in range(5):
        ada.send("publish", room="room", event="say", ref=number)
    await settle()
    (behaviour,) = [ref for ref in system.root.walk() if ref.path.endswith("/behaviour")]
    (topic,) = [ref for ref in system.root.walk() if ref.path == "/topics/room"]
    assert behaviour.is_alive()
    topic.stop_now()
    await passes(10)
    answers = [one["ref"] for one in ada.heard() if "ref" in one]
    assert sorted(answers, key=str) == [0, 1, 2, 3, 4, "stuck"]


async def test_acts_of_a_handler_happen_in_the_order_of_their_calls(system: ActorSystem) -> None:
    """A message to one member stands between the broadcasts before and after it."""
    node = await start_node(system, behaviour=Game)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    await publishes(ada, "whisper")
    assert [payload for _, payload in bob.events()] == ["before", "after"]


async def test_a_whisper_stands_in_order(system: ActorSystem) -> None:
    """The member itself sees all three, in the order of the calls."""
    node = await start_node(system, behaviour=Game)
    ada = ada_of(node)
    await ada.joins("room")
    heard = await publishes(ada, "whisper")
    assert [one["payload"] for one in heard if one.get("action") == "event"] == ["before", "for you", "after"]


async def test_a_kick_ends_a_membership_and_no_connection(system: ActorSystem) -> None:
    """The kicked one is told why, for good; the connection lives on."""
    node = await start_node(system, behaviour=Game)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    bob.heard()
    await publishes(ada, "kick", "bob")
    (told,) = [one for one in bob.heard() if one.get("action") == "unsubscribed"]
    assert (told["reason"], told["retry"]) == ("out", False)
    assert node.live.size("room") == 1
    assert (await bob.says("ping"))[0]["action"] == "pong"


async def test_kicking_somebody_who_just_went_is_no_failure(system: ActorSystem) -> None:
    """A member object may outlive its connection; acts on it are answered, never raised."""
    node = await start_node(system, behaviour=Game)
    ada, bob = ada_of(node), bob_of(node)
    for peer in (ada, bob):
        await peer.joins("room")
    ada.send("publish", room="room", event="kick", payload="bob", ref=1)
    bob.ref.kill()
    await settle()
    assert errors(ada.heard()) == []
    assert node.live.size("room") == 1


async def test_awaiting_a_position_inside_the_topic_does_not_deadlock(system: ActorSystem) -> None:
    """The engine's answer reaches the machine while the handler is suspended."""
    chosen = settings({"room": changed(PLAIN, history=History())})
    make = partial(LateEngine, delay=lambda: 0.5)
    node = await start_node(system, chosen, behaviour=Game, engine=lambda node: make(node.clock, node.ids))
    ada = ada_of(node)
    ada.send("publish", room="room", event="wait for position", payload="x", ref=1)
    await passes(1)
    (heard,) = ada.heard()
    assert heard["payload"] == 1


async def test_a_broadcast_that_fails_unawaited_is_a_fact(system: ActorSystem) -> None:
    """Nothing fails silently: an engine's refusal of a broadcast nobody awaits is published."""

    class Refusing(LateEngine):
        def publish(self, call: Any, publication: Any, key: Any) -> Any:
            return Refused("not_available", "the store is gone")

    chosen = settings({"room": changed(PLAIN, history=History())})
    node = await start_node(
        system, chosen, behaviour=Game, engine=lambda node: Refusing(node.clock, node.ids, delay=lambda: 0.0)
    )
    failed: list[ReceiptFailed] = []
    system.events.subscribe(ReceiptFailed, failed.append)
    ada = ada_of(node)
    assert errors(await publishes(ada, "forget", 1)) == []
    await settle()
    assert [(fact.act, fact.error.args[0]) for fact in failed] == [("broadcast to room", "not_available")]
    assert errors(await publishes(ada, "say", 1)) == ["not_available"]
    await settle()
    assert len(failed) == 1


async def test_an_event_sent_again_under_its_key_is_handled_once(system: ActorSystem) -> None:
    """Whoever repeats an `id` gets the first answer, also while the first is still in hand."""
    calls: list[Any] = []

    class Counting(Room):
        @on("count")
        async def count(self, member: Member, data: Any) -> int:
            calls.append(data)
            await passes(0.5)
            return len(calls)

    node = await start_node(system, behaviour=Counting)
    ada = ada_of(node)
    for ref in (1, 2):
        ada.send("publish", room="room", event="count", id="k", ref=ref)
    await passes(1)
    ada.send("publish", room="room", event="count", id="k", ref=3)
    await passes(1)
    assert [(one["ref"], one["payload"]) for one in ada.heard()] == [(1, 1), (2, 1), (3, 1)]


# --- messages with a type


@message
class Move:
    column: int


@message
class Moved:
    column: int
    by: str


@message
class Odds:
    value: float


@dataclasses.dataclass
class Rest:
    seconds: int


class Table(Room):
    """What it takes is checked before its handlers run."""

    sends = (Rest,)

    @on(Move)
    async def move(self, member: Member, move: Move) -> Moved | Rest | dict[str, Any]:
        moved = Moved(column=move.column, by=member.principal.id)
        self.broadcast(moved)
        return {0: Rest(5), 1: {"plain": 1}}.get(move.column, moved)

    @on(Rest)
    def rest(self, member: Member, rest: Rest) -> None:
        self.broadcast(rest, event="resting", sender=member)

    @on("odds")
    def odds(self, member: Member, data: Any) -> Any:
        return Odds(value=float(data[0])) if len(data) == 1 else [float(one) for one in data]


async def test_b7_a_message_that_does_not_fit_is_answered_and_charged_to_nobody(system: ActorSystem) -> None:
    """Field and reason, as often as it likes; the handler does not run, and nothing fails."""
    node = await start_node(system, behaviour=Table)
    ada = ada_of(node)
    await ada.joins("room")
    ada.heard()
    for _ in range(5):
        (answer,) = await publishes(ada, "move", {"column": "one"})
        assert (answer["error"]["reason"], answer["error"]["field"]) == ("bad_request", "column")
        assert answer["error"]["message"] == "not a message 'move': expected `int`, got `str`, at 'column'"
    assert ada.closes == []
    (answer,) = await publishes(ada, "move")
    assert answer["error"]["field"] == "column"


async def test_d3_a_message_is_published_under_its_action(system: ActorSystem) -> None:
    """Its JSON has the action in it; a name that is given goes before."""
    node = await start_node(system, behaviour=Table)
    ada, bob = ada_of(node), bob_of(node)
    await bob.joins("room")
    bob.heard()
    await publishes(ada, "move", {"column": 3})
    await publishes(ada, "rest", {"seconds": 2})
    moved, rests = [one for one in bob.heard() if one.get("action") == "event"]
    assert (moved["event"], moved["payload"]) == ("moved", {"action": "moved", "column": 3, "by": "ada"})
    assert (rests["event"], rests["payload"]) == ("resting", {"action": "rest", "seconds": 2})
    assert rests["sender"]["user"] == "ada"


async def test_d3_what_a_handler_returns_is_a_message_or_a_value(system: ActorSystem) -> None:
    """A message is handed to the wire encoded, with its action; anything else as it is."""
    node = await start_node(system, behaviour=Table)
    ada_of(node)
    origin = node.directory.origin_of("ada")
    asked = [node.commands.handle("room", "move", {"column": column}, origin) for column in (0, 1, 2)]
    rest, plain, moved = [(await one).value for one in asked]
    assert [json.loads(wire_json.encode(one)) for one in (rest, moved)] == [
        {"action": "rest", "seconds": 5},
        {"action": "moved", "column": 2, "by": "ada"},
    ]
    assert all(isinstance(one, wire_json.Raw) for one in (rest, moved))
    assert plain == {"plain": 1}


@pytest.mark.allow_failures("TypeError", "NotCharged")
async def test_nan_in_a_reply_is_the_handlers_failure(system: ActorSystem) -> None:
    """It would reach the client as null, which is another value."""
    node = await start_node(system, behaviour=Table)
    ada = ada_of(node)
    for values in (["nan"], ["1.5", "inf"]):
        assert errors(await publishes(ada, "odds", values)) == ["internal"]
    for values in (["1.5"], ["1.5", "2"]):
        assert errors(await publishes(ada, "odds", values)) == []


async def test_a_principal_can_be_excluded(system: ActorSystem) -> None:
    """All its connections, by whoever it is."""

    class Quiet(Room):
        @on("say")
        def say(self, member: Member, data: Any) -> Any:
            return self.broadcast(data, exclude=[member.principal, "carol"])

    node = await start_node(system, behaviour=Quiet)
    peers = {name: Peer(node, name, principal=Principal(user)) for name, user in PEOPLE.items()}
    for peer in peers.values():
        await peer.joins("room")
    await publishes(peers["ada"], "say", 1)
    assert [name for name, peer in peers.items() if peer.events()] == ["bob"]


PEOPLE = {"ada": "1", "adas phone": "1", "bob": "2", "carol": "3"}


def test_a_room_with_a_handler_for_no_message_is_refused_at_once() -> None:
    """Where it is written, not at the first event."""
    with pytest.raises(TypeError, match="names no event"):

        class Wrong(Room):
            @on(int)
            def handle(self, member: Member, data: Any) -> None: ...


def test_an_override_without_a_mark_replaces_the_marked_one() -> None:
    """A subclass that overrides a handler by its name handles the event."""

    class Polite(Game):
        def say(self, member: Member, data: Any) -> Any:
            return "please"

    assert Polite.events["say"] is Polite.say


def test_a_mark_names_its_events() -> None:
    """A handler for nothing is a mistake of its author, and found at once."""
    with pytest.raises(TypeError, match="names no event"):
        on()


class Strict(Game):
    """Lets nothing past itself."""

    passes_on = False


async def test_a_room_that_passes_nothing_on_refuses_what_it_does_not_handle(system: ActorSystem) -> None:
    """Nobody hears it, and its sender learns the nearest event; app code may still publish anything."""
    node = await start_node(system, behaviour=Strict)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("room-1")
    bob.heard()
    (refused,) = await ada.says("publish", room="room-1", event="sya", payload=1)
    assert refused["status"] == "error"
    assert "did you mean 'say'?" in str(refused)
    assert bob.heard() == []
    await ada.says("publish", room="room-1", event="say", payload=2)
    await node.commands.publish("room-1", 3, "anything")
    assert [one["payload"] for one in bob.heard()] == [2, 3]


async def test_a_room_passes_on_what_it_does_not_handle(system: ActorSystem) -> None:
    """Unless it says otherwise: an event without a handler is as in a topic without app code."""
    node = await start_node(system, behaviour=Game)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("room-1")
    bob.heard()
    await ada.says("publish", room="room-1", event="sya", payload=1)
    assert [one["payload"] for one in bob.heard()] == [1]


class Hanging(Room):
    """A handler that never comes back, and one that does."""

    patience = 10.0

    @on("hang")
    async def hang(self, member: Member, data: Any) -> None:
        await passes(1e6)

    @on("count")
    def count(self, member: Member, data: Any) -> int:
        self.state = (self.state or 0) + 1
        return self.state


@pytest.mark.allow_failures("CancelledError")
async def test_a_handler_that_never_returns_does_not_take_its_room_along(system: ActorSystem) -> None:
    """It is ended after its patience, its client is answered, and the next instance does what waited behind it."""
    node = await start_node(system, behaviour=Hanging)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("room-1")
        peer.heard()
    ada.send("publish", room="room-1", event="hang", ref=1)
    bob.send("publish", room="room-1", event="count", ref=2)
    await passes(Hanging.patience * 0.9)
    assert (ada.heard(), bob.heard()) == ([], [])
    await passes(Hanging.patience * 1.2)
    ((refused,), (counted,)) = ada.heard(), bob.heard()
    assert refused["error"]["reason"] == "internal"
    assert counted["payload"] == 1
    (again,) = await bob.says("publish", room="room-1", event="count")
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
