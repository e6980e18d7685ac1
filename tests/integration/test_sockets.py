"""What surrounds endpoints, through real sockets: routers, middleware, hooks, expiry, heartbeats, HTTP beside them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import ClientSession, web

from gateway import (
    ConnectionState,
    Gateway,
    HeartbeatConfig,
    Principal,
    Refused,
    WebSocket,
    WebSocketDisconnect,
    WebSocketEndpoint,
)
from gateway.events import ConnectionClosed
from gateway.middleware import Authenticate, LimitRate
from gateway.permissions import IsAuthenticated
from gateway.router import WebSocketRouter
from tests.support.client import Box, Client, connect, out_of, refused, settings, when
from tests.support.process import ROOT, Process, free_ports
from tests.support.raw_client import CLOSE, PATIENCE, TEXT, RawClient
from tests.support.raw_client import frame as client_frame
from tests.support.seeds import at

Serve = Any


async def read_json(client: Client) -> Any:
    return json.loads(await client.receive())


async def by_name(handshake: Any) -> Principal | None:
    """Whoever sends a header `X-Name` is that."""
    name = handshake.headers.get("X-Name")
    return None if name is None else Principal(name)


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for frame in ws:
        await ws.send(frame.data)


# --- routers


async def test_a1_a_router_is_mounted_before_it_is_filled(serve: Serve) -> None:
    """Its routes are found under the prefix, with path parameters in both spellings; a mismatch is 404."""
    app, outer, inner = Gateway(), WebSocketRouter(), WebSocketRouter()
    app.mount(outer, prefix="/v1")
    outer.mount(inner, prefix="/{tenant}")

    @inner.route("/room/:number")
    async def room(ws: WebSocket, tenant: str, number: int) -> None:
        await ws.accept()
        await ws.send_json([tenant, number, dict(ws.path_params)])

    outer.add_route("/echo", echo)
    server = await serve(app, settings())
    async with connect(server.ws("/v1/acme/room/7")) as client:
        assert await read_json(client) == ["acme", 7, {"tenant": "acme", "number": "7"}]
    async with connect(server.ws("/v1/echo")) as client:
        await client.send("x")
        assert await client.receive() == "x"
    for path in ("/v1/acme/room/seven", "/acme/room/7", "/v1/room/7", "/echo"):
        assert (await refused(server.ws(path)))[0] == 404


# --- middleware


async def test_b5_middleware_is_passed_outermost_first_and_in_reverse_on_the_way_back(serve: Serve) -> None:
    """App, router, endpoint, around the connect and around each message."""
    app, router, box = Gateway(), WebSocketRouter(), Box()

    class Traced:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __call__(self, ws: WebSocket, following: Any) -> None:
            box.put_nowait(f"{self.name} connects")
            await following(ws)

        async def message(self, ws: WebSocket, message: Any, following: Any) -> None:
            box.put_nowait(f"{self.name} before {message.text()}")
            await following(ws, message)
            box.put_nowait(f"{self.name} after")

    app.use(Traced("app"))
    router.use(Traced("router"))
    app.mount(router)

    @router.route("/", middleware=[Traced("endpoint")])
    class Endpoint(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            box.put_nowait("on_connect")

        def on_receive(self, ws: WebSocket, data: Any) -> None:
            box.put_nowait("on_receive")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        await client.send("x")
        seen = [await out_of(box) for _ in range(11)]
    assert seen == [
        "app connects", "router connects", "endpoint connects", "on_connect",
        "app before x", "router before x", "endpoint before x", "on_receive",
        "endpoint after", "router after", "app after",
    ]  # fmt: skip


async def test_b5_middleware_stands_before_what_a_function_receives(serve: Serve) -> None:
    """It may drop, change and answer messages; a `receive` that times out meanwhile loses none of them."""
    app, box, go = Gateway(), Box(), asyncio.Event()

    class Filter:
        async def message(self, ws: WebSocket, message: Any, following: Any) -> None:
            if message.text() == "slow":
                await go.wait()
            if message.text() == "bad":
                raise Refused("bad_request", "not here")
            if message.text() != "drop":
                await following(ws, message)

    @app.ws("/", middleware=[Filter()])
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        assert await ws.receive_text() == "one"
        with pytest.raises(TimeoutError):
            await ws.receive_text(timeout=0.01)
        go.set()
        async for frame in ws:
            box.put_nowait(frame.text())
        box.put_nowait("end")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for text in ("drop", "one", "slow", "drop", "bad", "last"):
            await client.send(text)
        assert (await read_json(client))["error"]["message"] == "not here"
        assert [await out_of(box), await out_of(box)] == ["slow", "last"]
        await client.close()
    assert await out_of(box) == "end"


async def test_b5_who_is_not_authenticated_is_closed_with_4001(serve: Serve) -> None:
    """`Authenticate` upgrades and closes with 4001, which a page can read; who is known comes in under its name."""
    app = Gateway()

    @app.ws("/", middleware=[Authenticate(by_name)])
    async def hello(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as client:
        assert await client.closed() == (4001, "not authenticated")
    async with connect(server.ws("/"), headers={"X-Name": "ada"}) as client:
        assert await client.receive() == "ada"
    await when(lambda: len(facts) == 2)
    assert [fact.principal for fact in facts] == ["", "ada"]


@pytest.mark.parametrize("kind", ["function", "class"])
async def test_b8_each_message_too_many_is_answered_and_the_tenth_closes(serve: Serve, kind: str) -> None:
    """100 a minute are taken; the answer says when to come again; the tenth excess closes with 4002."""
    app, box = Gateway(middleware=[LimitRate(messages=100, per=60)]), Box()

    @app.ws("/function")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            box.put_nowait(frame.text())

    @app.ws("/class")
    class Endpoint(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            box.put_nowait(data)

    server = await serve(app, settings(LIMITS__BURST="1000"))
    async with connect(server.ws(f"/{kind}")) as client, connect(server.ws(f"/{kind}")) as other:
        for number in range(110):
            await client.send(str(number))
        errors = [(await read_json(client))["error"] for _ in range(10)]
        assert (await client.closed())[0] == 4002
        assert [await out_of(box) for _ in range(100)] == [str(number) for number in range(100)]
        await other.send("other")
        assert await out_of(box) == "other"
    assert {error["reason"] for error in errors} == {"too_many_requests"}
    assert all(0 < error["retry_after"] <= 60 for error in errors)


async def test_b5_a_middleware_that_does_not_go_on_refuses(serve: Serve) -> None:
    """Without a word 403; `refuse` with its status; what it raises before the accept is 500."""
    app = Gateway()

    @app.middleware
    async def door(ws: WebSocket, following: Any) -> None:
        match ws.query_params.get("how"):
            case "refuse":
                ws.refuse(429)
            case "raise":
                raise ValueError("secret")
            case None:
                await following(ws)

    app.ws("/function")(echo)

    @app.ws("/class")
    class Endpoint(WebSocketEndpoint):
        pass

    server = await serve(app, settings())
    for kind in ("function", "class"):
        statuses = [(await refused(server.ws(f"/{kind}?how={how}")))[0] for how in ("nothing", "refuse", "raise")]
        assert statuses == [403, 429, 500]
        async with connect(server.ws(f"/{kind}")) as client:
            await client.close()
    await when(lambda: len(server.app.node.directory) == 0)


# --- who may


async def test_d2_permissions_are_asked_before_the_upgrade(serve: Serve) -> None:
    """401 for who is nobody, 403 for who may not; the principal is there in `on_connect` and in facts."""
    router = WebSocketRouter(permissions=[IsAuthenticated()])
    app = Gateway(authenticators=[by_name])

    @router.ws("/door", permissions=[lambda ws: ws.principal.id != "eve"])
    class Door(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await ws.accept()
            await ws.send(self.principal.id)

    app.mount(router)
    app.ws("/open")(echo)
    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    assert (await refused(server.ws("/door")))[0] == 401
    assert (await refused(server.ws("/door"), headers={"X-Name": "eve"}))[0] == 403
    async with connect(server.ws("/door"), headers={"X-Name": "ada"}) as client:
        assert await client.receive() == "ada"
        assert server.app.connections[client.id].principal.id == "ada"
    await when(lambda: len(facts) == 1)
    assert facts[0].principal == "ada"
    async with connect(server.ws("/open")) as client:
        await client.send("x")
        assert await client.receive() == "x"


# --- hooks


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


async def test_a_token_of_the_configured_secret_says_who_is_at_an_endpoint(serve: Serve) -> None:
    """Where the app has no authenticators; one that is not ours is 401."""
    app, secret = Gateway(), "0123456789abcdef0123456789abcdef"

    @app.ws("/")
    async def tell(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    server = await serve(app, settings(AUTH__JWT_SECRET=secret))
    good, bad = (jwt.encode({"sub": "ada"}, key, "HS256") for key in (secret, secret[::-1]))
    async with connect(server.ws("/"), headers={"Authorization": f"Bearer {good}"}) as client:
        assert await client.receive() == "ada"
    async with connect(server.ws("/")) as client:
        assert await client.receive() == ""
    assert (await refused(server.ws("/"), headers={"Authorization": f"Bearer {bad}"}))[0] == 401


# --- time


async def test_a6_a_connection_expires(gateway: Serve) -> None:
    """4003 after `expires` seconds, whoever it is; `ws` says when; without it there is no end."""
    app, box = Gateway(), Box()

    @app.ws("/short", expires=60, encoding="text")
    async def short(ws: WebSocket) -> None:
        await ws.accept()
        box.put_nowait((ws.expires, ws.expires_at == ws.created + 60, ws.encoding))
        try:
            await ws.receive()
        except WebSocketDisconnect as error:
            box.put_nowait(error.code)

    @app.ws("/long")
    async def long(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([ws.expires, ws.expires_at, ws.encoding])
        await ws.receive()

    async with gateway(app) as server, connect(at(server, "/long")) as stays, connect(at(server, "/short")) as client:
        assert await read_json(stays) == [None, None, None]
        assert await out_of(box) == (60, True, "text")
        await server.clock.advance(58)
        assert len(server.app.connections) == 2
        await server.clock.advance(4)
        assert (await client.closed())[0] == 4003
        assert await out_of(box) == 4003
        assert server.app.connections[stays.id].path == "/long"


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


# --- memberships


async def test_e4_e6_leave_all_and_unsubscribe_all(serve: Serve) -> None:
    """Each leaves what was joined under its word; also what was joined at the call before, which nobody awaited."""
    app = Gateway()

    @app.ws("/")
    async def member(ws: WebSocket) -> None:
        await ws.accept()
        ws.join("one")
        ws.join("two")
        ws.subscribe("news")
        await ws.leave_all()
        await ws.send_json([app.room(name).size for name in ("one", "two", "news")])
        await ws.unsubscribe_all()
        await ws.leave_all()
        await ws.send_json([app.room(name).size for name in ("one", "two", "news")])
        await ws.receive()

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        assert await read_json(client) == [0, 0, 1]
        assert await read_json(client) == [0, 0, 0]


# --- the connections of an app


async def test_a9_b4_connections_by_id(serve: Serve) -> None:
    """A mapping of those that are open: send to one, close it, see who it is and where; then it is gone."""
    app = Gateway(authenticators=[by_name])

    @app.ws("/{room}")
    async def join(ws: WebSocket, room: str) -> None:
        await ws.accept()
        await ws.join(room)
        await ws.send_text("joined")
        await ws.receive()

    server = await serve(app, settings())
    async with (
        connect(server.ws("/a"), headers={"X-Name": "ada"}) as ada,
        connect(server.ws("/b")) as other,
    ):
        assert [await ada.receive(), await other.receive()] == ["joined", "joined"]
        assert sorted(app.connections) == sorted([ada.id, other.id])
        assert set(app.rooms.names()) == {"a", "b"}
        handle = app.connections[ada.id]
        assert (handle.principal.id, handle.topics, handle.path, handle.id) == ("ada", ("a",), "/a", ada.id)
        assert app.connections.of("ada") == [handle]
        await handle.send({"private": 1})
        assert await read_json(ada) == {"private": 1}
        handle.send("text")
        handle.close(4444, "enough")
        assert await ada.receive() == "text"
        assert await ada.closed() == (4444, "enough")
        await when(lambda: len(app.connections) == 1)
        assert ada.id not in app.connections
        assert app.connections.get(ada.id) is None
        with pytest.raises(WebSocketDisconnect):
            await handle.send("too late")
        await handle.close()
        await when(lambda: len(app.connections.recent()) == 1)
        assert [(fact.connection, fact.code) for fact in app.connections.recent(principal="ada")] == [(ada.id, 4444)]
        assert app.connections.recent(principal="bob") == []
        with pytest.raises(ValueError, match="could not close"):
            app.close_all(1005)
        assert await app.close_all(4001, "all") == 1
        assert await other.closed() == (4001, "all")
    await when(lambda: len(app.connections) == 0)


async def test_a9_a_native_connection_is_reached_as_well(serve: Serve) -> None:
    """What belongs to no topic is said as the wire says it."""
    app = Gateway()
    server = await serve(app, settings())
    async with connect(server.ws()) as client:
        await client.join("public:x")
        assert app.connections[client.id].topics == ("public:x",)
        await app.connections[client.id].send({"private": 1})
        assert (await client.next())["payload"] == {"private": 1}


async def test_a9_clear_history_forgets_what_every_topic_keeps(serve: Serve) -> None:
    """Positions go on, so nobody takes the hole for the whole."""
    app = Gateway()
    server = await serve(app, settings())
    for name in ("public:a", "public:b"):
        await app.room(name).broadcast("x")
        assert len((await app.room(name).history()).entries) == 1
    await server.app.clear_history()
    for name in ("public:a", "public:b"):
        read = await app.room(name).history()
        assert (read.entries, read.position.offset) == ((), 1)


async def test_c7_a_connection_that_drains_is_disconnecting(serve: Serve) -> None:
    """From the begin of the close what is sent is refused with its code; what was sent before arrives."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def busy(ws: WebSocket) -> None:
        await ws.accept()
        box.put_nowait(ws)
        try:
            await ws.receive()
        finally:
            box.put_nowait(ws.state)

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        ws: WebSocket = await out_of(box)
        ws.send_text("last")
        app.connections[client.id].close(4321, "drained")
        await when(lambda: ws.state is not ConnectionState.CONNECTED)
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.send_text("more")
        assert (caught.value.code, caught.value.reason) == (4321, "drained")
        assert await client.receive() == "last"
        assert (await client.closed())[0] == 4321
        assert await out_of(box) is ConnectionState.DISCONNECTED


# --- HTTP beside the sockets


async def test_e9_http_routes_stand_beside_sockets(serve: Serve) -> None:
    """`app.http` is aiohttp's; other paths are endpoints still; title and version are there to be told."""
    app = Gateway(title="WebSocket Demo", version="1.0.0")

    @app.http.get("/about")
    async def about(request: web.Request) -> web.Response:
        return web.json_response({"title": app.title, "version": app.version})

    @app.http.post("/news/{room}")
    async def news(request: web.Request) -> web.Response:
        await app.room(request.match_info["room"]).broadcast(await request.json())
        return web.Response(status=204)

    @app.ws("/news")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("sport")
        await ws.send_text("ready")
        await ws.receive()

    server = await serve(app, settings())
    async with ClientSession() as http, connect(server.ws("/news")) as client:
        assert await client.receive() == "ready"
        assert await (await http.get(server.url + "/about")).json() == {"title": "WebSocket Demo", "version": "1.0.0"}
        assert (await http.post(server.url + "/news/sport", json={"n": 1})).status == 204
        assert await read_json(client) == {"n": 1}
        assert (await http.get(server.url + "/nothing")).status == 404


async def test_e9_mounted_into_an_application_it_lives_and_ends_with_it(actor_loop: Any) -> None:
    """The application's own routes go first, also those declared later; sockets work; its cleanup ends the gateway."""
    app, application = Gateway(settings=settings(ADMIN__LISTEN="off")), web.Application()
    app.ws("/sockets/{name}")(hello)
    app.mount_into(application)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="page of " + request.match_info["name"])

    application.router.add_get("/pages/{name}", page)
    application.router.add_get("/{name}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as http, connect(f"ws://127.0.0.1:{port}/sockets/x") as client:
        assert await client.receive() == "hello x"
        assert await (await http.get(f"http://127.0.0.1:{port}/pages/y")).text() == "page of y"
        assert await (await http.get(f"http://127.0.0.1:{port}/z")).text() == "page of z"
        assert (await http.post(f"http://127.0.0.1:{port}/sockets/x")).status == 405
        assert len(app.connections) == 1
        async with asyncio.timeout(PATIENCE):
            cleaning = asyncio.ensure_future(runner.cleanup())
            assert (await client.closed())[0] == 1012
            await cleaning
    with pytest.raises(RuntimeError, match="not running"):
        _ = app.node


async def hello(ws: WebSocket, name: str) -> None:
    await ws.accept()
    await ws.send_text(f"hello {name}")
    await ws.receive()


PROGRAM = """
from gateway import Gateway, WebSocket

app = Gateway(title="program")

@app.ws("/echo")
async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for frame in ws:
        await ws.send_text(frame.text().upper())

raise SystemExit(app.run(host="127.0.0.1", port=PORT, config="program.toml"))
"""


@pytest.mark.slow
async def test_c9_a_program_runs_its_gateway_with_a_file(serve: Serve, tmp_path: Path) -> None:
    """`app.run` blocks, obeys the file and goes before it with what it is given, and returns the exit code."""
    port = free_ports()
    (tmp_path / "program.py").write_text(PROGRAM.replace("PORT", str(port)))
    (tmp_path / "program.toml").write_text('[gateway]\nport = 1\n[gateway.limits]\nmax_message = "10B"\n')
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", cwd=tmp_path, env=environ, stderr=asyncio.subprocess.PIPE
    )
    process = Process(child, port)
    try:
        await process.line_with("program is listening at")
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("hello")
            assert await client.receive() == "HELLO"
            await client.send("more than ten bytes")
            assert (await client.closed())[0] == 1009
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    finally:
        await process.kill()
