"""An endpoint's own heartbeat, at real sockets in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway import Gateway, HeartbeatConfig, WebSocket, WebSocketDisconnect
from tests.support.client import Box, connect, out_of
from tests.support.endpoints import echo
from tests.support.raw_client import CLOSE, TEXT, RawClient
from tests.support.raw_client import frame as client_frame
from tests.support.seeds import at

Serve = Any


async def test_e8_an_endpoint_has_a_heartbeat_of_its_own(gateway: Serve) -> None:
    """Its interval, with a JSON ping beside the protocol's; a client that answers nothing is closed with 4000."""
    app = Gateway()
    quick = HeartbeatConfig(ping_interval=2.0, ping_timeout=1.1, max_missed_pings=1, app_ping=True)

    @app.ws("/", heartbeat=quick)
    async def quiet(ws: WebSocket) -> None:
        await ws.accept()
        assert ws.heartbeat.config is quick
        async for _ in ws:
            pass

    async with gateway(app) as server, connect(at(server, "/"), ping_interval=None) as client:
        mute = await RawClient.open(server.app.server.port, path="/")
        await server.clock.advance(10)
        assert await client.receive() == '{"type":"ping"}'  # the library has answered the protocol's ping by itself
        assert await client.receive() == '{"type":"ping"}'
        assert await close_code(mute) == 4000
        assert list(server.app.connections) == [client.id]


async def test_e8_a_stopped_heartbeat_closes_nobody_and_started_it_does(gateway: Serve) -> None:
    """`ws.heartbeat.stop()` and `start()`, for a client that answers nothing."""
    app, box = Gateway(), Box()
    quick = HeartbeatConfig(ping_interval=0.1, ping_timeout=1.1, max_missed_pings=1)

    @app.ws("/", heartbeat=quick)
    async def quiet(ws: WebSocket) -> None:
        await ws.accept()
        await ws.heartbeat.stop()
        box.put_nowait(ws)
        try:
            await ws.receive()
        except WebSocketDisconnect as error:
            box.put_nowait(error.code)

    app.ws("/loud", heartbeat=quick)(echo)
    async with gateway(app) as server:
        mute = await RawClient.open(server.app.server.port, path="/")
        ws: WebSocket = await out_of(box)
        other = await RawClient.open(server.app.server.port, path="/loud")
        await server.clock.advance(10)
        assert await close_code(other) == 4000
        assert box.empty()
        assert ws.is_connected
        await ws.heartbeat.start()
        await server.clock.advance(10)
        assert await close_code(mute) == 4000
        assert await out_of(box) == 4000


async def close_code(client: RawClient) -> int:
    """Reads until the close frame; answers nothing."""
    while (got := await client.frame()).opcode != CLOSE:
        pass
    await client.aclose()
    return int.from_bytes(got.payload[:2], "big")


async def test_e8_a_json_pong_counts_and_reaches_the_endpoint(gateway: Serve) -> None:
    """Whoever answers with `{"type":"pong"}` alone stays, beyond the time in which the silent are closed."""
    app, box = Gateway(), Box()
    quick = HeartbeatConfig(ping_interval=0.1, ping_timeout=1.1, max_missed_pings=1, app_ping=True)

    @app.ws("/", heartbeat=quick)
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for message in ws:
            box.put_nowait(message.type)

    async with gateway(app) as server:
        await one_answers_and_one_is_silent(server, box)


async def one_answers_and_one_is_silent(server: Any, box: Box) -> None:
    answering, silent = [await RawClient.open(server.app.server.port, path="/") for _ in range(2)]

    async def answer() -> None:
        while True:
            if (got := await answering.frame()).opcode == TEXT:
                assert got.payload == b'{"type":"ping"}'
                answering.send(client_frame(b'{"type":"pong"}'))

    task = asyncio.ensure_future(answer())
    await server.clock.advance(10)
    assert await close_code(silent) == 4000
    assert await out_of(box) == "pong"
    assert len(server.app.connections) == 1
    task.cancel()
    await asyncio.wait({task})
    await answering.aclose()
