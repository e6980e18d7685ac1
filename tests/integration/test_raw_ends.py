"""How endpoints end, as their clients see it: closes, refusals, failures, and `on_disconnect` once for each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway import ConnectionState, Gateway, WebSocket, WebSocketDisconnect, WebSocketEndpoint
from gateway.events import ConnectionClosed, ConnectionOpened, ConnectionRefused
from tests.support.client import Box, Client, connect, out_of, refused, settings, when
from tests.support.raw_client import PATIENCE, RawClient, upgrade

Serve = Any


# --- functions


async def test_c3_close_codes_and_reasons_travel_both_ways(serve: Serve) -> None:
    """The client's code and reason are in the WebSocketDisconnect; the endpoint's are what the client sees."""
    app, box = Gateway(), Box()

    @app.ws("/read")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.receive()
        except WebSocketDisconnect as error:
            box.put_nowait((error.code, error.reason, ws.state))
            raise

    @app.ws("/close")
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        ws.send_text("last")
        await ws.close(4321, "ünough")
        await ws.close(4999, "too late")
        box.put_nowait(ws.state)

    server = await serve(app, settings())
    async with connect(server.ws("/read")) as client:
        await client.close(4001, "bye")
        assert await out_of(box) == (4001, "bye", ConnectionState.DISCONNECTED)
    async with connect(server.ws("/read")) as client:
        client.cut()
        code, reason, _ = await out_of(box)
        assert (code, reason) == (1006, "")
    async with connect(server.ws("/close")) as client:
        assert await client.receive() == "last"
        assert await client.closed() == (4321, "ünough")
        assert await out_of(box) in (ConnectionState.DISCONNECTING, ConnectionState.DISCONNECTED)


async def test_c3_codes_that_must_not_be_sent_are_refused_at_the_call(serve: Serve) -> None:
    """1005, 1006, 2999, a reason of 124 bytes: ValueError, and the connection is as it was."""
    app = Gateway()

    @app.ws("/")
    async def close(ws: WebSocket) -> None:
        await ws.accept()
        for code, reason in ((1005, ""), (1006, ""), (2999, ""), (5000, ""), (1000, "x" * 124)):
            with pytest.raises(ValueError, match="could not close"):
                ws.close(code, reason)
        await ws.send_text("still here")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        assert await client.receive() == "still here"
        assert await client.closed() == (1000, "")


async def test_a3_an_awaited_send_to_a_lost_socket_raises(serve: Serve) -> None:
    """After the end, and after `close`, awaited sends raise WebSocketDisconnect; `close` in a `finally` is fine."""
    app, box = Gateway(), Box()

    @app.ws("/lost")
    async def lost(ws: WebSocket) -> None:
        await ws.accept()
        try:
            async for _ in ws:
                pass
            for receipt in (ws.send_text("x"), ws.send_json(1), ws.send_bytes(b"")):
                with pytest.raises(WebSocketDisconnect) as caught:
                    await receipt
                box.put_nowait(caught.value.code)
        finally:
            await ws.close()
            box.put_nowait("clean")

    @app.ws("/closed")
    async def closed(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4000)
        with pytest.raises(WebSocketDisconnect):
            await ws.send_text("x")
        box.put_nowait("refused")

    server = await serve(app, settings())
    async with connect(server.ws("/lost")) as client:
        await client.close(3999)
        assert [await out_of(box) for _ in range(4)] == [3999, 3999, 3999, "clean"]
    async with connect(server.ws("/closed")) as client:
        assert await out_of(box) == "refused"
        assert await client.closed() == (4000, "")


async def test_who_leaves_while_it_is_let_in_was_lost(serve: Serve) -> None:
    """App code has accepted it, so it has its last word; it was opened, and ended, and nobody was shutting down."""
    app, box, may = Gateway(), Box(), asyncio.Event()

    @app.ws("/class")
    class Slow(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            box.put_nowait("asked")
            await may.wait()

        def on_disconnect(self, ws: WebSocket, code: int) -> None:
            box.put_nowait(code)

    @app.ws("/function")
    async def slow(ws: WebSocket) -> None:
        box.put_nowait("asked")
        await may.wait()
        try:
            await ws.accept()
        except WebSocketDisconnect as error:
            box.put_nowait(error.code)

    server = await serve(app, settings())
    facts = server.watch(ConnectionOpened, ConnectionClosed, ConnectionRefused)
    for path in ("/class", "/function"):
        client = await RawClient.connect(server.app.server.port)
        client.send(upgrade(path))
        assert await out_of(box) == "asked"
        client.abort()
        witness = await RawClient.connect(server.app.server.port)
        witness.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await witness.response())[0] == 404  # whoever left before was heard of by then
        await witness.aclose()
        may.set()
        assert await out_of(box) == 1006
        await when(lambda: len(facts) == 2)
        opened, closed = facts
        assert (type(opened), type(closed)) == (ConnectionOpened, ConnectionClosed)
        assert opened.connection == closed.connection
        assert (closed.ended_by, closed.code, closed.reason) == ("transport", 1006, "")
        assert len(app.connections) == 0
        facts.clear()
        may.clear()


async def test_b5_close_from_4000_before_accept_is_seen_by_the_client(serve: Serve) -> None:
    """The upgrade succeeds and closes with that code, since browsers see no other; exactly one fact each."""
    app = Gateway()

    @app.ws("/")
    async def reject(ws: WebSocket) -> None:
        await ws.close(4001, "log in first")

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as client:
        assert await client.closed() == (4001, "log in first")
    await when(lambda: len(facts) == 1)
    assert (facts[0].code, facts[0].ended_by) == (4001, "app")


async def test_b5_refusals_before_accept_are_http(serve: Serve) -> None:
    """`refuse(status)` answers that status; a close below 4000, or returning without a word, refuses with 403."""
    app = Gateway()

    @app.ws("/refuse")
    async def refuse(ws: WebSocket) -> None:
        ws.refuse(418, "short")

    @app.ws("/close")
    async def close(ws: WebSocket) -> None:
        await ws.close(1000)

    @app.ws("/nothing")
    async def nothing(ws: WebSocket) -> None:
        return

    server = await serve(app, settings())
    facts = server.watch(ConnectionRefused, ConnectionClosed)
    statuses = [(await refused(server.ws(path)))[0] for path in ("/refuse", "/close", "/nothing")]
    assert statuses == [418, 403, 403]
    assert [(type(fact), fact.status) for fact in facts] == [(ConnectionRefused, status) for status in statuses]
    await when(lambda: len(server.app.node.directory) == 0)


async def test_what_is_no_status_of_a_refusal_is_refused_where_it_is_said(serve: Serve) -> None:
    """101 among them, which would be taken for a yes; the upgrade can still be answered."""
    app, said = Gateway(), []

    @app.ws("/")
    async def refuse(ws: WebSocket) -> None:
        wrong: list[Any] = [101, 200, 600, "full", True]
        for status in wrong:
            with pytest.raises(ValueError, match="that is no status of a refusal; use 400 to 599") as raised:
                ws.refuse(status)
            said.append(raised.value)
        ws.refuse(418)

    server = await serve(app, settings())
    assert (await refused(server.ws("/")))[0] == 418
    assert len(said) == 5


async def test_an_endpoint_that_raises_before_accept_is_500(serve: Serve) -> None:
    """A bug before the accept is the server's fault: 500, nothing of the exception in the answer."""
    app = Gateway()

    @app.ws("/")
    async def fail(ws: WebSocket) -> None:
        raise ValueError("secret")

    server = await serve(app, settings())
    status, _ = await refused(server.ws("/"))
    assert status == 500
    assert len(server.app.node.directory) == 0


@pytest.mark.slow
async def test_an_endpoint_that_never_decides_is_refused_in_bounded_time(serve: Serve) -> None:
    """Neither accept nor refuse: 503 after 10 s, and its task is cancelled."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def dawdle(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            box.put_nowait("cancelled")
            raise

    server = await serve(app, settings())
    client = await RawClient.connect(server.app.server.port)
    client.send(upgrade("/"))
    async with asyncio.timeout(15):
        head = await client.reader.readuntil(b"\r\n\r\n")
    await client.aclose()
    assert b" 503 " in head.split(b"\r\n")[0]
    assert await out_of(box) == "cancelled"
    await when(lambda: len(server.app.node.directory) == 0)


async def test_who_left_while_it_was_decided_is_lost_and_has_both_its_lines(serve: Serve) -> None:
    """The endpoint has accepted: it hears 1006, and the log that its transport was lost, behind that it was opened."""
    app, box, arrived, left = Gateway(), Box(), asyncio.Event(), asyncio.Event()

    @app.ws("/slow")
    class Slow(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            arrived.set()
            await left.wait()
            await ws.accept()

        def on_disconnect(self, ws: WebSocket, code: int) -> None:
            box.put_nowait(code)

    server = await serve(app, settings())
    facts = server.watch(ConnectionOpened, ConnectionClosed)
    client = await RawClient.connect(server.app.server.port)
    client.send(upgrade("/slow"))
    await asyncio.wait_for(arrived.wait(), PATIENCE)
    client.abort()
    async with connect(server.ws()):  # comes behind it: the server has seen by now that the first has gone
        left.set()
        assert await out_of(box) == 1006
    lines = [fact for fact in facts if fact.path == "/slow"]
    assert [type(fact) for fact in lines] == [ConnectionOpened, ConnectionClosed]
    assert (lines[1].ended_by, lines[1].code) == ("transport", 1006)


async def test_a5_an_endpoint_that_raises_closes_its_own_client_with_1011(serve: Serve) -> None:
    """The client of the failed endpoint sees 1011, everybody else of the same endpoint goes on."""
    app = Gateway()

    @app.ws("/")
    async def fragile(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            if frame.text() == "boom":
                raise ValueError("secret")
            await ws.send_text(frame.text())

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as one, connect(server.ws("/")) as other:
        await one.send("boom")
        code, reason = await one.closed()
        assert code == 1011
        assert "secret" not in reason
        await other.send("hello")
        assert await other.receive() == "hello"
    await when(lambda: len(facts) == 2)
    assert (facts[0].code, facts[0].ended_by) == (1011, "crash")


@pytest.mark.slow
async def test_an_endpoint_still_running_5_s_after_the_socket_went_is_cancelled(serve: Serve) -> None:
    """The connection is forgotten only when its endpoint has ended: by itself, or cancelled after 5 s."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def busy(ws: WebSocket) -> None:
        await ws.accept()
        box.put_nowait("accepted")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            box.put_nowait("cancelled")
            raise

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as client:
        assert await out_of(box) == "accepted"
        await client.close()
    assert await out_of(box) == "cancelled"
    await when(lambda: len(facts) == 1)
    assert (facts[0].code, facts[0].ended_by) == (1000, "client")
    assert facts[0].seconds >= 5.0


# --- classes


async def _client_closes(server: Any, client: Client) -> int:
    await client.close(4444)
    return 4444


async def _client_is_cut(server: Any, client: Client) -> int:
    client.cut()
    return 1006


async def _server_closes(server: Any, client: Client) -> int:
    await client.send("close")
    return 4100


async def _handler_crashes(server: Any, client: Client) -> int:
    await client.send("crash")
    return 1011


async def _crash_and_cut_at_once(server: Any, client: Client) -> int:
    await client.send("crash")
    client.cut()
    return 0


async def _crash_while_gone(server: Any, client: Client) -> int:
    """The handler is still at work when the socket goes, and fails after that."""
    await client.send("crash late")
    assert await client.receive() == "working"
    await client.close(4555)
    server.late.set()
    return 4555


async def _drained(server: Any, client: Client) -> int:
    async with asyncio.timeout(PATIENCE):
        await server.app.drain()
    return 1012


ENDS = [
    _client_closes,
    _client_is_cut,
    _server_closes,
    _handler_crashes,
    _crash_and_cut_at_once,
    _crash_while_gone,
    pytest.param(_drained, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("end", ENDS)
async def test_b6_on_disconnect_comes_exactly_once_however_it_ends(serve: Serve, end: Any) -> None:
    """One `on_disconnect` and one fact, with the same code; after a crash on a fresh instance."""
    app, box = Gateway(), Box()
    late = asyncio.Event()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            box.put_nowait(self)

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            if data == "close":
                await ws.close(4100, "enough")
            elif data == "crash late":
                await ws.send("working")
                await late.wait()
                raise ValueError("late")
            else:
                raise ValueError("crashed")

        def on_disconnect(self, ws: WebSocket, code: int) -> None:
            box.put_nowait((self, code, ws.state))

    server = await serve(app, settings())
    server.late = late
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as client:
        first = await out_of(box)
        code = await end(server, client)
        last, got, state = await out_of(box)
    await when(lambda: len(facts) == 1)
    assert got == facts[0].code
    assert code in (0, got)
    assert state is ConnectionState.DISCONNECTED
    assert (last is first) is (end not in (_handler_crashes, _crash_and_cut_at_once, _crash_while_gone))
    await when(lambda: len(server.app.node.directory) == 0)
    await server.stop()
    assert box.empty()
    assert len(facts) == 1


async def test_an_on_disconnect_that_raises_harms_nobody(serve: Serve) -> None:
    """It was called once; the connection still ends and leaves its rooms."""
    app, box = Gateway(), Box()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("r")

        def on_disconnect(self, ws: WebSocket, code: int) -> None:
            box.put_nowait(code)
            raise ValueError("last word")

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as client:
        await client.close()
    await when(lambda: len(facts) == 1 and server.app.room("r").size == 0)
    assert await out_of(box) == 1000
    assert box.empty()
