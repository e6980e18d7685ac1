"""Endpoints on the raw wire, as their clients see them: functions and classes, through a real socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import (
    ConnectionState,
    Frame,
    Gateway,
    WebSocket,
    WebSocketDisconnect,
    WebSocketEndpoint,
)
from gateway.events import ConnectionClosed, ConnectionRefused
from gateway.reasons import NotAccepted
from tests.support.client import Box, Client, connect, out_of, refused, settings, when
from tests.support.raw_client import PATIENCE, RawClient, upgrade

Serve = Any


# --- functions: frames


async def test_a2_text_bytes_and_json_cross_in_both_directions(serve: Serve) -> None:
    """Each `receive_*` takes what the client sent, each `send_*` arrives as its kind of frame."""
    app = Gateway()

    @app.ws("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text((await ws.receive_text()).upper())
        await ws.send_bytes((await ws.receive_bytes())[::-1])
        await ws.send_json({"got": await ws.receive_json()})
        await ws.send("text")
        await ws.send(b"bytes")
        await ws.send([1, None])

    server = await serve(app, settings())
    async with connect(server.ws("/echo")) as client:
        for data in ("grüße", b"\x00\xff", '{"a":[1]}'):
            await client.send(data)
        assert [await client.receive() for _ in range(6)] == [
            "GRÜSSE", b"\xff\x00", '{"got":{"a":[1]}}', "text", b"bytes", "[1,null]",
        ]  # fmt: skip
        assert await client.closed() == (1000, "")


async def test_e1_an_endpoint_iterates_over_messages_until_the_client_goes(serve: Serve) -> None:
    """`async for` yields every frame in order and ends, without an exception, when the socket is gone."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            box.put_nowait((frame.type, frame.data))
        box.put_nowait("ended")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for data in ("one", b"two", '{"type":"pong"}'):
            await client.send(data)
        await client.close()
    wanted = [("text", "one"), ("binary", b"two"), ("pong", '{"type":"pong"}'), "ended"]
    assert [await out_of(box) for _ in range(4)] == wanted


async def test_c2_a_receive_that_timed_out_loses_no_frame(serve: Serve) -> None:
    """After any number of timeouts, also of zero seconds, every frame is received once and in order."""
    app, box = Gateway(), Box()
    count = 300

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        timeouts = 0
        for number in range(count):
            while True:
                try:
                    box.put_nowait(await ws.receive_text(timeout=0.0001 * (number % 3)))
                    break
                except TimeoutError:
                    timeouts += 1
        box.put_nowait(timeouts)

    server = await serve(app, settings(LIMITS__BURST="10000"))
    async with connect(server.ws("/")) as client:
        for number in range(count):
            await client.send(str(number))
        assert [await out_of(box) for _ in range(count)] == [str(number) for number in range(count)]
        assert await out_of(box) > 0


async def test_c2_a_cancelled_receive_loses_no_frame(serve: Serve) -> None:
    """Cancelling a waiting receive in the very turn in which its frame arrives leaves the frame to the next one."""
    app, box = Gateway(), Box()
    count = 200

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        for number in range(count):
            task = asyncio.ensure_future(ws.receive_text())
            while number % 2 and not task.done() and not ws._has_frame():  # noqa: ASYNC110  # that very turn is meant
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            if task.cancelled():
                box.put_nowait("cancelled")
            box.put_nowait(await ws.receive_text() if task.cancelled() else task.result())

    server = await serve(app, settings(LIMITS__BURST="10000"))
    async with connect(server.ws("/")) as client:
        seen = []
        for number in range(count):
            await client.send(str(number))
            seen.append(await out_of(box))
            if seen[-1] == "cancelled":
                seen.append(await out_of(box))
    assert seen.count("cancelled") > count // 2
    assert [one for one in seen if one != "cancelled"] == [str(number) for number in range(count)]


async def test_a5_invalid_json_is_an_error_of_that_frame_alone(serve: Serve) -> None:
    """`receive_json` raises InvalidJSON, a `json.JSONDecodeError`; the connection stays and takes the next frame."""
    app = Gateway()

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        while True:
            try:
                await ws.send_json({"got": await ws.receive_json()})
            except json.JSONDecodeError as error:
                await ws.send_json({"error": type(error).__name__})

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for text in ("{", "[1]", "NaN", '"x"'):
            await client.send(text)
        replies = [json.loads(await client.receive()) for _ in range(4)]
    assert replies == [{"error": "InvalidJSON"}, {"got": [1]}, {"error": "InvalidJSON"}, {"got": "x"}]


async def test_a2_the_connection_must_be_accepted_first(serve: Serve) -> None:
    """Receiving and sending before `accept` raise NotAccepted, which says what to write; accepting still works."""
    app = Gateway()

    @app.ws("/")
    async def early(ws: WebSocket) -> None:
        said = []
        for act in (ws.receive_text, ws.receive, lambda: ws.send_text("x"), lambda: ws.send_json({})):
            with pytest.raises(NotAccepted) as caught:
                await act()
            said.append(str(caught.value))
        await ws.accept()
        await ws.accept()
        await ws.send_json(said)

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        said = json.loads(await client.receive())
    assert all("await ws.accept()" in one for one in said)
    assert len(said) == 4


async def test_a4_an_endpoint_knows_what_the_request_said(serve: Serve) -> None:
    """Address, headers without regard to case, query, path parameters, and the id the client was told."""
    app = Gateway()

    @app.ws("/room/{name}")
    async def tell(ws: WebSocket) -> None:
        states = [ws.state.value, ws.is_connected]
        await ws.accept()
        facts = {
            "id": ws.id, "path": ws.path, "params": dict(ws.path_params), "query": dict(ws.query_params),
            "raw": ws.query_string, "header": ws.headers["x-TEST"], "missing": ws.headers.get("nothing"),
            "host": ws.client.host, "client_host": ws.client_host, "port": ws.client.port,
            "states": [*states, ws.state.value, ws.is_connected],
        }  # fmt: skip
        await ws.send_json(facts)

    server = await serve(app, settings())
    async with connect(server.ws("/room/a%20b?x=1&y=%C3%A9"), headers={"X-Test": "42"}) as client:
        said = json.loads(await client.receive())
        assert said == {
            "id": client.id, "path": "/room/a b", "params": {"name": "a b"}, "query": {"x": "1", "y": "é"},
            "raw": "x=1&y=é", "header": "42", "missing": None, "host": "127.0.0.1", "client_host": "127.0.0.1",
            "port": client.socket.local_address[1], "states": ["connecting", False, "connected", True],
        }  # fmt: skip


# --- functions: paths


@pytest.mark.parametrize("spelling", ["/items/{number}/{word}", "/items/:number/:word"])
async def test_a1_c1_path_parameters_come_by_name_and_int_converts(serve: Serve, spelling: str) -> None:
    """Both spellings mean the same; an `int` annotation converts; a mismatch is 404 before the upgrade."""
    app = Gateway()

    @app.ws(spelling)
    async def item(ws: WebSocket, number: int, word: str) -> None:
        await ws.accept()
        await ws.send_json([number, word])

    server = await serve(app, settings())
    async with connect(server.ws("/items/42/x%2Fy")) as client:
        assert json.loads(await client.receive()) == [42, "x/y"]
    for path in ("/items/4x/y", "/items/42", "/items/42/y/z", "/nothing"):
        assert (await refused(server.ws(path)))[0] == 404


# --- functions: ends


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
    assert len(server.app.node.directory) == 0


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
    assert len(server.app.node.directory) == 0


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


class Recording(WebSocketEndpoint):
    """An endpoint that says what it is called with."""

    box: Box

    def on_disconnect(self, ws: WebSocket, code: int) -> None:
        self.box.put_nowait(("disconnected", code, id(self)))


@pytest.mark.parametrize(
    ("encoding", "sent", "wanted"),
    [
        ("json", '{"a":1}', {"a": 1}),
        ("text", "grüße", "grüße"),
        ("bytes", b"\x00", b"\x00"),
        ("bytes", "text", b"text"),
        (None, "text", "text"),
        (None, b"\x00", b"\x00"),
    ],
)
async def test_a8_encoding_decides_what_on_receive_gets(serve: Serve, encoding: Any, sent: Any, wanted: Any) -> None:
    """`json`, `text` and `bytes` convert; None passes what came."""
    app, box = Gateway(), Box()
    kind = encoding

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        encoding = kind

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            box.put_nowait(data)
            await ws.send("done")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send(sent)
        assert await client.receive() == "done"
    assert await out_of(box) == wanted


async def test_a8_on_connect_decides_and_otherwise_the_connection_is_accepted(serve: Serve) -> None:
    """Accepting in it, refusing, closing with 4000+, and doing nothing; sync and async alike."""
    app = Gateway()

    @app.ws("/{what}")
    class Door(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            what = ws.path_params["what"]
            if what == "accept":
                await ws.accept()
                await ws.send_text("first")
            elif what == "refuse":
                ws.refuse(401)
            elif what == "close":
                await ws.close(4003)

    @app.ws("/sync/door")
    class Sync(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            ws.accept()
            ws.send_text("sync")

    server = await serve(app, settings())
    async with connect(server.ws("/accept")) as client:
        assert await client.receive() == "first"
    async with connect(server.ws("/nothing")) as client:
        await client.close()
    async with connect(server.ws("/close")) as client:
        assert (await client.closed())[0] == 4003
    async with connect(server.ws("/sync/door")) as client:
        assert await client.receive() == "sync"
    assert (await refused(server.ws("/refuse")))[0] == 401


async def test_a8_rooms_of_raw_members(serve: Serve) -> None:
    """join, broadcast with and without exclude, members, leave: everybody in the room gets it, in one order."""
    app, box = Gateway(), Box()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        encoding = "json"

        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("r")
            await ws.accept()

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            if data == "leave":
                await self.leave("r")
                await ws.send("left")
            elif data == "who":
                await ws.send([one.id for one in await self.members("r")])
            else:
                self.broadcast(data["say"], "r", exclude=self.ws if data.get("not_me") else ())

    server = await serve(app, settings())
    url = server.ws("/")
    async with connect(url) as one, connect(url) as two, connect(url) as three:
        await one.send('"who"')
        assert json.loads(await one.receive()) == [one.id, two.id, three.id]
        await one.send('{"say":"hi"}')
        await one.send('{"say":{"n":1},"not_me":true}')
        assert [await one.receive()] == ["hi"]
        for other in (two, three):
            assert [await other.receive(), await other.receive()] == ["hi", '{"n":1}']
        await two.send('"leave"')
        assert await two.receive() == "left"
        await one.send('{"say":"bye"}')
        assert [await one.receive(), await three.receive()] == ["bye", "bye"]
        await two.send('"who"')
        assert json.loads(await two.receive()) == [one.id, three.id]
    assert box.empty()


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


async def test_a10_membership_ends_after_on_disconnect_returned(serve: Serve) -> None:
    """A broadcast in `on_disconnect` reaches the others, and `count - 1` is who is left."""
    app = Gateway()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("r")

        async def on_disconnect(self, ws: WebSocket, code: int) -> None:
            left = len(await self.members("r")) - 1
            await self.broadcast({"left": left}, "r")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as one, connect(server.ws("/")) as two, connect(server.ws("/")) as three:
        await two.close()
        assert [json.loads(await other.receive()) for other in (one, three)] == [{"left": 2}] * 2
        three.cut()
        assert json.loads(await one.receive()) == {"left": 1}
    await when(lambda: server.app.room("r").size == 0)


async def test_a_handler_that_waits_delays_no_broadcast_to_its_own_client(serve: Serve) -> None:
    """While `on_receive` waits, what the room says still arrives; later frames wait their turn, in order."""
    app, go = Gateway(), asyncio.Event()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("r")

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            if data == "wait":
                await go.wait()
            await ws.send_text(f"did {data}")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send("wait")
        await client.send("second")
        await server.app.room("r").broadcast("meanwhile")
        assert await client.receive() == "meanwhile"
        go.set()
        assert [await client.receive(), await client.receive()] == ["did wait", "did second"]


async def test_receive_inside_a_handler_takes_the_following_frames(serve: Serve) -> None:
    """What a handler receives itself does not become a message; the frame after it does."""
    app = Gateway()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, ws: WebSocket, data: str) -> None:
            if data == "two more":
                frames: list[Frame] = [await ws.receive(), await ws.receive()]
                data = "+".join(frame.text() for frame in frames)
            await ws.send_text(data)

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for text in ("one", "two more", "a", "b", "last"):
            await client.send(text)
        assert [await client.receive() for _ in range(3)] == ["one", "a+b", "last"]


async def test_raw_and_native_members_of_one_room_hear_the_same_in_one_order(serve: Serve) -> None:
    """Whoever publishes, raw, native or the app: all members get it in the same order, native ones with offsets."""
    app = Gateway()

    @app.ws("/raw")
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("public:mixed")

        def on_receive(self, ws: WebSocket, data: Any) -> None:
            ws.publish("public:mixed", data)

    each = 40
    server = await serve(app, settings(LIMITS__BURST="1000"))
    async with (
        connect(server.ws("/raw")) as raw_one,
        connect(server.ws("/raw")) as raw_two,
        connect(server.ws()) as native_one,
        connect(server.ws()) as native_two,
    ):
        for native in (native_one, native_two):
            await native.join("public:mixed")

        async def speak_raw(client: Client, name: str) -> None:
            for number in range(each):
                await client.send(f"{name}{number}")

        async def speak_native() -> None:
            for number in range(each):
                await native_one.say(action="publish", room="public:mixed", payload=f"n{number}", id=f"n{number}")

        async def speak_app() -> None:
            for number in range(each):
                await server.app.room("public:mixed").broadcast(f"a{number}")

        async with asyncio.TaskGroup() as group:
            for speaking in (speak_raw(raw_one, "x"), speak_raw(raw_two, "y"), speak_native(), speak_app()):
                group.create_task(speaking)
        events = [await native_two.event() for _ in range(4 * each)]
        order = [event["payload"] for event in events]
        assert [event["offset"] for event in events] == list(range(1, 4 * each + 1))
        for speaker in "xyna":
            assert [one for one in order if one[0] == speaker] == [f"{speaker}{n}" for n in range(each)]
        assert await native_one.payloads(4 * each) == order
        for raw in (raw_one, raw_two):
            heard = [await raw.receive() for _ in range(4 * each)]
            assert [_plain(one) for one in heard] == order


def _plain(data: str | bytes) -> Any:
    """A raw member gets a text as it is, and what came as JSON as JSON."""
    text = data if isinstance(data, str) else data.decode()
    return json.loads(text) if text.startswith('"') else text
