"""How a gateway goes: nobody new, nothing lost, everybody told to come back, in bounded time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError

from gateway import Gateway, WebSocket, WebSocketEndpoint
from gateway.events import ConnectionClosed, GatewayDraining
from tests.support.client import connect, settings, when
from tests.support.raw_client import PATIENCE, RawClient, upgrade

Serve = Any


def gentle(spread: str = "200ms") -> Any:
    return settings(DRAIN__SPREAD=spread)


async def test_everybody_is_let_go_with_the_advice_to_come_back(serve: Serve) -> None:
    """Native 3001, raw 1012; each leaves once, ended by the shutdown; the drain ends when the last has gone."""
    app = Gateway()

    @app.ws("/raw")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass

    server = await serve(app, gentle())
    facts = server.watch(ConnectionClosed, GatewayDraining)
    async with connect(server.ws()) as native, connect(server.ws("/raw")) as raw:
        async with asyncio.timeout(PATIENCE):
            endings = asyncio.gather(native.closed(), raw.closed())
            await server.app.drain()
            one, other = await endings
        assert (one, other) == ((3001, "shutdown"), (1012, "shutdown"))
    draining, *closed = facts
    assert (draining.connections, draining.seconds) == (2, 20.0)
    assert sorted((fact.code, fact.ended_by) for fact in closed) == [(1012, "shutdown"), (3001, "shutdown")]
    assert len(server.app.node.directory) == 0


async def test_while_draining_nobody_new_comes_in_and_commands_are_refused(serve: Serve) -> None:
    """Commands get `shutting_down`, temporary; a kept-alive connection gets 503; new ones find nobody listening."""
    server = await serve(Gateway(), gentle("20s"))
    port = server.app.server.port
    waiting = await RawClient.connect(port)  # connected before the drain, asks after it began
    waiting.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers = await waiting.response()
    assert status == 404
    await waiting.body(int(headers["content-length"]))
    clients = []
    async with connect(server.ws()) as one, connect(server.ws()) as two, connect(server.ws()) as three:
        clients = [one, two, three]
        for client in clients:
            await client.join("r")
        draining = asyncio.ensure_future(server.app.drain())
        await when(lambda: server.app.node.is_draining)
        refusals = []
        for client in clients:
            with suppress(ConnectionClosedError):  # its turn to be let go may come first
                refusals.append((await client.publish("r", "late"))["error"])
        assert refusals
        assert all(error["reason"] == "shutting_down" and error["temporary"] for error in refusals)
        waiting.send(upgrade("/ws"))
        status, headers = await waiting.response()
        assert status == 503
        assert int(headers["retry-after"]) > 0
        with pytest.raises(ConnectionRefusedError):
            await RawClient.connect(port)
        draining.cancel()
        await asyncio.wait({draining})
    await waiting.aclose()


async def test_an_upgrade_that_is_not_decided_is_refused_as_unavailable(serve: Serve) -> None:
    """App code is still thinking about it: 503, not 403, and the drain does not wait for the thought."""
    app, asked = Gateway(), asyncio.Event()

    @app.ws("/")
    async def think(ws: WebSocket) -> None:
        asked.set()
        await asyncio.Event().wait()

    server = await serve(app, gentle())
    client = await RawClient.connect(server.app.server.port)
    client.send(upgrade("/"))
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        await server.app.drain()
    status, _ = await client.response()
    assert status == 503
    await client.aclose()


async def test_what_was_published_before_the_drain_arrives(serve: Serve) -> None:
    """A thousand events accepted in the turn before the drain reach every member, in order, before the close."""
    server = await serve(Gateway(), gentle())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await one.join("r")
        await two.join("r")
        for number in range(1000):
            server.app.room("r").broadcast(number)
        draining = asyncio.ensure_future(server.app.drain())
        for client in (one, two):
            assert await client.payloads(1000) == list(range(1000))
            assert (await client.closed())[0] == 3001
        await draining


async def test_on_disconnect_runs_for_everybody_while_draining(serve: Serve) -> None:
    """Each endpoint has its last word before the drain is over."""
    app = Gateway()
    gone: list[str] = []

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        async def on_disconnect(self, ws: WebSocket, code: int) -> None:
            await asyncio.sleep(0)
            gone.append(ws.id)

    server = await serve(app, gentle())
    async with connect(server.ws("/")) as one, connect(server.ws("/")) as two:
        endings = asyncio.gather(one.closed(), two.closed())
        await server.app.drain()
        assert sorted(gone) == sorted([one.id, two.id])
        await endings


async def test_draining_an_empty_gateway_takes_no_time(serve: Serve) -> None:
    """Nobody to wait for; a drain twice and a stop after it are fine."""
    server = await serve(Gateway(), settings())
    async with asyncio.timeout(PATIENCE):
        await server.app.drain()
        await server.app.drain()
        await server.stop()
        await server.stop()


async def test_a_stop_without_a_drain_still_tells_everybody(serve: Serve) -> None:
    """Connections are closed as `shutdown`, with one fact each, and the port is free at once."""
    server = await serve(Gateway(), settings())
    facts = server.watch(ConnectionClosed)
    port = server.app.server.port
    async with connect(server.ws()) as client:
        await client.join("r")
        ending = asyncio.ensure_future(client.closed())
        await server.stop()
        assert await ending == (3001, "shutdown")
    assert [fact.ended_by for fact in facts] == ["shutdown"]
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(port)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/")
