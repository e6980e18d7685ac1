"""The close of a slow reader: what was said before it leaves first, for a while, and nothing is said behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from gateway.connections.opening import Opening
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.messages.commands import Identify, Reply
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.pulse.wheel import SLOT
from gateway.sockets.frames import text_frame
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.fake_socket import FakeSocket
from tests.support.peer import Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket
    from gateway.node import Node
    from gateway.protocols.base import Wire


async def behind(node: Node, count: int = 5, **socket: Any) -> Peer:
    """A member that does not read, for whom so many publications wait."""
    ada = Peer(node, "ada", socket=FakeSocket(**socket))
    await ada.joins("kept")
    ada.heard()
    ada.socket.stall()
    for number in range(count):
        node.commands.publish("kept", number, "message")
        await settle()
    return ada


@pytest.mark.parametrize(
    ("reason", "ended_by", "code"),
    [
        ("disconnected", "app", 3503),
        ("shutdown", "shutdown", 3001),
        ("expired", "expired", 3005),
        ("insufficient_state", "app", 3010),
        (None, "app", 4321),
    ],
)
async def test_what_was_said_before_a_close_leaves_first(
    system: ActorSystem, reason: str | None, ended_by: str, code: int
) -> None:
    """Everything that waits, in order, then the close frame; what is said after the close began is not taken."""
    node = await start_node(system)
    ada = await behind(node)
    node.directory.close("ada", reason, ended_by, code=code)
    node.commands.publish("kept", "late", "message")
    await settle()
    assert (ada.socket.sent_close, ada.closes, ada.socket.writes_while_congested) == (None, [], 0)
    ada.socket.flow()
    node.commands.publish("kept", "later", "message")
    await settle()
    assert [payload for _, payload in ada.events()] == list(range(5))
    assert ada.socket.sent_close is not None
    assert (ada.closed.code, ada.closed.ended_by, ada.closed.outbox_bytes) == (code, ended_by, 0)


@pytest.mark.parametrize(
    ("reason", "ended_by"),
    [
        ("slow_consumer", "slow_consumer"),
        ("heartbeat_lost", "heartbeat"),
        ("too_many_crashes", "crash"),
        ("server_error", "crash"),
        ("too_many_errors", "client"),
        ("rate_limited", "rate_limit"),
        ("invalid_token", "auth"),
    ],
)
async def test_a_fault_is_closed_at_once(system: ActorSystem, reason: str, ended_by: str) -> None:
    """The peer's, or a bug of ours: nobody is waited for, and the fact says how much did not leave."""
    node = await start_node(system)
    ada = await behind(node)
    node.directory.close("ada", reason, ended_by)
    await settle()
    assert ada.socket.sent_close is not None
    assert ada.closed.ended_by == ended_by
    assert ada.closed.outbox_bytes > 0


async def test_a_reader_that_takes_a_little_at_a_time_gets_everything_before_its_close(system: ActorSystem) -> None:
    """However often it stalls: every frame, in order, nothing handed to a full transport, the close frame last."""
    node = await start_node(system)
    ada = await behind(node, 40)
    node.directory.close("ada", "shutdown", "shutdown")
    await settle()
    while ada.socket.sent_close is None:
        assert ada.socket.is_congested
        ada.socket.flow(room=300)
        await settle()
    assert [payload for _, payload in ada.events()] == list(range(40))
    assert ada.socket.writes_while_congested == 0


async def test_a_close_waits_for_a_transport_that_is_full_though_nothing_waits_behind_it(system: ActorSystem) -> None:
    """The time for the closing handshake begins when there is room for it; nothing slips in before it."""
    node = await start_node(system)
    ada = await behind(node, 0)
    node.directory.close("ada", "disconnected", "app")
    await settle()
    assert ada.socket.sent_close is None
    ada.socket.is_congested = False  # there is room, which the machine has not heard of yet
    node.commands.publish("kept", "late", "message")
    await settle()
    ada.socket.flow()
    await settle()
    assert (ada.events(), ada.socket.sent_close) == ([], (3503, "disconnected by the server"))


async def test_a_peer_that_does_not_read_is_waited_for_as_long_as_its_outbox_may_be_old(system: ActorSystem) -> None:
    """Then it is cut as the slow consumer that it is, whatever it was closed for: part of that has not arrived."""
    node = await start_node(system, settings(outbox_age=10.0))
    ada = await behind(node)
    await passes(5)
    node.directory.close("ada", "disconnected", "app")
    await passes(9.5)
    assert (ada.socket.sent_close, ada.closes) == (None, [])
    await passes(0.5 + 2 * SLOT)
    assert ada.socket.sent_close == (3008, "slow consumer")
    assert (ada.closed.ended_by, ada.closed.code) == ("slow_consumer", 3008)
    assert ada.closed.outbox_bytes > 0


async def test_a_peer_that_goes_while_it_is_waited_for_ends_once(system: ActorSystem) -> None:
    """It is not waited for any longer, and ends as it was closed."""
    node = await start_node(system)
    ada = await behind(node)
    node.directory.close("ada", "disconnected", "app")
    await settle()
    ada.socket.end(1001, "reload", True)
    await passes(20)
    assert (ada.closed.ended_by, ada.closed.code) == ("app", 3503)
    assert ada.closed.outbox_bytes > 0
    assert len(node.directory) == 0


async def test_a_drain_waits_for_readers_that_are_behind(system: ActorSystem) -> None:
    """What was accepted arrives, though its reader is two seconds late; one that never reads does not hold it up."""
    node = await start_node(system)
    ada = await behind(node)
    bob = Peer(node, "bob")
    await bob.joins("kept")
    bob.socket.stall()
    node.commands.publish("kept", "for both", "message")
    begun = node.now()
    draining = asyncio.get_running_loop().create_task(node.drain(15, 2))
    await passes(4)
    ada.socket.flow()
    await settle()
    assert [payload for _, payload in ada.events()] == [*range(5), "for both"]
    assert (ada.closed.code, ada.closed.ended_by) == (3001, "shutdown")
    await draining
    assert node.now() - begun <= 2 + 10 + 2 * SLOT
    assert bob.closed.ended_by == "slow_consumer"


async def test_a_stop_waits_for_nobody(system: ActorSystem) -> None:
    """A tree that is stopped without a drain, or behind its end, says so in the fact."""
    node = await start_node(system)
    ada = await behind(node)
    node.directory.close("ada", "disconnected", "app")
    await settle()
    await node.stop()
    assert (ada.closed.ended_by, ada.socket.sent_close) == ("app", (3503, "disconnected by the server"))
    assert ada.closed.outbox_bytes > 0


# --- while it is waited for


class Noting(WebSocketEndpoint):
    """Says much, closes, and keeps what it hears."""

    heard: list[Any]

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        self.heard.append(data)
        if data == "go":
            for number in range(20):
                await ws.send_text(f"{number}")
            ws.close(1000, "done")

    def on_disconnect(self, ws: WebSocket, code: int) -> None:
        self.heard.append(code)


async def test_every_send_that_was_awaited_arrives_before_the_close(system: ActorSystem) -> None:
    """Its close frame, with its code and words, is behind the last of them."""
    node = await start_node(system)
    ada = endpoint_peer(node, type("Saying", (Noting,), {"heard": []}))
    await opened(ada)
    ada.socket.stall()
    ada.socket.feed("go")
    await settle()
    ada.socket.flow(room=10)
    await settle()
    assert ada.socket.sent_close is None
    ada.socket.flow()
    await settle()
    assert ada.socket.texts() == [str(number) for number in range(20)]
    assert ada.socket.sent_close == (1000, "done")


async def test_nothing_of_an_endpoints_client_is_heard_once_its_close_began(system: ActorSystem) -> None:
    """As if the close frame were out: its frames are dropped, and cost no credit."""
    node = await start_node(system)
    endpoint = type("Saying", (Noting,), {"heard": []})
    ada = endpoint_peer(node, endpoint)
    await opened(ada)
    ada.socket.stall()
    ada.socket.feed("go")
    await settle()
    for _ in range(200):
        ada.socket.feed("more")
    await settle()
    assert (endpoint.heard, ada.socket.unread) == (["go"], 0)  # type: ignore[attr-defined]
    ada.socket.flow()
    await settle()
    assert endpoint.heard == ["go", 1000]  # type: ignore[attr-defined]


async def test_nothing_of_a_wires_client_is_heard_once_its_close_began(system: ActorSystem) -> None:
    """Not what comes alone, not what comes with others; what has come before the close has no answer either."""
    node = await start_node(system)
    ada = await behind(node)
    bob = Peer(node, "bob")
    await bob.joins("kept")
    bob.heard()
    node.directory.close("ada", "disconnected", "app")
    await settle()
    for _ in range(200):
        ada.send("publish", room="kept", payload="late")
    ada.socket.feed('{"action":"ping"}', '{"action":"ping"}')
    await settle()
    ada.socket.flow()
    await settle()
    assert bob.events() == []
    assert len(ada.events()) == 5
    assert (ada.closed.ended_by, ada.closed.code) == ("app", 3503)


async def test_a_socket_that_was_not_read_is_read_again_for_its_end(system: ActorSystem) -> None:
    """For want of credit nothing was: the peer's own close frame would be noticed by nobody."""
    node = await start_node(system, settings(in_flight_commands=1))
    held = asyncio.Event()

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await held.wait()

    ada = endpoint_peer(node, endpoint)
    await opened(ada)
    ada.socket.feed("one", "two", "three")
    assert not ada.socket.is_reading
    ada.ref._actor._outlet.put((text_frame(b"x"),))
    ada.socket.stall()
    ada.ref._actor._outlet.put((text_frame(b"y"),))
    node.directory.close("ada", "disconnected", "app")
    await settle()
    assert (ada.socket.is_reading, ada.socket.unread, ada.socket.sent_close) == (True, 0, None)
    ada.socket.flow()
    held.set()
    await settle()
    assert ada.closed.ended_by == "app"


# --- before everything else has left


@pytest.mark.parametrize("room", [None, 100])
async def test_what_was_sent_before_the_101_leaves_before_a_close_of_then(
    system: ActorSystem, room: int | None
) -> None:
    """Accepted, sent and closed in one go: the socket has them all, however little it takes at once."""
    node = await start_node(system)

    async def endpoint(ws: WebSocket) -> None:
        ws.accept()
        for number in range(50):
            ws.send_text(f"{number}" * 10_000)
        ws.close(4000, "done")

    ada = endpoint_peer(node, endpoint)
    ada.socket.room = room
    await opened(ada)
    while ada.socket.is_congested:
        assert ada.socket.sent_close is None
        ada.socket.flow(room=room)
        await settle()
    assert ada.socket.texts() == [f"{number}" * 10_000 for number in range(50)]
    assert ada.socket.sent_close == (4000, "done")


async def test_a_send_that_was_awaited_before_the_101_goes_on_with_it(system: ActorSystem) -> None:
    """What waits for the socket is no slow reader: once it has all left, nobody waits for room."""
    node = await start_node(system, settings(outbox_bytes=1000))
    sent: list[str] = []

    async def endpoint(ws: WebSocket) -> None:
        ws.accept()
        ws.send_text("x" * 400)
        await ws.send_text("y" * 400)
        sent.append("both")
        await ws.receive()

    ada = endpoint_peer(node, endpoint)
    await settle()
    assert sent == []
    await opened(ada)
    assert sent == ["both"]


async def in_its_login(node: Node, wire: Wire | None = None) -> Peer:
    """A client that is being welcomed: a topic that the server joins it to has not answered yet."""
    ada = Peer(node, "ada", wire=wire)
    outlet = ada.ref._actor._outlet
    await settle()
    outlet.hold()
    outlet.put((text_frame(b'{"action":"event","payload":1}'),))
    await settle()
    return ada


async def test_a_close_in_the_middle_of_a_login_keeps_nothing_back(system: ActorSystem) -> None:
    """What waited for the answer leaves without it: its client has been in topics before."""
    node = await start_node(system)
    ada = await in_its_login(node)
    ada.heard()
    node.directory.close("ada", "disconnected", "app")
    await settle()
    assert [payload for _, payload in ada.events()] == [1]
    assert ada.closed.outbox_bytes == 0


async def test_nothing_leaves_ahead_of_the_answer_that_a_wire_begins_with(system: ActorSystem) -> None:
    """A client of such a wire would not understand it; it has not been told that it is connected."""
    node = await start_node(system)
    ada = await in_its_login(node, CentrifugeWire())
    node.directory.close("ada", "disconnected", "app")
    await settle()
    assert (ada.socket.frames, ada.closed.code) == ([], 3503)


async def test_a_welcome_that_comes_after_the_close_holds_nothing_up(system: ActorSystem) -> None:
    """What waited leaves as the reader reads; the answer is not said any more."""
    node = await start_node(system)
    ada = await behind(node)
    node.directory.close("ada", "disconnected", "app")
    await settle()
    command = Identify(Reply("login"))
    ada.ref._actor._who._opening = Opening(command)
    ada.ref._actor._who.found(command, Principal("ada", topics=("kept:two",)))
    await settle()
    ada.socket.flow()
    await settle()
    assert [payload for _, payload in ada.events()] == list(range(5))
    assert ada.closed.ended_by == "app"
