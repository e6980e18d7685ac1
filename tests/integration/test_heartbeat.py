"""Half-open sockets are noticed, living ones are left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway import Gateway, WebSocket
from gateway.events import ConnectionClosed, HeartbeatMissed
from tests.support.client import connect, settings, when
from tests.support.raw_client import CLOSE, PING, PONG, RawClient, frame

Serve = Any

pytestmark = pytest.mark.slow


def quick(missed: int = 1) -> Any:
    """The shortest intervals that a wheel of 1 s slots allows."""
    return settings(
        HEARTBEAT__PING_INTERVAL="500ms", HEARTBEAT__PING_TIMEOUT="1500ms", HEARTBEAT__MAX_MISSED_PINGS=str(missed)
    )


async def _ignore_pings(client: RawClient) -> tuple[int, int]:
    """Reads and answers nothing; returns the pings seen and the close code."""
    pings = 0
    while (got := await client.frame()).opcode != CLOSE:
        pings += got.opcode == PING
    return pings, int.from_bytes(got.payload[:2], "big")


async def test_who_answers_no_ping_is_closed_and_who_answers_lives(serve: Serve) -> None:
    """Silent clients end with 3012 (native) and 4000 (raw) after a ping; pongs, and any other frame, keep alive."""
    app = Gateway()

    @app.ws("/raw")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass

    server = await serve(app, quick())
    facts = server.watch(ConnectionClosed, HeartbeatMissed)
    port = server.app.server.port
    native, raw = await RawClient.open(port, path="/ws"), await RawClient.open(port, path="/raw")
    talking = await RawClient.open(port, path="/raw")

    async def talk() -> None:
        """Answers a ping with anything but a pong."""
        while True:
            if (await talking.frame()).opcode == PING:
                talking.send(frame(b"still here"))

    async with connect(server.ws()) as answering:
        chatter = asyncio.ensure_future(talk())
        silent = await asyncio.gather(_ignore_pings(native), _ignore_pings(raw))
        assert [code for _, code in silent] == [3012, 4000]
        assert all(pings == 1 for pings, _ in silent)
        await when(lambda: len(facts) == 2)
        assert all((fact.ended_by, fact.reason) == ("heartbeat", "heartbeat lost") for fact in facts)
        assert (await answering.ask(action="ping"))["timestamp"] > 0
        assert not chatter.done()
        chatter.cancel()
    for client in (native, raw, talking):
        client.abort()


async def test_a_missed_ping_that_is_made_good_is_forgiven(serve: Serve) -> None:
    """One unanswered ping is a fact and no end; after an answer the count begins anew."""
    server = await serve(Gateway(), quick(missed=2))
    facts = server.watch(ConnectionClosed, HeartbeatMissed)
    client = await RawClient.open(server.app.server.port, path="/ws")
    for turn in range(2):
        pings = 0
        while pings < 2:
            pings += (await client.frame()).opcode == PING
        client.send(frame(b"", PONG))
        assert [(type(fact), fact.missed) for fact in facts] == [(HeartbeatMissed, 1)] * (turn + 1)
    client.abort()


async def test_the_wheel_is_rebuilt_after_its_own_crash(serve: Serve) -> None:
    """The heartbeat actor is killed: it restarts, and the silent are still noticed."""
    server = await serve(Gateway(), quick())
    facts = server.watch(ConnectionClosed)
    client = await RawClient.open(server.app.server.port, path="/ws")
    old = server.app.node.pulse
    (pulse,) = [ref for ref in server.app.node.system.root.children() if ref.path == "/heartbeat"]
    pulse.kill()
    await when(lambda: server.app.node.pulse is not old, "the new wheel")
    _, code = await _ignore_pings(client)
    assert code == 3012
    await when(lambda: len(facts) == 1)
    client.abort()
