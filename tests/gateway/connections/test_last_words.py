"""`on_disconnect`: each connection that was accepted has it once, before its memberships end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actors.events import ActorFailed
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.hooks import Hook, Hooks
from gateway.endpoints.passage import Passage
from gateway.endpoints.session import GOODBYE
from gateway.events import MessagePublished, RoomLeft
from gateway.reasons import WebSocketDisconnect
from tests.support.endings import ENDINGS, Plain, Recorder, Unusual, ends_once, recorder, take, turns
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket
    from gateway.node import Node


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


@turns
@pytest.mark.parametrize("kind", [Recorder, Plain, Unusual])
@pytest.mark.parametrize("how", [name for name in MEANWHILE if name != "time"])
@pytest.mark.allow_failures("RuntimeError", "CancelledError", "AttributeError")
@pytest.mark.allow_dead_letters("shutdown")
async def test_who_failed_and_whose_peer_does_not_answer_the_close_has_its_last_word(
    system: ActorSystem, how: str, kind: type[Recorder], turns: str
) -> None:
    """Its machine waits for the peer, and ends before that comes: nobody was left to say it."""
    node = await start_node(system)
    endpoint = recorder(kind=kind)
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    take(turns, node)
    peer.socket._answers_close = False
    peer.socket.feed("bug")
    await settle()
    assert endpoint.ends == []
    await ends_once(system, node, peer, how)
    assert len(endpoint.ends) == 1


@turns
@pytest.mark.parametrize("how", ["machine is stopped", "transport is lost"])
@pytest.mark.allow_failures("RuntimeError", "CancelledError")
@pytest.mark.allow_dead_letters("shutdown")
async def test_so_has_a_hook_of_the_app_around_a_function_that_failed(
    system: ActorSystem, how: str, turns: str
) -> None:
    """And the function is not run a second time."""
    ends, runs = list[int](), list[str]()
    node = await start_node(system)

    async def failing(ws: WebSocket) -> None:
        runs.append(ws.id)
        await ws.accept()
        await ws.join("kept")
        await ws.receive()
        raise RuntimeError("bug")

    last_word = Hook(lambda ws, code: ends.append(code), None, 2)
    peer = endpoint_peer(node, failing, passage=Passage(hooks=Hooks(disconnected=[last_word])))
    await opened(peer)
    take(turns, node)
    peer.socket._answers_close = False
    peer.socket.feed("bug")
    await settle()
    assert ends == []
    await ends_once(system, node, peer, how)
    assert (len(ends), len(runs)) == (1, 1)


@pytest.mark.allow_failures("RuntimeError")
async def test_a_fresh_instance_that_cannot_be_made_is_not_made_again(system: ActorSystem) -> None:
    """One attempt, with which its connection ends."""
    made: list[int] = []

    class Once(Recorder):
        def __init__(self, ws: WebSocket) -> None:
            super().__init__(ws)
            made.append(len(made))
            if len(made) > 1:
                raise RuntimeError("no second one")

    node = await start_node(system)
    peer = endpoint_peer(node, recorder(kind=Once))
    await opened(peer)
    peer.socket._answers_close = False
    peer.socket.feed("bug")
    await settle()
    peer.socket.end()
    await passes(20)
    assert (made, len(peer.closes), len(node.directory)) == ([0, 1], 1, 0)
