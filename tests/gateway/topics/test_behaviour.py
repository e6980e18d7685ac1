"""App code of a topic: its handlers, what they answer, and in which order what they do happens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from gateway.engines.stream import History
from gateway.events import ReceiptFailed
from gateway.reasons import Refused
from gateway.topics.behaviour import Room, on
from tests.support.game import Game, ada_of, bob_of, errors, publishes
from tests.support.late_engine import LateEngine
from tests.support.peer import PLAIN, Peer, changed, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.member import Member


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
        ada.send("publish", room="room", event="count", payload=None, id="k", ref=ref)
    await passes(1)
    ada.send("publish", room="room", event="count", payload=None, id="k", ref=3)
    await passes(1)
    assert [(one["ref"], one["payload"]) for one in ada.heard()] == [(1, 1), (2, 1), (3, 1)]


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
