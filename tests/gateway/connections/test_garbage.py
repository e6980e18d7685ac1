"""What the collector need not look for, and when it looks."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.hooks import Hook, Hooks
from gateway.endpoints.passage import OPEN, Passage
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.native import NativeWire
from gateway.protocols.phoenix import PhoenixWire
from gateway.telemetry.gc_pauses import GcPauses
from gateway.web.collector import QUICK, Collector
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, passes, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket

TALK = {
    "native": (lambda: NativeWire(says_hello=False), ['{"action":"join_room","room":"kept","presence":true}',
                                                     '{"action":"publish","room":"kept","payload":1}',
                                                     '{"action":"leave_room","room":"kept"}',
                                                     '{"action":"join_room","room":"x"}', "{"]),
    "centrifuge": (CentrifugeWire, ['{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"kept","recover":true}}',
                                    '{"id":3,"publish":{"channel":"kept","data":{}}}',
                                    '{"id":4,"rpc":{"method":"no"}}']),
    "phoenix": (PhoenixWire, ['["1","1","kept","phx_join",{}]', '["1","2","kept","say",{}]',
                              '[null,"3","phoenix","heartbeat",{}]']),
}  # fmt: skip


@pytest.fixture
def thresholds() -> Iterator[None]:
    """Those of the interpreter, as they were."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.parametrize("wire", TALK)
async def test_a_connection_that_ends_leaves_no_cycle(system: ActorSystem, wire: str) -> None:
    """Its machine goes by its reference count: a node with 100,000 connections never has to look for them."""
    make, talk = TALK[wire]
    node = await start_node(system)
    await _talked(node, make, talk)  # what the first one of a kind leaves behind for the next is no garbage
    gc.collect()
    gc.disable()
    try:
        gone = [await _talked(node, make, talk) for _ in range(3)]
        await settle()
        assert [one() for one in gone] == [None, None, None]
    finally:
        gc.enable()


async def _talked(node: Any, make: Any, talk: list[str]) -> weakref.ref[Any]:
    peer = Peer(node, wire=make())
    machine = weakref.ref(peer.ref._actor)
    for line in talk:
        peer.socket.feed(line)
        await settle()
    assert len(peer.socket.texts()) >= len(talk) - 1, "the client was not answered: nothing is shown"
    peer.socket.end()
    await settle()
    return machine


class Plain(WebSocketEndpoint):
    def on_receive(self, ws: WebSocket, data: Any) -> None:
        ws.send(data)


class Waiting(WebSocketEndpoint):
    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        await ws.send(data)

    async def on_disconnect(self, ws: WebSocket, code: int) -> None:
        await passes(0.1)


async def function(ws: WebSocket) -> None:
    async for frame in ws:
        await ws.send(frame.data)


async def middleware(ws: WebSocket, following: Any) -> None:
    await following(ws)


async def _seen(ws: WebSocket, message: Any) -> None:
    await passes(0.1)


WATCHED = Passage(hooks=Hooks(received=[Hook(_seen, None, 2)]), middleware=(middleware,))


@pytest.mark.parametrize("passage", [OPEN, WATCHED], ids=["open", "watched"])
@pytest.mark.parametrize("endpoint", [Plain, Waiting, function])
async def test_an_endpoint_that_ends_leaves_no_cycle(system: ActorSystem, endpoint: Any, passage: Passage) -> None:
    """Its session, its instance and what app code holds of the connection go by their reference counts as well."""
    node = await start_node(system)
    await _echoed(node, endpoint, passage)
    gc.collect()
    gc.disable()
    try:
        gone = [await _echoed(node, endpoint, passage) for _ in range(3)]
        await passes(1)
        assert [[one() for one in parts] for parts in gone] == [[None, None]] * 3
    finally:
        gc.enable()


async def test_what_calls_were_shown_of_a_connection_leaves_no_cycle(system: ActorSystem) -> None:
    """Clients of a wire have no endpoint; their connection is there for app code from their first call on."""
    node = await start_node(system)
    peer = Peer(node)
    shown = weakref.ref(peer.ref._actor._sessions._websocket())
    gc.disable()
    try:
        peer.socket.end()
        await passes(1)
        peer.ticket._websocket = None
        assert shown() is None
    finally:
        gc.enable()


async def _echoed(node: Any, endpoint: Any, passage: Passage) -> list[weakref.ref[Any]]:
    peer = endpoint_peer(node, endpoint, passage=passage)
    await opened(peer)
    peer.socket.feed("hello")
    await passes(1)
    assert peer.socket.texts() == ["hello"]
    session = next(iter(peer.ref.children()))._actor
    parts = [weakref.ref(session), weakref.ref(session.ws)]
    del session
    peer.socket.end()
    await passes(1)
    peer.ticket._websocket = None  # the peer of the test stays
    return parts


def test_everything_is_looked_through_only_while_few_would_notice(thresholds: None) -> None:
    """A full look costs in proportion to what is connected; above a bound it is left out."""
    open_now = 0
    collector = Collector(lambda: open_now)
    collector.start()
    cycle: list[object] = []
    cycle.append(cycle)
    watched = weakref.ref(_Cycle())
    open_now = QUICK + 1
    assert not collector.sweep()
    assert watched() is not None
    open_now = QUICK
    assert collector.sweep()
    assert watched() is None
    before = gc.get_freeze_count()
    collector.stop()
    assert before > 0 == gc.get_freeze_count()


class _Cycle:
    def __init__(self) -> None:
        self.me = self


def test_pauses_are_measured() -> None:
    """Each is added up, the longest is known, and after the stop there are none."""
    pauses = GcPauses()
    pauses.stop()
    pauses.start()
    gc.collect()
    gc.collect()
    pauses.stop()
    total, worst = pauses.total, pauses.worst
    assert 0 < worst < total
    gc.collect()
    assert (pauses.total, pauses.worst) == (total, worst)


async def test_a_topic_that_ends_leaves_no_cycle(system: ActorSystem) -> None:
    """Its machine and its parts go together, once nobody is in it any more."""
    node = await start_node(system)
    for name in ("kept-1", "kept-2"):
        peer = Peer(node)
        await peer.joins(name, presence=True)
        topic = weakref.ref(node.live.machine(name))
        await peer.says("publish", room=name, payload=1)
        gc.collect()
        gc.disable()
        try:
            peer.socket.end()
            await passes(2 * node.passivate_after)
            assert name not in node.live.names()
            assert topic() is None
        finally:
            gc.enable()
