"""The connections of an app, through real sockets: found by id, sent to, closed, expired; what they are members of."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import ConnectionState, Gateway, Principal, WebSocket, WebSocketDisconnect
from tests.support.client import Box, connect, out_of, settings, when
from tests.support.endpoints import by_name
from tests.support.seeds import at
from tests.support.seeds import read as read_json

Serve = Any


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
        assert app.connections.of("ada") == app.connections.of(handle.principal) == [handle]
        for look in (app.connections.of, app.connections.recent):
            with pytest.raises(TypeError, match="give a principal, or its id"):
                look(handle)
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
        assert app.connections.recent(principal="bob") == app.connections.recent(Principal("bob")) == []
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
