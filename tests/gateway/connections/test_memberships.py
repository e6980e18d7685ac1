"""What ends a membership on a raw endpoint, whose wire has no word for that: nothing does so unheard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.events import PublicationDropped, RoomLeft, TopicClosed
from gateway.messages.topic_messages import Submit
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.game import Game, publishes
from tests.support.peer import KEPT, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket
    from gateway.node import Node


async def listener(node: Node, *rooms: str) -> Peer:
    """A raw client that is in these rooms from its accept on."""

    class Listener(WebSocketEndpoint):
        def rooms(self) -> Any:
            return rooms

        def on_receive(self, ws: WebSocket, data: Any) -> Any:
            return ws.leave(rooms[0]) if data == "leave" else None

    peer = endpoint_peer(node, Listener)
    await opened(peer)
    assert [node.live.size(room) for room in rooms] == [1] * len(rooms)
    return peer


@pytest.mark.parametrize("policy", ["drop_oldest", "conflate"])
async def test_a_raw_member_stays_one_though_something_was_dropped_for_it(system: ActorSystem, policy: Any) -> None:
    """It has no positions, so there is no hole to end it for; each loss is a fact, and it hears what comes later."""
    chosen = settings({"kept": changed(KEPT, slow=policy)}, outbox_bytes=1500)
    node = await start_node(system, chosen)
    dropped, left = facts_of(system, PublicationDropped), facts_of(system, RoomLeft)
    ada = await listener(node, "kept")
    ada.socket.stall()
    for number in range(400):
        node.commands.publish("kept", number, "message", conflate="value" if policy == "conflate" else None)
        await settle()
    assert dropped
    ada.socket.flow()
    node.commands.publish("kept", "later", "message")
    await settle()
    *heard, later = ada.socket.texts()
    assert later == "later"
    assert [int(one) for one in heard] == sorted(int(one) for one in heard)
    assert len(heard) + len(dropped) == 400
    assert (node.live.size("kept"), left, ada.closes) == (1, [], [])


@pytest.mark.allow_failures("AttributeError")
async def test_a_raw_member_of_a_topic_that_fails_is_told_to_come_back(system: ActorSystem) -> None:
    """1012, now: as its wire has it for `insufficient_state`. What was said in the topic before leaves first."""
    node = await start_node(system)
    closed = facts_of(system, TopicClosed)
    ada, bob = await listener(node, "kept", "kept:other"), Peer(node, "bob")
    await bob.joins("kept:other")
    ada.socket.stall()
    node.commands.publish("kept", "before", "message")
    await settle()
    machine = node.live.machine("kept")
    assert machine is not None
    machine.actor_ref.tell(Submit(None, None))  # type: ignore[arg-type]  # a bug of ours
    await settle()
    assert [fact.reason for fact in closed] == ["failed"]
    ada.socket.flow()
    await settle()
    assert ada.socket.texts() == ["before"]
    assert ada.socket.sent_close == (1012, "insufficient state")
    assert (ada.closed.code, ada.closed.reason) == (1012, "insufficient state")
    assert (node.live.size("kept:other"), bob.closes) == (1, [])


@pytest.mark.allow_failures("Bug", "NotCharged")
async def test_a_raw_member_of_a_topic_whose_code_is_given_up_is_told_to_come_back(system: ActorSystem) -> None:
    """It comes back, and its endpoint joins the topic that begins anew."""
    node = await start_node(system, behaviour=Game)
    ada = await listener(node, "room")
    for number in range(7):
        await publishes(Peer(node, f"peer{number}", principal=Principal(f"user{number}")), "bug")
        await passes(2)
    assert ada.closed.code == 1012
    again = await listener(node, "room")
    node.commands.publish("room", "anew", "message")
    await settle()
    assert again.socket.texts() == ["anew"]


async def test_a_topic_that_ends_before_the_upgrade_is_no_fault_of_the_client(system: ActorSystem) -> None:
    """503 and not 403: it may come again."""
    node = await start_node(system)

    async def endpoint(ws: WebSocket) -> None:
        await ws.join("kept")

    ada = endpoint_peer(node, endpoint)
    node.directory.close("ada", "insufficient_state")
    assert (await ada.ticket.verdict).status == 503
    ada.ref.stop_now()
    await settle()


@pytest.mark.parametrize("may_return", [False, True])
async def test_a_raw_member_that_the_application_puts_out_keeps_its_connection(
    system: ActorSystem, may_return: bool
) -> None:
    """By a leave, a kick, or the end of all memberships: what that means is the application's affair."""
    node = await start_node(system)
    ada = await listener(node, "kept", "kept:two", "kept:three")
    ada.socket.feed("leave")
    ada.ticket.websocket(node, ada.ref).kick("kept:two", may_return=may_return)
    machine = node.live.machine("kept:three")
    assert machine is not None
    machine.kick("ada", "internal", may_return=may_return)
    await settle()
    assert [node.live.size(room) for room in ("kept", "kept:two", "kept:three")] == [0, 0, 0]
    assert ada.closes == []
    assert ada.socket.is_open
