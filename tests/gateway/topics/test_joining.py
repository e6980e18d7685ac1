"""Joining and leaving a topic: one membership, no ghost, no gap, and every command answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import RoomLeft
from gateway.reasons import Refused
from tests.support.late_answers import answers, late
from tests.support.late_engine import LateEngine
from tests.support.peer import KEPT, PLAIN, Peer, changed, facts_of, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_a_full_topic_refuses_and_lets_its_own_members_rejoin(system: ActorSystem) -> None:
    """`max_members` counts who is in and who is about to be; a member that joins again takes no second place."""
    chosen = settings({"full": changed(PLAIN, max_members=1)})
    node = await start_node(system, chosen)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("full")
    refused = await bob.says("join_room", room="full")
    assert refused[0]["error"]["reason"] == "topic_full"
    assert (await ada.joins("full"))["status"] == "joined"
    ada.socket.end()
    await settle()
    await bob.joins("full")


async def test_joins_under_way_count_against_the_limit(system: ActorSystem) -> None:
    """Two that join at once do not both get the last place, however late the engine answers."""
    chosen = settings({"full": changed(KEPT, max_members=1)})
    node = await start_node(system, chosen, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="full")
    bob.send("join_room", room="full")
    await settle()
    answers(node, "full")
    await settle()
    told = sorted(peer.heard()[0]["status"] for peer in (ada, bob))
    assert told == ["error", "joined"]
    assert node.live.size("full") == 1


async def test_rejoining_replaces_and_loses_nothing(system: ActorSystem) -> None:
    """A second join of the same connection ends the first membership and starts another; it is delivered to once."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    left = facts_of(system, RoomLeft)
    await ada.joins("kept")
    await ada.joins("kept")
    node.commands.publish("kept", "x", "message")
    await settle()
    assert [payload for _, payload in ada.events()] == ["x"]
    assert [(fact.topic, fact.reason) for fact in left] == [("kept", "rejoined")]
    ada.socket.end()
    await settle()
    assert node.live.size("kept") == 0
    assert len(left) == 2


async def test_app_code_leaves_a_membership_that_its_client_asked_for_as_it_is(system: ActorSystem) -> None:
    """It is told so, as on wires where nobody joins twice; its own join of that client it may repeat."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept", presence=True)
    websocket = ada.ticket.websocket(node, ada.ref)
    with pytest.raises(Refused, match="already subscribed"):
        await websocket.subscribe("kept")
    node.commands.publish("kept", "x", "message")
    await settle()
    assert [one["room"] for one in ada.heard()] == ["kept"]
    for _ in range(2):
        await websocket.subscribe("plain")
    assert node.live.size("plain") == 1


async def test_rejoining_while_joining_ends_in_one_membership(system: ActorSystem) -> None:
    """Two joins under way at a late engine: both are answered, the later one counts."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("join_room", room="kept", ref=2)
    await settle()
    answers(node)
    await settle()
    told = {one["ref"]: one["status"] for one in ada.heard()}
    assert told == {1: "error", 2: "joined"}
    node.commands.publish("kept", "x", "message")
    await settle()
    answers(node)
    await settle()
    assert [payload for _, payload in ada.events()] == ["x"]


async def test_leaving_while_joining_ends_outside(system: ActorSystem) -> None:
    """Who leaves before the engine has answered its join is no member, and both commands are answered."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("leave_room", room="kept", ref=2)
    await settle()
    answers(node)
    await settle()
    assert {one["ref"]: one["status"] for one in ada.heard()} == {1: "error", 2: "left"}
    assert node.live.size("kept") == 0
    ada.send("join_room", room="kept", ref=3)
    await settle()
    answers(node)
    await settle()
    assert ada.heard()[0]["status"] == "joined"


async def test_who_goes_while_joining_never_becomes_a_member(system: ActorSystem) -> None:
    """A connection that ends while the engine looks for what it missed leaves no ghost behind."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    ada.socket.end()
    await settle()
    answers(node)
    await settle()
    assert node.live.size("kept") == 0


async def test_what_is_published_while_joining_comes_once_and_in_order(system: ActorSystem) -> None:
    """Between the join's question and its answer everything is collected: no gap, no repeat, the others' order."""
    node = await start_node(system, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    start = ada.heard()[0]
    node.commands.publish("kept", "before", "message", save=False)
    node.commands.publish("kept", "one", "message")
    await settle()
    bob.send("join_room", room="kept", since={"offset": 0, "epoch": start["epoch"]})
    node.commands.publish("kept", "two", "message")
    node.commands.publish("kept", "after", "message", save=False)
    await settle()
    answers(node)
    await settle()
    assert ada.events() == [(None, "before"), (1, "one"), (2, "two"), (None, "after")]
    assert bob.events() == [(1, "one"), (2, "two"), (None, "after")]


async def test_an_ephemeral_one_before_what_is_replayed_is_not_put_behind_it(system: ActorSystem) -> None:
    """All members see one order: what was delivered to the others before the last replayed one is over for a joiner."""
    node = await start_node(system, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    epoch = ada.heard()[0]["epoch"]
    node.commands.publish("kept", "zero", "message")
    node.commands.publish("kept", "ephemeral", "message", save=False)
    node.commands.publish("kept", "one", "message")
    await settle()
    bob.send("join_room", room="kept", since={"offset": 0, "epoch": epoch})
    await settle()
    answers(node, count=1)
    await settle()
    answers(node)
    await settle()
    assert [payload for _, payload in ada.events()] == ["zero", "ephemeral", "one"]
    assert [payload for _, payload in bob.events()] == ["zero", "one"]


async def test_a_refusing_engine_refuses_the_command_and_nothing_else(system: ActorSystem) -> None:
    """An engine's refusal is an answer like any other, to a join, a publication and a read."""

    class Refusing(LateEngine):
        def publish(self, call: Any, publication: Any, key: Any) -> Any:
            return self._later(call, _refuse)

        def recover(self, call: Any, since: Any) -> Any:
            return self._later(call, _refuse)

        def page(self, call: Any, since: Any, limit: Any, *, reverse: bool) -> Any:
            return self._later(call, _refuse)

    def _refuse() -> object:
        raise Refused("not_available", "the store is gone", temporary=True)

    node = await start_node(system, engine=lambda node: Refusing(node.clock, node.ids))
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("publish", room="kept", payload=1, ref=2)
    ada.send("history", room="kept", ref=3)
    await settle()
    answers(node)
    await settle()
    assert {one["ref"]: one["error"]["reason"] for one in ada.heard()} == dict.fromkeys((1, 2, 3), "not_available")
    assert node.live.size("kept") == 0
