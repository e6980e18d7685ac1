"""A slow reader costs only itself: what the others get, what it costs the server, and how it comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import Gateway, History, WebSocket
from gateway.events import ConnectionClosed, ConsumerSlowed, PublicationDropped
from gateway.sockets.frames import text_frame
from tests.support.client import Box, connect, out_of, settings, when
from tests.support.listening import PIECE, listening
from tests.support.raw_client import PATIENCE, RawClient, close, frame

Serve = Any


async def read(client: RawClient, wanted: bytes) -> None:
    """Exactly these bytes come next."""
    async with asyncio.timeout(PATIENCE * 2):
        assert await client.reader.readexactly(len(wanted)) == wanted


async def test_one_blocked_reader_among_200_costs_nobody_anything(serve: Serve) -> None:
    """The others hear everything in order; its backlog stays within its bound; it is ended, and the fact says why."""
    bound = 256 * 1024
    server = await serve(listening(), settings(LIMITS__OUTBOX_BYTES="256KiB"))
    facts = server.watch(ConnectionClosed, ConsumerSlowed)
    port = server.app.server.port
    clients = [await RawClient.open(port, path="/") for _ in range(200)]
    blocked, *others = clients
    await when(lambda: server.app.room("news").size == 200)
    blocked.stop_reading()
    texts = [f"{number:06}{PIECE}" for number in range(100)]
    machines = [ref._actor for ref in server.app.node.directory.refs()]
    most = 0
    for text in texts:
        await server.app.room("news").broadcast(text)
        most = max(most, *(machine._outlet.waiting_bytes for machine in machines))
    wanted = b"".join(text_frame(text.encode()) for text in texts)
    await asyncio.gather(*(read(client, wanted) for client in others))
    (ended,) = [machine for machine in machines if machine._ending.closing is not None]
    assert ended._ending.closing.reason == "slow_consumer"
    blocked.abort()  # the server would do it 2 s after its close frame
    await when(lambda: any(isinstance(fact, ConnectionClosed) for fact in facts), "the end of the blocked one")
    (closed,) = [fact for fact in facts if isinstance(fact, ConnectionClosed)]
    assert (closed.code, closed.ended_by) == (1013, "slow_consumer")
    assert 0 < closed.outbox_bytes <= bound
    assert most <= bound
    assert closed.connection in {fact.connection for fact in facts if isinstance(fact, ConsumerSlowed)}
    await when(lambda: server.app.room("news").size == 199)
    for client in clients:
        client.abort()


async def test_a_reader_that_is_slow_for_a_while_loses_nothing(serve: Serve) -> None:
    """What waited in its outbox comes when it reads again, in order, with what is sent after it."""
    server = await serve(listening(), settings())
    facts = server.watch(ConsumerSlowed, ConnectionClosed)
    client = await RawClient.open(server.app.server.port, path="/")
    await when(lambda: server.app.room("news").size == 1)
    room = server.app.room("news")
    wanted = b""
    for turn in range(3):
        client.stop_reading()
        before = len(facts)
        number = 0
        while len(facts) == before or number % 40:  # until it is slow, and some more
            text = f"{turn}:{number:06}{PIECE}"
            wanted += text_frame(text.encode())
            await room.broadcast(text)
            number += 1
            assert number < 2000
        client.read_on()
        await read(client, wanted)
        wanted = b""
    assert {type(fact) for fact in facts} == {ConsumerSlowed}  # how often is up to the kernel, which may take some more
    client.abort()


async def test_a_slow_native_reader_comes_back_and_recovers(serve: Serve) -> None:
    """It is closed with 3008; joining again with its position gives exactly what it missed."""
    app = listening(history=History(size=1000, max_bytes=64 * 1024 * 1024))
    server = await serve(app, settings(LIMITS__OUTBOX_BYTES="64KiB"))
    facts = server.watch(ConnectionClosed)
    slow = await RawClient.open(server.app.server.port, path="/ws")
    slow.send(frame(b'{"action":"join_room","room":"news"}'))
    joined = json.loads((await slow.frame()).payload)
    slow.stop_reading()
    machine = next(iter(server.app.node.directory.refs()))._actor
    count = 0
    while machine._ending.closing is None:
        count += 1
        await server.app.room("news").broadcast({"n": count, "text": PIECE})
        assert count < 1000
    slow.abort()
    await when(lambda: len(facts) == 1)
    assert (facts[0].code, facts[0].ended_by) == (3008, "slow_consumer")
    async with connect(server.ws(), max_size=None) as client:
        again = await client.join("news", since={"offset": 0, "epoch": joined["epoch"]})
        assert (again["recovered"], again["missed"]) == (True, count)
        assert [payload["n"] for payload in await client.payloads(count)] == list(range(1, count + 1))


async def test_drop_oldest_keeps_the_connection_and_says_what_it_dropped(serve: Serve) -> None:
    """Its reader keeps the latest, in order, with a hole; each loss is a fact; the connection lives."""
    server = await serve(listening(slow="drop_oldest"), settings(LIMITS__OUTBOX_BYTES="64KiB"))
    drops = server.watch(PublicationDropped)
    client = await RawClient.open(server.app.server.port, path="/")
    await when(lambda: server.app.room("news").size == 1)
    client.stop_reading()
    number = 0
    while len(drops) < 20:
        await server.app.room("news").broadcast(f"{number:06}{PIECE}")
        number += 1
        assert number < 2000
    client.read_on()
    heard: list[int] = []
    while not heard or heard[-1] < number - 1:
        heard.append(int((await client.frame()).payload[:6]))
    assert heard == sorted(set(heard))
    assert len(heard) + len(drops) == number
    await server.app.room("news").broadcast("on")
    assert (await client.frame()).payload == b"on"
    client.abort()


async def test_a_hole_in_a_positioned_subscription_ends_it(serve: Serve) -> None:
    """A native member that lost something is told `insufficient_state`, may return, and recovers everything."""
    app = listening(slow="drop_oldest", history=History(size=1000, max_bytes=64 * 1024 * 1024))
    server = await serve(app, settings(LIMITS__OUTBOX_BYTES="64KiB"))
    drops = server.watch(PublicationDropped)
    client = await RawClient.open(server.app.server.port, path="/ws")
    client.send(frame(b'{"action":"join_room","room":"news"}'))
    joined = json.loads((await client.frame()).payload)
    client.stop_reading()
    count = 0
    while not drops:
        count += 1
        await server.app.room("news").broadcast({"n": count, "text": PIECE})
        assert count < 1000
    client.read_on()
    offsets: list[int] = []
    while (got := json.loads((await client.frame()).payload)).get("action") == "event":
        offsets.append(got["offset"])
    assert got == {
        "action": "unsubscribed", "room": "news", "code": 2500, "reason": "insufficient_state", "retry": True,
    }  # fmt: skip
    since = {"offset": _contiguous(offsets), "epoch": joined["epoch"]}
    client.send(frame(json.dumps({"action": "join_room", "room": "news", "since": since}).encode()))
    again = json.loads((await client.frame()).payload)
    assert again["recovered"] is True
    missed = [json.loads((await client.frame()).payload)["offset"] for _ in range(again["missed"])]
    assert missed == list(range(since["offset"] + 1, again["offset"] + 1))
    client.abort()


def _contiguous(offsets: list[int]) -> int:
    """The last offset before the first hole."""
    last = 0
    while last < len(offsets) and offsets[last] == last + 1:
        last += 1
    return last


async def test_an_awaited_send_waits_for_a_slow_reader_and_a_broadcast_does_not(serve: Serve) -> None:
    """Above half an outbox `await ws.send_*` waits; it goes on when the client reads; everything arrives."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def pour(ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("news")
        await ws.receive()
        for number in range(400):
            sent = ws.send_text(f"{number:06}{PIECE}")
            box.put_nowait(number)
            await sent
        box.put_nowait("done")

    server = await serve(app, settings())
    client = await RawClient.open(server.app.server.port, path="/")
    client.stop_reading()
    client.send(frame(b"go"))
    machine = next(iter(server.app.node.directory.refs()))._actor
    await when(lambda: machine._farewell.sends is not None, "a send that waits")
    waits_at = box.qsize()
    assert waits_at < 400
    await server.app.room("news").broadcast("short")  # does not wait
    client.read_on()
    heard = [(await client.frame()).payload for _ in range(401)]
    assert [int(one[:6]) for one in heard if one != b"short"] == list(range(400))
    assert b"short" in heard
    await when(lambda: box.qsize() == 401)
    client.abort()


async def test_what_was_sent_before_a_close_leaves_first(serve: Serve) -> None:
    """Its reader was behind when the endpoint closed: it gets every message, in order, and then the close frame."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def pour(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        count = 0
        while not facts or count % 20:
            await ws.send_text(f"{count:06}{PIECE}")
            count += 1
        ws.close(4000, "done")
        box.put_nowait(count)

    server = await serve(app, settings())
    facts = server.watch(ConsumerSlowed, ConnectionClosed)
    client = await RawClient.open(server.app.server.port, path="/")
    client.stop_reading()
    client.send(frame(b"go"))
    count = await out_of(box)
    client.read_on()
    heard = [(await client.frame()).payload for _ in range(count)]
    assert [int(one[:6]) for one in heard] == list(range(count))
    assert await client.close_frame() == (4000, "done")
    client.send(close(4000))
    await when(lambda: len(facts) == 2, "the end")
    assert (facts[1].ended_by, facts[1].code, facts[1].outbox_bytes) == ("app", 4000, 0)
    client.abort()


async def test_a_drain_waits_for_a_reader_that_is_behind(serve: Serve) -> None:
    """What was broadcast before it arrives, and then the advice to come back; the drain ends with the reader."""
    server = await serve(listening(), settings(DRAIN__SPREAD="0ms"))
    facts = server.watch(ConsumerSlowed)
    client = await RawClient.open(server.app.server.port, path="/")
    await when(lambda: server.app.room("news").size == 1)
    client.stop_reading()
    count = 0
    while not facts or count % 40:
        await server.app.room("news").broadcast(f"{count:06}{PIECE}")
        count += 1
    (machine,) = [ref._actor for ref in server.app.node.directory.refs()]
    draining = asyncio.ensure_future(server.app.drain())
    await when(lambda: machine._ending.has_begun, "its turn")
    assert machine._outlet.waiting_bytes > 0
    client.read_on()
    heard = [(await client.frame()).payload for _ in range(count)]
    assert [int(one[:6]) for one in heard] == list(range(count))
    assert (await client.close_frame())[0] == 1012
    client.send(close(1012))
    async with asyncio.timeout(PATIENCE):
        await draining
    client.abort()


@pytest.mark.slow
async def test_a_backlog_that_is_too_old_ends_the_connection(serve: Serve) -> None:
    """Few bytes, but the oldest waits longer than `outbox_age`: ended as a slow consumer."""
    server = await serve(listening(), settings(LIMITS__OUTBOX_AGE="1s"))
    facts = server.watch(ConsumerSlowed, ConnectionClosed)
    client = await RawClient.open(server.app.server.port, path="/")
    await when(lambda: server.app.room("news").size == 1)
    client.stop_reading()
    count = 0
    while not facts:
        await server.app.room("news").broadcast(PIECE)
        count += 1
        assert count < 1000
    await when(lambda: len(facts) > 1, "the end")
    assert isinstance(facts[1], ConnectionClosed)
    assert (facts[1].ended_by, facts[1].code) == ("slow_consumer", 1013)
    client.abort()
