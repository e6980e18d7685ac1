"""Middleware around endpoints, through real sockets: its order, what it drops, answers, limits and refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import Gateway, Refused, WebSocket, WebSocketEndpoint
from gateway.application.router import WebSocketRouter
from gateway.endpoints.middleware import Authenticate, LimitRate
from gateway.events import ConnectionClosed
from tests.support.client import Box, connect, out_of, refused, settings, when
from tests.support.endpoints import by_name, echo
from tests.support.seeds import read as read_json

Serve = Any


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


@pytest.mark.parametrize("says_why", [True, False])
async def test_b5_who_is_accepted_on_the_way_and_not_let_in_is_not_served(serve: Serve, says_why: bool) -> None:
    """The endpoint has not begun, so no message of that client comes to it, and its connection ends."""
    app, ran = Gateway(), list[str]()

    @app.use
    async def by_password(ws: WebSocket, following: Any) -> None:
        await ws.accept()
        await ws.receive_text()
        if says_why:
            raise Refused("permission_denied")

    @app.ws("/vault")
    class Vault(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            ran.append(data)

    server = await serve(app)
    async with connect(server.ws("/vault")) as client:
        for said in ("please", "gold", "silver"):
            await client.send(said)
        if says_why:
            assert json.loads(str(await client.receive()))["error"]["reason"] == "permission_denied"
        assert await client.closed() == (1000, "")
    assert ran == []
