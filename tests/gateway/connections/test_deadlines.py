"""The heartbeat of a peer that is congested: it is judged by what it takes, and asked ahead of what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import HeartbeatMissed
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.pulse.wheel import SLOT
from tests.support.peer import PLAIN, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node

DETECTS_WITHIN = 45.0
"""Seconds, with the defaults: 25 of silence, and two pings of 10."""

DROPPING = {"live": changed(PLAIN, slow="drop_oldest")}
"""Topics that never end a connection for its slowness."""


async def congested(node: Node, room: str = "live", count: int = 3, **peer: Any) -> Peer:
    """A silent member whose transport is full, and for whom so many publications wait."""
    ada = Peer(node, "ada", **peer)
    await ada.joins(room)
    ada.socket.unsent_bytes = 64_000
    ada.socket.stall()
    for number in range(count):
        node.commands.publish(room, number, "message")
        await settle()
    return ada


@pytest.mark.parametrize("count", [0, 3])
async def test_a_congested_peer_that_takes_bytes_lives_though_it_says_nothing(system: ActorSystem, count: int) -> None:
    """The transport holds less at each look: that is its sign of life. No ping of that time counts as missed."""
    node = await start_node(system, settings(DROPPING))
    missed = facts_of(system, HeartbeatMissed)
    ada = await congested(node, count=count)
    await drips(ada, 300)
    assert (ada.closes, missed) == ([], [])
    view = node.directory.view_of("ada")
    assert view is not None
    assert view.missed_pings == 0


async def test_a_peer_that_takes_all_and_is_full_again_at_each_look_lives(system: ActorSystem) -> None:
    """Room that there was in between is a sign of life as well."""
    node = await start_node(system, settings(DROPPING))
    missed = facts_of(system, HeartbeatMissed)
    ada = await congested(node)
    for number in range(60):
        ada.socket.flow(room=1)
        node.commands.publish("live", number, "message")
        await passes(5)
        assert ada.socket.is_congested
    assert (ada.closes, missed) == ([], [])


async def test_room_there_was_for_a_moment_is_a_sign_of_life_where_nothing_waited_for_it(system: ActorSystem) -> None:
    """Its transport alone was full, and is again when it is looked at."""
    node = await start_node(system, settings(DROPPING))
    missed = facts_of(system, HeartbeatMissed)
    ada = await congested(node, count=0)
    for _ in range(60):
        ada.socket.flow()
        await settle()
        ada.socket.stall()
        await passes(5)
    assert (ada.closes, missed) == ([], [])


@pytest.mark.parametrize("count", [0, 3])
async def test_a_congested_peer_that_takes_nothing_and_says_nothing_is_lost(system: ActorSystem, count: int) -> None:
    """After the same time as any other, whether or not something waits that may be dropped."""
    node = await start_node(system, settings(DROPPING))
    ada = await congested(node, count=count)
    await passes(DETECTS_WITHIN - 13)  # first looks are spread, and may be early by half an interval
    assert ada.closes == []
    await passes(13 + 3 * SLOT)
    assert (ada.closed.ended_by, ada.closed.code) == ("heartbeat", 3012)


async def test_a_congested_peer_that_takes_nothing_but_speaks_lives(system: ActorSystem) -> None:
    """Any inbound traffic counts, as ever."""
    node = await start_node(system, settings(DROPPING))
    ada = await congested(node)
    for _ in range(100):
        await passes(2)
        ada.socket.pong()
    assert ada.closes == []


async def test_a_peer_that_is_stuck_behind_what_may_not_be_dropped_is_a_slow_consumer(system: ActorSystem) -> None:
    """The age of its outbox ends it, before its silence does."""
    node = await start_node(system, settings(outbox_age=10.0))
    ada = await congested(node, "kept")
    await passes(10 + 2 * SLOT)
    assert ada.closed.ended_by == "slow_consumer"


async def test_a_ping_passes_ahead_of_what_waits(system: ActorSystem) -> None:
    """One, however long it took: the first that the peer reads when there is room, and before any publication."""
    node = await start_node(system, settings(DROPPING))
    ada = await congested(node)
    before = len(ada.socket.frames)
    await drips(ada, 80)
    assert ada.socket.pings_at == []
    ada.socket.flow()
    await settle()
    assert ada.socket.pings_at == [before]
    assert len(ada.socket.frames) == before + 3
    assert ada.socket.writes_while_congested == 0


async def stalled(node: Node, said: str) -> Peer:
    """A client of Centrifuge that has said this, and whose socket then is full."""
    peer = Peer(node, "ada", wire=CentrifugeWire())
    peer.socket.feed(said)
    await settle()
    peer.socket.unsent_bytes = 64_000
    peer.socket.stall()
    return peer


async def drips(peer: Peer, seconds: int) -> None:
    """It takes 100 bytes in each of them."""
    for _ in range(seconds):
        await passes(1)
        peer.socket.unsent_bytes -= 100


async def test_what_was_not_asked_is_no_ping_to_be_answered(system: ActorSystem) -> None:
    """On a wire that counts them: of many turns of a congested peer one ping is written, and one pong is taken."""
    node = await start_node(system, settings(DROPPING))
    ada = await stalled(node, '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"live"}}')
    node.commands.publish("live", 1, "message")
    await drips(ada, 200)
    said = len(ada.socket.texts())
    ada.socket.flow()
    await settle()
    assert [text == "{}" for text in ada.socket.texts()[said:]] == [True, False]
    ada.socket.feed("{}")
    await settle()
    assert ada.closes == []
    ada.socket.feed("{}")
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("client", 3501)


async def test_a_peer_that_is_full_with_nothing_behind_it_is_not_asked(system: ActorSystem) -> None:
    """A ping behind a backlog measures the backlog: none is written, and none waits to be answered."""
    node = await start_node(system, settings(DROPPING))
    ada = await stalled(node, '{"id":1,"connect":{}}')
    await drips(ada, 100)
    assert "{}" not in ada.socket.texts()
    ada.socket.feed("{}")
    await settle()
    assert ada.closed.code == 3501
