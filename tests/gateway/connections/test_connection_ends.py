"""The end of a connection: exactly once, whatever ended it, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.hooks import Hook, Hooks
from gateway.endpoints.passage import Passage
from gateway.endpoints.tickets import Verdict
from gateway.events import ConnectionClosed, ConnectionOpened, RoomLeft
from gateway.messages.connection_messages import SocketClosed
from gateway.protocols.native import NativeWire
from tests.support.endings import ENDINGS, Plain, Recorder, Unusual, ends_once, recorder, take, turns
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.fake_socket import FakeSocket
from tests.support.peer import Peer, facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket


class Silent(WebSocketEndpoint):
    """Has no hook at all."""

    def on_receive(self, ws: WebSocket, data: Any) -> None: ...


@turns
@pytest.mark.parametrize("kind", [Recorder, Plain, Unusual])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.allow_failures("RuntimeError", "AttributeError")
async def test_an_accepted_connection_ends_once(
    system: ActorSystem, ending: str, kind: type[Recorder], turns: str
) -> None:
    """One `ConnectionClosed`, one `on_disconnect`, one departure, whatever ended it."""
    node = await start_node(system)
    endpoint = recorder(kind=kind)
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    take(turns, node)
    await ends_once(system, node, peer, ending)
    assert len(endpoint.ends) == 1


async def until_told(ws: WebSocket) -> None:
    """A function that does as it is told, and goes as soon as its client does."""
    await ws.accept()
    await ws.join("kept")
    async for frame in ws:
        if frame.data == "bug":
            raise RuntimeError(frame.data)
        if frame.data == "close":
            return


@turns
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.allow_failures("RuntimeError", "AttributeError")
@pytest.mark.allow_dead_letters("shutdown")
async def test_a_function_that_was_accepted_ends_once(system: ActorSystem, ending: str, turns: str) -> None:
    """The same, whether it is over first or its session hears first that the client is gone."""
    ends: list[int] = []
    last_word = Hook(lambda ws, code: ends.append(code), None, 2)
    node = await start_node(system)
    peer = endpoint_peer(node, until_told, passage=Passage(hooks=Hooks(disconnected=[last_word])))
    await opened(peer)
    take(turns, node)
    await ends_once(system, node, peer, ending)
    assert len(ends) == 1


@pytest.mark.parametrize("how", ["stop_now", "kill"])
async def test_a_machine_that_is_stopped_or_killed_ends_once(system: ActorSystem, how: str) -> None:
    """One `ConnectionClosed`, one departure, the socket closed."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    left = facts_of(system, RoomLeft)
    getattr(ada.ref, how)()
    await passes(1)
    assert (ada.closed.ended_by, ada.socket.sent_close[0] if ada.socket.sent_close else None) == ("shutdown", 3001)
    assert len(left) == 1


class Faulty(NativeWire):
    """Fails on a word."""

    def decode(self, data: str | bytes) -> Any:
        if "bug" in str(data):
            raise RuntimeError("a bug of the wire")
        return super().decode(data)


@pytest.mark.allow_failures("RuntimeError")
async def test_a_bug_of_a_wire_ends_one_connection_once(system: ActorSystem) -> None:
    """The client gets 3004, its topics and the log learn it, and everybody else goes on."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada", wire=Faulty(says_hello=False)), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    left = facts_of(system, RoomLeft)
    ada.socket.feed("bug", '{"action":"ping"}')
    await settle()
    assert (ada.closed.ended_by, ada.socket.sent_close) == ("crash", (3004, "internal server error"))
    assert [fact.connection for fact in left] == ["ada"]
    node.commands.publish("kept", "on", "message")
    await settle()
    assert [payload for _, payload in bob.events()] == ["on"]


async def test_an_endpoint_that_need_not_wait_decides_before_it_is_waited_for(system: ActorSystem) -> None:
    """Its `on_connect` has run when the machine is there; the upgrade is not suspended."""
    node = await start_node(system)
    peer = endpoint_peer(node, Silent)
    assert peer.ticket.decided == Verdict(101)
    refusing = endpoint_peer(node, type("Refusing", (Silent,), {"on_connect": lambda _, ws: ws.refuse(401)}), "bob")
    await settle()
    assert refusing.ticket.decided == Verdict(401)
    peer.open()
    refusing.ref.stop_now()
    await settle()


async def test_what_on_connect_says_is_done_in_its_order(system: ActorSystem) -> None:
    """A principal whose time is over is refused, though the accept behind it is a call and that was a message."""
    node = await start_node(system)

    class Late(Silent):
        def on_connect(self, ws: WebSocket) -> None:
            ws.identify(Principal("ada", expires=ws.created - 60))
            ws.accept()

    peer = endpoint_peer(node, Late)
    await settle()
    assert peer.ticket.decided is not None
    assert peer.ticket.decided.status == 403


@pytest.mark.parametrize("ending", ["kill", "stop_now"])
async def test_who_ends_between_its_101_and_its_first_turn_leaves_no_socket(system: ActorSystem, ending: str) -> None:
    """Its socket was handed over, and the machine ends before it hears of that: closed, with both lines."""
    node = await start_node(system)
    facts = facts_of(system, ConnectionOpened, ConnectionClosed)
    peer = Peer(node, "ada")
    getattr(peer.ref, ending)()
    peer.open()
    peer.send("join_room", room="kept")
    await settle()
    assert peer.socket.sent_close == (3001, "shutdown")
    assert [type(fact) for fact in facts] == [ConnectionOpened, ConnectionClosed]


async def test_an_upgrade_that_is_refused_is_no_connection(system: ActorSystem) -> None:
    """No opened, no closed, nothing left."""
    node = await start_node(system)
    facts = facts_of(system, ConnectionOpened, ConnectionClosed)

    async def endpoint(ws: WebSocket) -> None:
        ws.refuse(401, "who are you")

    peer = endpoint_peer(node, endpoint)
    verdict = await peer.ticket.verdict
    assert (verdict.status, verdict.text) == (401, "who are you")
    peer.ref.stop_now()
    await settle()
    assert (facts, len(node.directory)) == ([], 0)


@pytest.mark.parametrize("ending", ["client has left", "machine is stopped", "machine is killed"])
async def test_who_was_accepted_and_got_no_socket_has_both_its_lines(system: ActorSystem, ending: str) -> None:
    """It was opened and is closed, each once: what is counted at the one end of a connection is at the other."""
    node = await start_node(system)
    facts = facts_of(system, ConnectionOpened, ConnectionClosed)
    endpoint = recorder()
    peer = endpoint_peer(node, endpoint)
    await settle()
    assert peer.ticket.decided == Verdict(101)
    {
        "client has left": lambda: peer.ref.tell(SocketClosed(1006, "", clean=False)),
        "machine is stopped": peer.ref.stop_now,
        "machine is killed": peer.ref.kill,
    }[ending]()
    await passes(10.0)  # its app code has so long for its last word
    assert [(type(fact), fact.connection) for fact in facts] == [(ConnectionOpened, "ada"), (ConnectionClosed, "ada")]
    assert len(endpoint.ends) == 1


async def test_drain_lets_everybody_go_and_refuses_commands(system: ActorSystem) -> None:
    """Everybody is told to come back later; what was accepted is delivered; new commands are refused."""
    node = await start_node(system)
    peers = [Peer(node, f"p{number}") for number in range(5)]
    for peer in peers:
        await peer.joins("kept")
        peer.heard()
    node.commands.publish("kept", "last", "message")
    begun = node.now()
    draining = asyncio.get_running_loop().create_task(node.drain(15, 2))
    await settle()
    late = await peers[0].says("publish", room="kept", payload="late") if peers[0].socket.is_open else []
    assert [one["error"]["reason"] for one in late if "error" in one] in (["shutting_down"], [])
    await draining
    assert node.now() - begun <= 2.1
    assert {peer.closed.code for peer in peers} == {3001}
    assert all([payload for _, payload in peer.events()] in (["last"], []) for peer in peers[1:])
    assert len(node.directory) == 0


async def test_a_peer_that_does_not_answer_the_close_ends_too(system: ActorSystem) -> None:
    """The socket bounds the closing handshake; the machine waits for it and reports once."""
    node = await start_node(system)
    peer = Peer(node, "ada", socket=FakeSocket(answers_close=False))
    await peer.joins("kept")
    node.directory.close("ada", "disconnected", "app")
    await passes(1)
    assert peer.closes == []
    peer.socket.end()
    await settle()
    assert (peer.closed.code, peer.closed.ended_by) == (3503, "app")


async def test_one_clients_end_is_nobody_elses(system: ActorSystem) -> None:
    """A hundred come and go in every way; one that stays notices only who came and went."""
    node = await start_node(system)
    stays = Peer(node, "stays")
    await stays.joins("kept")
    for number in range(100):
        peer = Peer(node, f"p{number}")
        peer.send("join_room", room="kept")
        if number % 3:
            await settle()
        if number % 5 == 0:
            peer.ref.kill()
        elif number % 5 == 1:
            peer.socket.feed(*["{"] * 10)
        else:
            peer.socket.end(1000 + number % 2, "", True)
    await passes(1)
    stays.heard()
    node.commands.publish("kept", "still here", "message")
    await settle()
    assert [payload for _, payload in stays.events()] == ["still here"]
    assert node.live.size("kept") == 1
    assert len(node.directory) == 1
