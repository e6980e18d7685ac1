"""The end of a connection: exactly once, whatever ended it, and nobody else's."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from actors.events import ActorFailed
from gateway.endpoint import WebSocketEndpoint
from gateway.events import ConnectionClosed, ConnectionOpened, MessagePublished, RoomLeft
from gateway.hooks import Hook, Hooks
from gateway.identity import Principal
from gateway.passage import Passage
from gateway.protocols.native import NativeWire
from gateway.reasons import WebSocketDisconnect
from gateway.session import GOODBYE
from gateway.tickets import Verdict
from gateway.topic_messages import Answer
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.fake_socket import FakeSocket
from tests.support.peer import Peer, facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.node import Node
    from gateway.websocket import WebSocket


class Recorder(WebSocketEndpoint):
    """Joins a room, keeps its ends, and may fail."""

    ends: list[int]
    lasts: float = 0.0

    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("kept")

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        if data == "bug":
            raise RuntimeError(data)
        if data == "close":
            await ws.close(4321, "enough")

    async def on_disconnect(self, ws: WebSocket, code: int) -> None:
        self.ends.append(code)
        await passes(self.lasts)


class Silent(WebSocketEndpoint):
    """Has no hook at all."""

    def on_receive(self, ws: WebSocket, data: Any) -> None: ...


class Plain(Recorder):
    """Has nothing to wait for at its end."""

    def on_disconnect(self, ws: WebSocket, code: int) -> None:  # type: ignore[override]
        self.ends.append(code)


class Unusual(Recorder):
    """Its last word is a coroutine, which nobody could know before."""

    def on_disconnect(self, ws: WebSocket, code: int) -> Any:
        return super().on_disconnect(ws, code)


def recorder(lasts: float = 0.0, kind: type[Recorder] = Recorder) -> type[Recorder]:
    return type("Recording", (kind,), {"ends": [], "lasts": lasts})


ENDINGS: dict[str, Callable[[Node, Peer], Any]] = {
    "client closes": lambda node, peer: peer.socket.end(1000, "bye", True),
    "transport is lost": lambda node, peer: peer.socket.end(),
    "app closes": lambda node, peer: peer.socket.feed("close"),
    "app fails": lambda node, peer: peer.socket.feed("bug"),
    "server closes": lambda node, peer: node.directory.close(peer.client, "disconnected", "app"),
    "drain": lambda node, peer: asyncio.get_running_loop().create_task(node.drain(10, 1)),
    "session is killed": lambda node, peer: next(iter(peer.ref.children())).kill(),
    "machine is killed": lambda node, peer: peer.ref.kill(),
    "machine is stopped": lambda node, peer: peer.ref.stop_now(),
    "machine fails": lambda node, peer: peer.ref.tell(Answer(None, None)),  # type: ignore[arg-type]
    "system is stopped": lambda node, peer: asyncio.get_running_loop().create_task(node.stop()),
}


turns = pytest.mark.parametrize("turns", ["together", "apart"])


def take(turns: str, node: Node) -> None:
    """Apart: a slice is over at each look, and the loop serves others, such as a task that hears of the end as well."""
    if turns == "apart":
        node.dispatcher.clock.tick = partial(next, count())  # type: ignore[method-assign]


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


MEANWHILE: dict[str, Callable[[Node, Peer], Any]] = {
    "time": lambda node, peer: None,
    **{name: act for name, act in ENDINGS.items() if "machine is" in name or name == "system is stopped"},
}


@turns
@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.allow_failures("CancelledError")
@pytest.mark.allow_dead_letters("shutdown")
async def test_a_function_that_is_still_at_its_clean_up_has_its_last_word_too(
    system: ActorSystem, meanwhile: str, turns: str
) -> None:
    """Longer than it may take, or when its gateway ends: `on_disconnect` of the app comes once, with that code."""
    ends: list[int] = []
    node = await start_node(system)

    async def tidy(ws: WebSocket) -> None:
        try:
            async for _ in ws:
                pass
            await passes(100)
        finally:
            await passes(0.7 if meanwhile != "time" else 3)

    last_word = Hook(lambda ws, code: ends.append(code), None, 2)
    peer = endpoint_peer(node, tidy, passage=Passage(hooks=Hooks(disconnected=[last_word])))
    await opened(peer)
    take(turns, node)
    peer.socket.end(1001, "reload", True)
    await passes(0.5)
    assert ends == []
    MEANWHILE[meanwhile](node, peer)
    await passes(20)
    assert (ends, len(peer.closes)) == ([1001], 1)


@turns
@pytest.mark.parametrize("ending", [name for name in ENDINGS if not name.startswith("app")])
@pytest.mark.allow_failures("CancelledError", "AttributeError")
@pytest.mark.allow_dead_letters("shutdown")
async def test_who_is_still_in_on_connect_ends_once(system: ActorSystem, ending: str, turns: str) -> None:
    """It has accepted, and waits for something that never comes: its time ends, and its last word comes."""

    class Waiting(Recorder):
        async def on_connect(self, ws: WebSocket) -> None:
            await super().on_connect(ws)
            await passes(1000)

    node = await start_node(system)
    endpoint = recorder(kind=Waiting)
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    take(turns, node)
    await ends_once(system, node, peer, ending)
    assert len(endpoint.ends) == 1


@turns
@pytest.mark.parametrize("how", [name for name in ENDINGS if "stopped" in name])
@pytest.mark.allow_failures("RuntimeError")
async def test_who_fails_while_its_gateway_ends_has_its_last_word(system: ActorSystem, how: str, turns: str) -> None:
    """There is no fresh instance any more that could have it."""

    class Failing(Recorder):
        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            await passes(1)
            raise RuntimeError(data)

    node = await start_node(system)
    endpoint = recorder(kind=Failing)
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    take(turns, node)
    peer.socket.feed("bug")
    await settle()
    await ends_once(system, node, peer, how)
    assert len(endpoint.ends) == 1


@pytest.mark.parametrize("lasts", [0.0, 0.7])
@pytest.mark.allow_failures("CancelledError")
async def test_a_last_word_that_is_cut_short_leaves_the_others_theirs(system: ActorSystem, lasts: float) -> None:
    """An endpoint's `on_disconnect` never returns: that of the app comes none the less, once, though late."""
    ends: list[int] = []

    async def last_word(_: WebSocket, code: int) -> None:
        ends.append(code)
        await passes(lasts)
        ends.append(code)

    node = await start_node(system)
    endpoint = recorder(1000.0)
    peer = endpoint_peer(node, endpoint, passage=Passage(hooks=Hooks(disconnected=[Hook(last_word, None, 2)])))
    await opened(peer)
    peer.socket.end(1001, "reload", True)
    await passes(20)
    assert (endpoint.ends, ends) == ([1001], [1001, 1001])


async def ends_once(system: ActorSystem, node: Node, peer: Peer, ending: str) -> None:
    left = facts_of(system, RoomLeft)
    assert node.live.size("kept") == 1
    ENDINGS[ending](node, peer)
    await passes(20)
    assert len(peer.closes) == 1
    assert [fact.topic for fact in left] == ["kept"]
    assert (node.live.size("kept"), len(node.directory)) == (0, 0)


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


@pytest.mark.parametrize("kind", [Recorder, Unusual])
@pytest.mark.parametrize(("lasts", "ends_after"), [(2.0, 2.0), (100.0, GOODBYE)])
@pytest.mark.allow_failures("CancelledError")
async def test_a_membership_ends_after_the_last_word(
    system: ActorSystem, lasts: float, ends_after: float, kind: type[Recorder]
) -> None:
    """It lasts until `on_disconnect` has returned, and at most 5 s and a margin of 1 s."""
    node = await start_node(system)
    peer = endpoint_peer(node, recorder(lasts, kind))
    await opened(peer)
    left: list[float] = []
    system.events.subscribe(RoomLeft, lambda _: left.append(node.now()))
    gone = node.now()
    peer.socket.end()
    await passes(ends_after - 0.1)
    assert (left, node.live.size("kept")) == ([], 1)
    await passes(1.3)
    assert ends_after <= round(left[0] - gone, 3) <= ends_after + 1.01
    assert len(peer.closes) == 1
    await passes(10)


async def test_what_the_last_word_says_comes_before_the_leave(system: ActorSystem) -> None:
    """Also where it is said in place: the connection is still a member, and the others hear it first."""
    node = await start_node(system)
    bob = Peer(node, "bob")
    await bob.joins("kept")

    class Polite(Plain):
        def on_disconnect(self, ws: WebSocket, code: int) -> None:  # type: ignore[override]
            ws.publish("kept", "bye")

    peer = endpoint_peer(node, recorder(kind=Polite))
    await opened(peer)
    facts = facts_of(system, MessagePublished, RoomLeft)
    peer.socket.end()
    await passes(1)
    assert [type(fact) for fact in facts] == [MessagePublished, RoomLeft]
    assert [payload for _, payload in bob.events()] == ["bye"]
    assert len(peer.closes) == 1


async def test_what_came_before_the_end_is_handled_before_the_last_word(system: ActorSystem) -> None:
    """Frames that wait for the endpoint are its own, though the socket is gone."""
    node = await start_node(system)
    heard: list[Any] = []

    class Noting(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            heard.append(data)

        def on_disconnect(self, ws: WebSocket, code: int) -> None:
            heard.append(code)

    peer = endpoint_peer(node, Noting)
    await opened(peer)
    peer.socket.feed("one", "two")
    peer.socket.end(1001, "reload", True)
    await settle()
    assert heard == ["one", "two", 1001]


@pytest.mark.allow_failures("RuntimeError")
@pytest.mark.parametrize("kind", [Plain, Recorder])
async def test_a_last_word_that_raises_is_a_fact_and_the_end_is_none_the_less(
    system: ActorSystem, kind: type[Recorder]
) -> None:
    """Its room is left, once, and the connection ends as the client has ended it."""
    node = await start_node(system)
    failed = facts_of(system, ActorFailed)

    class Bad(kind):  # type: ignore[misc, valid-type]
        def on_disconnect(self, ws: WebSocket, code: int) -> Any:
            self.ends.append(code)
            raise RuntimeError("no goodbye")

    endpoint = recorder(kind=Bad)
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    left = facts_of(system, RoomLeft)
    peer.socket.end(1000, "bye", True)
    await passes(1)
    assert (peer.closed.ended_by, endpoint.ends, len(left)) == ("client", [1000], 1)
    assert [str(fact.error) for fact in failed] == ["no goodbye"]


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


@pytest.mark.parametrize("frames", [(), ("one", "two")])
async def test_a_function_learns_its_end_by_the_exception(system: ActorSystem, frames: tuple[str, ...]) -> None:
    """`receive` raises WebSocketDisconnect with the peer's code; what came before it is received first."""
    node = await start_node(system)
    seen: list[Any] = []

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                seen.append(await ws.receive_text())
        except WebSocketDisconnect as gone:
            seen.append((gone.code, gone.reason))

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed(*frames)
    peer.socket.end(1001, "reload", True)
    await settle()
    assert seen == [*frames, (1001, "reload")]
    assert (peer.closed.code, peer.closed.ended_by) == (1001, "client")


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
    node.directory.close("ada", "reconnect", "app")
    await passes(1)
    assert peer.closes == []
    peer.socket.end()
    await settle()
    assert (peer.closed.code, peer.closed.ended_by) == (3011, "app")


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
