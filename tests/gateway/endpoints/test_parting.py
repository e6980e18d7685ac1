"""What goes on with a socket that is gone, whatever it catches: the others are served, and in the end it stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from actors.events import HandlerAbandoned
from gateway import WebSocketDisconnect, WebSocketEndpoint
from gateway.endpoints.function_session import GRACE
from gateway.endpoints.parting import FREE, LONGEST
from gateway.endpoints.session import GOODBYE
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import facts_of, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors import ActorSystem
    from gateway import WebSocket

FAR_TOO_OFTEN = 20 * FREE
"""Where a loop that nothing holds back gives up by itself, so that a test fails and does not hang."""


class Stubborn:
    """A function that swallows its cancellation."""

    ws: WebSocket

    def __init__(self) -> None:
        self.eaten = 0

    async def endpoint(self, ws: WebSocket) -> None:
        await ws.accept()
        self.ws = ws
        while self.eaten < FAR_TOO_OFTEN:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                self.eaten += 1


async def _receive(ws: WebSocket) -> object:
    return await ws.receive_json()


async def _receive_in_time(ws: WebSocket) -> object:
    return await ws.receive(timeout=30)


async def _receive_at_once(ws: WebSocket) -> object:
    return await ws.receive(timeout=0)


async def _send(ws: WebSocket) -> object:
    return await ws.send_text("x")


async def _join(ws: WebSocket) -> object:
    return await ws.join("room:1")


async def _read_all(ws: WebSocket) -> object:
    async for frame in ws:
        ws.send(frame.data)
    raise WebSocketDisconnect  # so that it is counted as the others


ACTS: list[Callable[[WebSocket], Awaitable[object]]] = [
    _receive, _receive_in_time, _receive_at_once, _send, _read_all,
]  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
async def test_who_catches_the_end_and_goes_on_keeps_nobody_from_their_turn(
    system: ActorSystem, act: Callable[[WebSocket], Awaitable[object]]
) -> None:
    """`while True: try: ... except Exception: continue`: each time a new exception, ever more slowly, then the end."""
    raised: list[str] = []
    ends: list[BaseException] = []

    async def swallows(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnect):
            await ws.receive()
        try:
            while len(raised) < FAR_TOO_OFTEN:
                try:
                    await act(ws)
                except Exception as error:
                    raised.append(str(error))
        except asyncio.CancelledError as end:
            ends.append(end)
            raise

    peer = endpoint_peer(await start_node(system), swallows)
    await opened(peer)
    peer.socket.end()
    await asyncio.sleep(GOODBYE + 1)
    assert len(ends) == 1
    assert FREE < len(raised) < 2 * FREE
    assert len(peer.closes) == 1


async def test_a_few_words_after_the_end_are_not_held_back(system: ActorSystem) -> None:
    """Clean-up that sends what nobody can be sent takes no time: a pause is for loops."""
    took: list[float] = []

    async def tidy(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnect):
            await ws.receive()
        began = asyncio.get_running_loop().time()
        for _ in range(FREE // 2):
            with pytest.raises(WebSocketDisconnect):
                await ws.send_text("bye")
        took.append(asyncio.get_running_loop().time() - began)

    peer = endpoint_peer(await start_node(system), tidy)
    await opened(peer)
    peer.socket.end()
    await settle()
    assert took == [0]


async def test_the_end_is_told_as_it_was_each_time(system: ActorSystem) -> None:
    """Code and reason are the client's in every one of them, and none is another's traceback."""
    heard: list[WebSocketDisconnect] = []

    async def asks_again(ws: WebSocket) -> None:
        await ws.accept()
        for act in (_receive, _send, _receive):
            try:
                await act(ws)
            except WebSocketDisconnect as error:
                heard.append(error)

    peer = endpoint_peer(await start_node(system), asks_again)
    await opened(peer)
    peer.socket.end(4001, "bye", True)
    await settle()
    assert [(one.code, one.reason) for one in heard] == [(4001, "bye")] * 3
    assert len({id(one) for one in heard}) == 3


async def test_who_never_accepts_and_goes_on_keeps_nobody_from_their_turn(system: ActorSystem) -> None:
    """A forgotten `accept` in such a loop is no end of the gateway either."""
    raised: list[str] = []

    async def forgot(ws: WebSocket) -> None:
        while len(raised) < FAR_TOO_OFTEN:
            try:
                await ws.receive()
            except Exception as error:
                raised.append(type(error).__name__)

    peer = endpoint_peer(await start_node(system), forgot)
    await asyncio.sleep(GOODBYE)
    peer.ref.stop_now()
    await asyncio.sleep(GRACE)
    assert set(raised) == {"NotAccepted"}
    assert FREE < len(raised) < 2 * FREE


async def test_what_outlives_its_connection_is_slowed_down(system: ActorSystem) -> None:
    """A task of the app's own that joins for a socket that is gone, and its machine with it: a second between two."""
    raised: list[str] = []
    pumps: list[asyncio.Task[None]] = []

    async def pump(ws: WebSocket) -> None:
        while len(raised) < FAR_TOO_OFTEN:
            try:
                await _join(ws)
            except Exception as error:
                raised.append(str(error))

    async def starts(ws: WebSocket) -> None:
        await ws.accept()
        with suppress(WebSocketDisconnect):
            await ws.receive()
        await asyncio.sleep(1)
        pumps.append(asyncio.create_task(later(ws)))

    async def later(ws: WebSocket) -> None:
        await asyncio.sleep(1)
        await pump(ws)

    peer = endpoint_peer(await start_node(system), starts)
    await opened(peer)
    peer.socket.end()
    await asyncio.sleep(20)
    assert not peer.ref.is_alive()
    assert FREE < len(raised) < 2 * FREE
    before = len(raised)
    await asyncio.sleep(LONGEST * 10)
    assert len(raised) - before == 10
    pumps[0].cancel()


@pytest.mark.allow_dead_letters("shutdown")
async def test_a_class_endpoint_that_goes_on_is_cut_short_as_well(system: ActorSystem) -> None:
    """A handler that receives in such a loop is killed with its connection, and not before its grace."""
    raised: list[str] = []

    class Swallows(WebSocketEndpoint):
        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            while len(raised) < FAR_TOO_OFTEN:
                try:
                    await ws.receive()
                except Exception as error:
                    raised.append(type(error).__name__)

    peer = endpoint_peer(await start_node(system), Swallows)
    await opened(peer)
    peer.socket.feed("go")
    await settle()
    peer.socket.end()
    await asyncio.sleep(20)
    assert FREE < len(raised) < 2 * FREE
    assert not peer.ref.is_alive()
    assert len(peer.closes) == 1


@pytest.mark.allow_abandoned
async def test_a_function_that_swallows_its_cancellation_is_abandoned(system: ActorSystem) -> None:
    """Its connection ends in time, it is closed a grace later, and there is a fact of it."""
    node = await start_node(system)
    abandoned = facts_of(system, HandlerAbandoned)
    stubborn = Stubborn()
    peer = endpoint_peer(node, stubborn.endpoint)
    await opened(peer)
    peer.socket.end()
    await asyncio.sleep(GOODBYE + 1.1)
    assert len(peer.closes) == 1
    await asyncio.sleep(GRACE)
    assert [fact.grace for fact in abandoned] == [GRACE]
    assert stubborn.eaten == 2


async def test_a_function_has_its_grace_when_the_gateway_stops(system: ActorSystem) -> None:
    """Its clean-up may wait a moment: it is cancelled, waited for, and nobody calls it abandoned."""
    cleaned: list[str] = []

    async def tidy(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(GRACE / 2)
            cleaned.append("clean")

    node = await start_node(system)
    await opened(endpoint_peer(node, tidy))
    await node.stop()
    assert cleaned == ["clean"]


async def test_last_words_that_are_heard_are_not_held_back(system: ActorSystem) -> None:
    """A client of many rooms: `on_disconnect` awaits a word to each of them, all are said, and it takes no time."""
    said: list[object] = []
    took: list[float] = []

    class Leaves(WebSocketEndpoint):
        async def on_disconnect(self, ws: WebSocket, code: int) -> None:
            began = asyncio.get_running_loop().time()
            said.extend([await ws.publish(f"kept:{number}", "bye") for number in range(2 * FREE)])
            took.append(asyncio.get_running_loop().time() - began)

    peer = endpoint_peer(await start_node(system), Leaves)
    await opened(peer)
    peer.socket.end()
    await settle()
    assert len(said) == 2 * FREE
    assert took == [0]


@pytest.mark.allow_abandoned
async def test_who_sends_to_a_socket_whose_endpoint_was_abandoned_hears_that_it_is_gone(system: ActorSystem) -> None:
    """A task of others that sends to everybody is not stopped by the one that does not end."""
    node = await start_node(system)
    abandoned = facts_of(system, HandlerAbandoned)
    stubborn = Stubborn()
    peer = endpoint_peer(node, stubborn.endpoint)
    await opened(peer)
    peer.socket.end(4001, "bye", True)
    await asyncio.sleep(GOODBYE + 1 + 2 * GRACE)
    assert len(abandoned) == 1
    for act in (_send, _join, _receive):
        with pytest.raises(WebSocketDisconnect, match="bye"):
            await asyncio.wait_for(act(stubborn.ws), 10)
