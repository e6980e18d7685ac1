"""Those who wait for a frame: none is kept when it has given up, and none takes from another what it would have got."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from actors import ActorSystem
from gateway import WebSocket
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import settle, start_node


async def test_who_gives_up_leaves_nothing_behind(system: ActorSystem) -> None:
    """A loop that looks for a frame ten times a second waits with one future at a time."""
    sockets: list[WebSocket] = []

    async def patient(ws: WebSocket) -> None:
        sockets.append(ws)
        await ws.accept()
        while True:
            with suppress(TimeoutError):
                ws.send_text((await ws.receive(timeout=0.1)).text())

    peer = endpoint_peer(await start_node(system), patient)
    await opened(peer)
    await asyncio.sleep(20.05)
    (ws,) = sockets
    assert len(ws._intake._waiting or ()) == 1
    peer.socket.feed("a", "b")
    await settle()
    assert peer.socket.texts() == ["a", "b"]


async def test_several_wait_and_each_frame_goes_to_one_of_them(system: ActorSystem) -> None:
    """Who is cancelled in the moment in which a frame comes leaves it to the others."""

    async def shared(ws: WebSocket) -> None:
        await ws.accept()

        async def one(name: str) -> None:
            async for frame in ws:
                ws.send_text(f"{name} {frame.text()}")

        first = asyncio.create_task(one("first"))
        await settle()
        async with asyncio.TaskGroup() as group:
            group.create_task(one("second"))
            group.create_task(one("third"))
            await asyncio.sleep(1)
            first.cancel()

    peer = endpoint_peer(await start_node(system), shared)
    await opened(peer)
    await asyncio.sleep(0.5)
    peer.socket.feed("a")
    await asyncio.sleep(0.499999)
    peer.socket.feed("b")
    await asyncio.sleep(0)
    await asyncio.sleep(1)
    peer.socket.feed("c", "d")
    await settle()
    heard = peer.socket.texts()
    assert sorted(text.split()[1] for text in heard) == ["a", "b", "c", "d"]
    assert heard[0] == "first a"
    assert not any(text.startswith("first") for text in heard[2:])
