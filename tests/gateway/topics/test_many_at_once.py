"""Many who come or go in one turn of a room in which everybody sees everybody: a price for each, not for each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.topics.fan_out import PRICE
from tests.support.late_answers import answers, late
from tests.support.peer import KEPT, Peer, changed, settings, settle, start_node
from tests.support.told_apart import told_apart

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.topic import TopicActor

pytestmark = pytest.mark.allow_dead_letters("stopped", "shutdown")  # told to who goes, here or when the system stops

MANY = 80
"""Members, and half of them come or go."""


async def room(system: ActorSystem) -> list[Peer]:
    node = await start_node(system, settings({"*": changed(KEPT, presence_grace=0.0)}))
    return [Peer(node, f"p{number}") for number in range(MANY)]


async def all_join(peers: list[Peer]) -> None:
    for peer in peers:
        peer.send("join_room", room="kept", presence=True)
    await settle()


def deliveries(peers: list[Peer]) -> int:
    """How often their machines had something of a topic, at most: with all else that they were told."""
    return sum(peer.ref.counts().handled for peer in peers)


def cut(peers: list[Peer]) -> None:
    for peer in peers:
        peer.socket.end()


def leave(peers: list[Peer]) -> None:
    for peer in peers:
        peer.send("leave_room", room="kept")


def topic_of(peers: list[Peer]) -> TopicActor:
    topic = peers[0].node.live.machine("kept")
    assert topic is not None
    return topic


def kick(peers: list[Peer]) -> None:
    topic = topic_of(peers)
    for peer in peers:
        topic.kick(peer.client, "kicked", may_return=False)


@pytest.mark.parametrize("go", [cut, leave, kick])
async def test_of_many_who_go_the_others_are_told_together(system: ActorSystem, go: Any) -> None:
    """Of each, once, and in the order in which they went."""
    peers = await room(system)
    await all_join(peers)
    gone, staying = peers[::2], peers[1::2]
    before = deliveries(staying)
    for peer in staying:
        peer.heard()
    go(gone)
    await settle()
    assert deliveries(staying) - before <= len(staying) * (1 + len(gone) // (MANY // 2 // PRICE))
    for peer in staying:
        left = [one["client"] for frame in peer.heard() for one in frame["leaves"]]
        assert left == [one.client for one in gone]


async def test_of_many_who_come_the_others_are_told_together(system: ActorSystem) -> None:
    """Each hears of who came behind it; who was there before stands in the answer to its join."""
    peers = await room(system)
    there, coming = peers[::2], peers[1::2]
    await all_join(there)
    for peer in there:
        peer.heard()
    before = deliveries(there)
    await all_join(coming)
    assert deliveries(there) - before <= len(there) * (1 + len(coming) // (len(there) // PRICE))
    for peer in there:
        assert [one["client"] for frame in peer.heard() for one in frame["joins"]] == [one.client for one in coming]
    for peer in coming:
        _, state, *changes = peer.heard()
        known = [*state["state"], *(one for frame in changes for one in frame["joins"])]
        assert [one["client"] for one in known] == [one.client for one in (*there, *coming)]


@pytest.mark.parametrize("engine", [None, late])
async def test_who_comes_behind_a_publication_does_not_hear_it(system: ActorSystem, engine: Any) -> None:
    """It was said before, and is not kept; also if who comes is a member only later."""
    with told_apart(True):
        node = await start_node(system, engine=engine)
        ada, bob = Peer(node, "ada"), Peer(node, "bob")
        for number, peer in enumerate((ada, bob)):
            node.commands.publish("plain", number, save=False)
            peer.send("join_room", room="plain")
            await settle()
            if engine is not None:
                answers(node, "plain")
                await settle()
        node.commands.publish("plain", 2, save=False)
        await settle()
        assert (ada.events(), bob.events()) == ([(None, 1), (None, 2)], [(None, 2)])


async def test_what_app_code_says_of_all_is_told_together(system: ActorSystem) -> None:
    """A score for each of them, changed in one turn."""
    peers = await room(system)
    await all_join(peers)
    before, topic = deliveries(peers), topic_of(peers)
    for peer in peers:
        assert topic.update(peer.client, b'{"score":1}')
    await settle()
    assert deliveries(peers) - before <= 2 * len(peers)
