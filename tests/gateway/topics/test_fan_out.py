"""A room that is too large for one slice: told over several turns, and nobody can tell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actors import Actor
from actors.plan.settings import DispatcherSettings
from tests.support.peer import Peer, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.topics.topic import TopicActor

SHORT = DispatcherSettings(slice=1e-4)
"""Seconds: the shortest that is taken; with 300 members a publication takes many of them."""

MEMBERS = 300


async def joined(peers: list[Peer], room: str) -> None:
    """All of them are members."""
    for peer in peers:
        peer.send("join_room", room=room)
    await until(lambda: all(peer.socket.texts() for peer in peers))


async def until(condition: Callable[[], bool]) -> None:
    """In real time, of which a slice is a part."""
    async with asyncio.timeout(20.0):
        while not condition():  # noqa: ASYNC110  # nobody says so
            await asyncio.sleep(0)


def told(peer: Peer) -> int:
    """Frames so far; the first is the answer to the join."""
    return len(peer.socket.texts()) - 1


class Kicker(Actor):
    """App code that ends a membership in a turn that is not the topic's, at its end, where receivers run in place."""

    def __init__(self, topic: TopicActor, peer: Peer) -> None:
        super().__init__()
        self._topic = topic
        self._peer = peer
        self._is_due = False

    def on_receive(self, message: object) -> None:
        self._is_due = True

    def on_turn_end(self) -> None:
        if not self._is_due:
            return
        self._is_due = False
        assert told(self._peer) == 0, "it was told already: nothing is shown"
        self._topic.kick(self._peer.client, "kicked", may_return=False)


def offsets(peer: Peer) -> list[int | None]:
    return [offset for offset, _ in peer.events()]


@pytest.mark.actors(real_time=True, dispatcher=SHORT)
async def test_everybody_is_told_everything_in_order_over_many_turns(system: ActorSystem) -> None:
    """What is newer is not begun before what is older is told whole."""
    node = await start_node(system)
    peers = [Peer(node, f"p{number}") for number in range(MEMBERS)]
    await joined(peers, "kept")
    for number in range(10):
        node.commands.publish("kept", number)
        await asyncio.sleep(0)
    await until(lambda: told(peers[-1]) >= 10)
    for peer in peers:
        assert offsets(peer) == list(range(1, 11))


@pytest.mark.actors(real_time=True, dispatcher=SHORT)
async def test_who_goes_meanwhile_has_everything_that_was_said_before(system: ActorSystem) -> None:
    """Changing who is there finishes what was begun: what was said before comes first, for whoever goes or stays."""
    node = await start_node(system)
    peers = [Peer(node, f"p{number}") for number in range(MEMBERS)]
    await joined(peers, "kept")
    node.commands.publish("kept", "before")
    await until(lambda: told(peers[0]) == 1)
    assert told(peers[-2]) == 0, "it was told in one slice: nothing is shown"
    topic = node.live.machine("kept")
    assert topic is not None
    system.spawn(Kicker, topic, peers[-2]).tell("now")
    await until(lambda: told(peers[-2]) == 2)
    node.commands.publish("kept", "after")
    await until(lambda: told(peers[-1]) == 2)
    assert [one["action"] for one in peers[-2].socket.objects()[1:]] == ["event", "unsubscribed"]
    for peer in (peers[0], peers[-1]):
        assert offsets(peer) == [1, 2]
