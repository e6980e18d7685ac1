"""Publishing in a topic: one order for everybody, once for a key, and not for who is excluded."""

from __future__ import annotations

from actors import ActorSystem
from gateway.events import TopicClosed
from tests.support.late_answers import answers, late
from tests.support.late_engine import LateEngine
from tests.support.peer import Peer, facts_of, settle, start_node


async def test_members_get_what_is_published_in_one_order(system: ActorSystem) -> None:
    """Offsets are 1, 2, 3 and every member sees them in that order, the sender too."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    ada.send("publish", room="kept", payload="a")
    bob.send("publish", room="kept", payload="b")
    ada.send("publish", room="kept", payload="c")
    await settle()
    events = bob.events()
    assert [offset for offset, _ in events] == [1, 2, 3]
    assert sorted(payload for _, payload in events) == ["a", "b", "c"]
    assert ada.events() == events


async def test_who_is_excluded_gets_nothing_and_the_others_do(system: ActorSystem) -> None:
    """`echo: false` leaves the sender out, live and in recovery; its position moves all the same."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    begun = await ada.joins("kept")
    await bob.joins("kept")
    ada.heard()
    ada.send("publish", room="kept", payload=1, echo=False)
    bob.send("publish", room="kept", payload=2)
    await settle()
    assert ada.events() == [(2, 2)]
    assert bob.events() == [(1, 1), (2, 2)]
    ada.send("leave_room", room="kept")
    back = await ada.says("join_room", room="kept", since={"offset": begun["offset"], "epoch": begun["epoch"]})
    joined = next(one for one in back if one.get("status") == "joined")
    assert (joined["recovered"], joined["missed"], joined["offset"]) == (True, 1, 2)


async def test_a_dead_member_disturbs_nobody(system: ActorSystem) -> None:
    """A publication that excludes somebody whose connection has just gone reaches everybody else."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    closed = facts_of(system, TopicClosed)
    node.commands.publish("kept", "one", "message", exclude="bob")
    node.commands.publish("kept", "two", "message")
    bob.ref.kill()
    await settle()
    node.commands.publish("kept", "three", "message", exclude="bob")
    await settle()
    assert [payload for _, payload in ada.events()] == ["one", "two", "three"]
    assert closed == []


async def test_a_repeated_key_is_answered_and_not_delivered_again(system: ActorSystem) -> None:
    """Whoever publishes under the same `id` again gets the first position; members see it once."""
    for engine in (None, late):
        node = await start_node(ActorSystemOf(system), engine=engine)
        ada = Peer(node, "ada")
        ada.send("join_room", room="kept")
        ada.send("publish", room="kept", payload="once", id="k", ref=1)
        ada.send("publish", room="kept", payload="once", id="k", ref=2)
        await settle()
        if isinstance(node.engine, LateEngine):
            answers(node)
            await settle()
        heard = ada.heard()
        assert [one["offset"] for one in heard if one.get("status") == "published"] == [1, 1]
        assert [one["payload"] for one in heard if one.get("action") == "event"] == ["once"]
        await node.stop()


async def test_a_key_belongs_to_who_used_it(system: ActorSystem) -> None:
    """Two users who number their messages alike do not swallow each other's."""
    from gateway.identity import Principal

    node = await start_node(system)
    ada = Peer(node, "ada", principal=Principal("ada"))
    bob = Peer(node, "bob", principal=Principal("bob"))
    await ada.joins("kept")
    ada.heard()
    for peer in (ada, bob):
        peer.send("publish", room="kept", payload=peer.client, id="1")
    await settle()
    assert sorted(payload for _, payload in ada.events()) == ["ada", "bob"]


async def test_an_ephemeral_publication_keeps_its_place(system: ActorSystem) -> None:
    """What is not saved has no offset and stays in order with what is, also while the engine takes its time."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    ada.heard()
    for payload, save in (("a", None), ("b", False), ("c", None), ("d", False)):
        node.commands.publish("kept", payload, "message", save=save)
    await settle()
    assert ada.events() == []
    answers(node)
    await settle()
    assert ada.events() == [(1, "a"), (None, "b"), (2, "c"), (None, "d")]


def ActorSystemOf(system: ActorSystem) -> ActorSystem:  # reads as the class it makes
    """Another system on the same loop and clock."""
    return ActorSystem("other", clock=system.env.clock)
