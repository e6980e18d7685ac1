"""Hooks of an app, through real sockets: when each comes, how often, and what keeps a socket after an error."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import ConnectionState, Gateway, WebSocket, WebSocketEndpoint
from tests.support.client import Box, connect, out_of, refused, settings, when
from tests.support.endpoints import echo
from tests.support.seeds import read as read_json

Serve = Any


# --- connect, disconnect, message, error


def hooked(box: Box) -> Gateway:
    """An app that tells every hook to the box, with endpoints of both kinds that fail on demand."""
    app = Gateway()

    @app.on_connect
    async def connected(ws: WebSocket) -> None:
        box.put_nowait(("connected", ws.state))

    @app.on_disconnect
    async def disconnected(ws: WebSocket, code: int) -> None:
        box.put_nowait(("disconnected", code))

    @app.ws("/function")
    async def function(ws: WebSocket) -> None:
        if "refuse" in ws.query_params:
            ws.refuse(418)
            return
        await ws.accept()
        async for frame in ws:
            if frame.data == "crash":
                raise ValueError(frame.data)
            if frame.data == "close":
                return

    @app.ws("/class")
    class Endpoint(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            if "refuse" in ws.query_params:
                ws.refuse(418)

        def on_receive(self, ws: WebSocket, data: Any) -> None:
            if data == "crash":
                raise ValueError(data)
            if data == "close":
                ws.close()

    return app


@pytest.mark.parametrize("kind", ["function", "class"])
@pytest.mark.parametrize(("end", "code"), [("crash", 1011), ("close", 1000), ("client", 4444), ("cut", 1006)])
async def test_b6_connect_and_disconnect_come_once_each_however_it_ends(
    serve: Serve, kind: str, end: str, code: int
) -> None:
    """In pairs, for endpoints of both kinds, also after a crash."""
    box = Box()
    server = await serve(lambda: hooked(box), settings())
    async with connect(server.ws(f"/{kind}")) as client:
        assert await out_of(box) == ("connected", ConnectionState.CONNECTED)
        if end == "client":
            await client.close(4444)
        elif end == "cut":
            client.cut()
        else:
            await client.send(end)
        assert await out_of(box) == ("disconnected", code)
    await when(lambda: len(server.app.node.directory) == 0)
    await server.stop()
    assert box.empty()


@pytest.mark.parametrize("kind", ["function", "class"])
async def test_b6_who_was_not_accepted_neither_connects_nor_disconnects(serve: Serve, kind: str) -> None:
    """The two hooks come in pairs or not at all."""
    box = Box()
    server = await serve(lambda: hooked(box), settings())
    assert (await refused(server.ws(f"/{kind}?refuse=1")))[0] == 418
    await server.stop()
    assert box.empty()


@pytest.mark.parametrize("kind", ["function", "class"])
async def test_b6_on_stop_of_the_gateway_everybody_disconnects_once(serve: Serve, kind: str) -> None:
    """Also without a drain."""
    box = Box()
    server = await serve(lambda: hooked(box), settings())
    async with connect(server.ws(f"/{kind}")):
        await out_of(box)
        await server.stop()
        name, code = await out_of(box)
    assert (name, box.empty()) == ("disconnected", True)
    assert code in (1001, 1012, 1006)


async def test_b6_on_message_comes_before_the_endpoint_gets_it(serve: Serve) -> None:
    """For functions and classes alike; in order; with what the encoding makes of it."""
    app, box = Gateway(), Box()

    @app.on_message
    async def seen(ws: WebSocket, message: Any) -> None:
        box.put_nowait(("hook", message))

    @app.ws("/function", encoding="json")
    async def function(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            box.put_nowait(("endpoint", frame.data))

    @app.ws("/class")
    class Endpoint(WebSocketEndpoint):
        encoding = "json"

        def on_receive(self, ws: WebSocket, data: Any) -> None:
            box.put_nowait(("endpoint", json.dumps(data)))

    server = await serve(app, settings())
    for path in ("/function", "/class"):
        async with connect(server.ws(path)) as client:
            await client.send("1")
            await client.send("2")
            got = [await out_of(box) for _ in range(4)]
        assert got == [("hook", 1), ("endpoint", "1"), ("hook", 2), ("endpoint", "2")]


async def test_b6_on_error_that_returns_keeps_the_socket(serve: Serve) -> None:
    """The endpoint's own comes first; the app's gets what that raises; raising closes with 1011."""
    app, box = Gateway(), Box()

    @app.on_error
    async def failed(ws: WebSocket, error: Exception) -> None:
        box.put_nowait(("app", str(error)))
        if str(error) == "fatal":
            raise error

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        encoding = "text"

        def on_receive(self, ws: WebSocket, data: str) -> None:
            raise ValueError(data)

        async def on_error(self, ws: WebSocket, error: Exception) -> None:
            if str(error) != "mine":
                raise error
            await ws.send("kept")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send("mine")
        assert await client.receive() == "kept"
        await client.send("yours")
        assert await out_of(box) == ("app", "yours")
        await client.send("mine")
        assert await client.receive() == "kept"
        await client.send("fatal")
        assert (await client.closed())[0] == 1011
    assert await out_of(box) == ("app", "fatal")


async def test_b6_on_error_of_a_function_is_told_once_and_the_socket_closes(serve: Serve) -> None:
    """A function that has raised is over: returning from `on_error` does not bring it back."""
    app, box = Gateway(), Box()

    @app.on_error
    def failed(ws: WebSocket, error: Exception) -> None:
        box.put_nowait(str(error))

    @app.ws("/")
    async def fragile(ws: WebSocket) -> None:
        await ws.accept()
        raise ValueError(await ws.receive_text())

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send("boom")
        assert (await client.closed())[0] == 1011
    assert (await out_of(box), box.empty()) == ("boom", True)


async def test_b6_an_on_connect_that_raises_closes_with_1011_and_still_disconnects(serve: Serve) -> None:
    """It is a failure of the app like any other."""
    app, box = Gateway(), Box()

    @app.on_connect
    def connected(ws: WebSocket) -> None:
        raise ValueError("no")

    @app.on_disconnect
    def disconnected(ws: WebSocket) -> None:
        box.put_nowait("disconnected")

    app.ws("/function")(echo)

    @app.ws("/class")
    class Endpoint(WebSocketEndpoint):
        pass

    server = await serve(app, settings())
    for path in ("/function", "/class"):
        async with connect(server.ws(path)) as client:
            assert (await client.closed())[0] == 1011
        assert await out_of(box) == "disconnected"
    assert box.empty()


# --- functions per message


@pytest.mark.parametrize("is_async", [False, True])
async def test_e2_a_plain_function_is_called_for_each_message(serve: Serve, is_async: bool) -> None:
    """`(session, message)`, one at a time, in order; `send` works from it; `on_disconnect` of that path alone."""
    app, box = Gateway(), Box()

    def act(session: WebSocket, message: str) -> None:
        data = json.loads(message)
        if data["action"] == "join_room":
            session.join(data["room"])
            session.send({"status": "joined", "room": data["room"]})
        else:
            session.send(message)

    if is_async:

        @app.on_message("/ws")
        async def handle(session: WebSocket, message: str) -> None:
            act(session, message)
    else:
        app.on_message("/ws")(act)

    @app.on_disconnect("/ws")
    async def gone(session: WebSocket) -> None:
        session.leave_all()
        session.unsubscribe_all()
        box.put_nowait(session.path)

    app.ws("/other")(echo)
    server = await serve(app, settings())
    async with connect(server.ws("/other")) as client:
        await client.close()
    async with connect(server.ws("/ws")) as client:
        await client.send('{"action":"join_room","room":"general"}')
        assert await read_json(client) == {"status": "joined", "room": "general"}
        await when(lambda: server.app.room("general").size == 1)
        await client.send('{"action":"x"}')
        assert await client.receive() == '{"action":"x"}'
        await client.close()
    assert (await out_of(box), box.empty()) == ("/ws", True)
    await when(lambda: server.app.room("general").size == 0)


async def test_a5_invalid_json_for_a_class_is_answered_and_the_connection_stays(serve: Serve) -> None:
    """What is no JSON, or no text, is the client's mistake: no crash, an answer, and the next message is taken."""
    app = Gateway()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        encoding = "json"

        def on_receive(self, ws: WebSocket, data: Any) -> None:
            ws.send({"got": data})

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for data in ("{", b"\xff\xfe", "[" * 5000, '"x"'):
            await client.send(data)
        replies = [await read_json(client) for _ in range(4)]
    assert [reply["error"]["reason"] for reply in replies[:3]] == ["bad_request"] * 3
    assert replies[3] == {"got": "x"}


async def test_a5_invalid_json_before_a_function_is_answered_too(serve: Serve) -> None:
    """Where `on_message` wants JSON, what is none goes no further than the answer."""
    app, box = Gateway(), Box()

    @app.on_message
    def seen(ws: WebSocket, message: Any) -> None:
        box.put_nowait(message)

    app.ws("/", encoding="json")(echo)
    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for data in ("{", b"\xff", "[1]"):
            await client.send(data)
        assert [(await read_json(client))["error"]["reason"] for _ in range(2)] == ["bad_request"] * 2
        assert await read_json(client) == [1]
    assert (await out_of(box), box.empty()) == ([1], True)


async def test_a_message_comes_to_a_class_when_every_on_connect_has_returned(serve: Serve) -> None:
    """However long these take, and however soon the client speaks."""
    app, box, may_go = Gateway(), Box(), asyncio.Event()

    @app.on_connect
    async def look_up(ws: WebSocket) -> None:
        await may_go.wait()
        box.put_nowait("connected")

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: object) -> None:
            box.put_nowait(data)

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send("early")
        machine = next(iter(server.app.node.directory.refs()))._actor
        await when(lambda: machine.view().received == 1)
        assert box.empty()
        may_go.set()
        assert [await out_of(box), await out_of(box)] == ["connected", "early"]
