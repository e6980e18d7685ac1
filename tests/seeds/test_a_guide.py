"""Document A: its examples, over real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actors.events import ActorFailed
from examples.seeds import (
    a_basic,
    a_chat_room,
    a_details,
    a_errors,
    a_lifecycle,
    a_message_types,
    a_room_class,
    a_room_function,
    a_room_management,
)
from gateway import Gateway, WebSocket, WebSocketEndpoint, WebSocketRouter
from gateway.events import ConnectionClosed
from gateway.reasons import NotAccepted
from tests.support.client import connect, refused, when
from tests.support.seeds import at, printed, read, say

if TYPE_CHECKING:
    from tests.support.seeds import Serve


async def test_a1_an_endpoint_of_a_mounted_router_answers(gateway: Serve) -> None:
    """What the guide's first example receives comes back with its words around it."""
    async with gateway(a_basic.app) as server, connect(at(server, "/ws")) as client:
        await client.send("hello")
        assert await client.receive() == "You said: hello"
        assert (await refused(at(server, "/elsewhere")))[0] == 404


async def test_a1_path_parameters_are_arguments_and_a_mismatch_is_404(gateway: Serve) -> None:
    """By name, under a router's prefix; `int` converts, and what does not convert is never upgraded."""
    app, router = Gateway(), WebSocketRouter()
    app.mount(router, prefix="/v1")

    @router.route("/room/{name}/{number}")
    async def room(ws: WebSocket, name: str, number: int) -> None:
        await ws.accept()
        await ws.send_json([name, number])

    async with gateway(app) as server:
        async with connect(at(server, "/v1/room/blue/7")) as client:
            assert await read(client) == ["blue", 7]
        assert (await refused(at(server, "/v1/room/blue/seven")))[0] == 404


async def test_a2_text_bytes_and_json(gateway: Serve) -> None:
    """Each goes in and out as its kind of frame."""
    async with gateway(a_message_types.app) as server, connect(at(server, "/types")) as client:
        await client.send("text")
        assert await client.receive() == "Response message"
        await client.send(b"\x00\xff")
        assert await client.receive() == b"Response bytes"
        await client.send("[1]")
        assert await read(client) == {"response": "data", "status": "success"}


async def test_a2_the_connection_must_be_accepted_first(gateway: Serve) -> None:
    """Before that, both directions raise an error that says so."""
    app, errors = Gateway(), []

    @app.ws("/")
    async def hasty(ws: WebSocket) -> None:
        with pytest.raises(NotAccepted, match="must accept first") as sending:
            await ws.send_text("x")
        with pytest.raises(NotAccepted, match="must accept first") as receiving:
            await ws.receive_text()
        errors.extend([sending.value.act, receiving.value.act])
        await ws.accept()

    async with gateway(app) as server, connect(at(server, "/")) as client:
        assert await client.closed() == (1000, "")
    assert errors == ["send_text", "receive"]


async def test_a3_a_disconnect_is_raised_and_the_clean_up_runs(
    gateway: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """`WebSocketDisconnect` ends the loop; `close()` in the `finally` of a socket that is gone does nothing."""
    async with gateway(a_lifecycle.app) as server:
        async with connect(at(server, "/chat")) as client:
            await say(client, {"n": 1})
            assert await read(client) == {"processed": {"n": 1}}
            await client.close(4321, "bye")
        closed = await server.wait_for(ConnectionClosed)
    assert printed(capsys) == ["Client disconnected"]
    assert (closed.code, closed.reason, closed.ended_by) == (4321, "bye", "client")


@pytest.mark.parametrize(
    ("app", "path", "room"),
    [(a_chat_room.app, "/chat/7", "7"), (a_room_class.app, "/chat/7", "7"), (a_room_function.app, "/room/7", "7")],
    ids=["chat room", "class", "function"],
)
async def test_a3_a_gateway_that_stops_is_no_failure_of_the_clean_up(
    gateway: Serve, app: Gateway, path: str, room: str
) -> None:
    """Leaves are recorded then, not announced: what `on_disconnect` or a `finally` wants to say is quietly too late."""
    async with gateway(app) as server, connect(at(server, path)) as client:
        await when(lambda: server.app.room(room).size == 1)
        draining = asyncio.ensure_future(server.app.drain())
        await server.clock.advance(20)
        assert (await client.closed())[0] == 1012
        await draining
        assert server.facts[ActorFailed] == []
        assert len(server.facts[ConnectionClosed]) == 1


async def test_a4_who_is_there_and_what_was_asked_for(gateway: Serve) -> None:
    """Host and port, headers, query string, path parameters."""
    async with gateway(a_details.app) as server:
        async with connect(at(server, "/ws/blue?x=1&y=2"), headers={"X-Colour": "grün"}) as client:
            told = await read(client)
            port = client.socket.local_address[1]
        assert (told["ip"], told["port"]) == ("127.0.0.1", port)
        assert (told["query"], told["room_id"]) == ("x=1&y=2", "blue")
        assert {name.lower(): value for name, value in told["headers"].items()}["upgrade"] == "websocket"
        async with connect(at(server, "/info")) as client:
            assert (await read(client))["room_id"] is None


async def test_a5_invalid_json_is_answered_and_the_connection_stays(gateway: Serve) -> None:
    """As the example answers it; the next message is taken."""
    async with gateway(a_errors.app) as server, connect(at(server, "/safe")) as client:
        for wrong in ("{", b"\xff\xfe", "NaN"):
            await client.send(wrong)
            assert await read(client) == {"status": "error", "message": "Invalid JSON"}
        await say(client, [1])
        assert await read(client) == {"status": "success", "data": [1]}


async def test_a5_an_unexpected_error_closes_with_1011_and_nobody_else_notices(gateway: Serve) -> None:
    """The endpoint that raised loses its own client alone, who learns nothing of the error's words."""
    app = Gateway()

    @app.ws("/")
    async def fragile(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            await ws.send_text(str(1 / int(frame.text())))

    async with gateway(app) as server, connect(at(server, "/")) as one, connect(at(server, "/")) as other:
        await one.send("0")
        assert await one.closed() == (1011, "internal server error")
        await other.send("1")
        assert await other.receive() == "1.0"


@pytest.mark.parametrize(("sent", "words"), [("{", "no JSON: "), (b"\xff", "no text: byte 0 is no UTF-8")])
async def test_a5_what_the_client_sent_wrongly_is_no_crash(gateway: Serve, sent: str | bytes, words: str) -> None:
    """Where a function lets it escape, its client is closed with 1007; no `on_error`, no failed actor, no traceback."""
    app, errors = Gateway(), []
    app.on_error(lambda ws, error: errors.append(error))

    @app.ws("/")
    async def careless(ws: WebSocket) -> None:
        await ws.accept()
        await (ws.receive_json() if isinstance(sent, str) else ws.receive_text())

    async with gateway(app) as server:
        async with connect(at(server, "/")) as client:
            await client.send(sent)
            code, reason = await client.closed()
        closed = await server.wait_for(ConnectionClosed)
        assert (closed.code, closed.reason, closed.ended_by) == (1007, reason, "client")
        assert server.facts[ActorFailed] == errors == []
    assert code == 1007
    assert reason.startswith(words)


@pytest.mark.parametrize("kind", ["handler", "hook"])
async def test_a5_no_text_for_a_class_is_answered(gateway: Serve, kind: str) -> None:
    """Also where a handler receives itself, or a hook wants text; the next message is taken."""
    app = Gateway()
    if kind == "hook":
        app.on_message(lambda ws, message: None)

    @app.ws("/")
    class Reads(WebSocketEndpoint):
        encoding = "text" if kind == "hook" else None

        async def on_receive(self, ws: WebSocket, data: str | bytes) -> None:
            await ws.send(data if kind == "hook" else await ws.receive_text())

    async with gateway(app) as server, connect(at(server, "/")) as client:
        for frame in ("go", b"\xff") if kind == "handler" else (b"\xff",):
            await client.send(frame)
        assert (await read(client))["error"]["message"] == "the message is no text: byte 0 is no UTF-8"
        for frame in ("go", "fine") if kind == "handler" else ("fine",):
            await client.send(frame)
        assert await client.receive() == "fine"


async def test_a6_a_connection_expires_after_its_hour(gateway: Serve) -> None:
    """Not before, and with 4003; who has no `expires` stays."""
    app = Gateway()

    @app.ws("/forever", encoding="text")
    async def forever(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([ws.expires, ws.expires_at, ws.encoding])
        await ws.receive()

    async with (
        gateway(app) as server,
        gateway(a_room_function.app) as other,
        connect(at(server, "/forever"), ping_interval=None) as stays,
        connect(at(other, "/room/a"), ping_interval=None) as client,
    ):
        assert await read(stays) == [None, None, "text"]
        await server.clock.advance(3590)
        assert len(other.app.connections) == 1
        await server.clock.advance(15)
        assert (await client.closed())[0] == 4003
        assert stays.id in server.app.connections


async def test_a7_a_group_is_joined_and_sent_to_with_history(gateway: Serve) -> None:
    """Everybody in the room gets it, the sender too; what is saved is read back."""
    async with (
        gateway(a_room_function.app) as server,
        connect(at(server, "/room/a")) as ada,
        connect(at(server, "/room/a")) as bob,
        connect(at(server, "/room/b")) as eve,
    ):
        room = server.app.room("a")
        await when(lambda: (room.size, server.app.room("b").size) == (2, 1))
        await say(ada, {"user": "ada", "message": "hello"})
        for client in (ada, bob):
            got = await read(client)
            assert (got["user"], got["message"], got["timestamp"] > 0) == ("ada", "hello", True)
        await say(eve, {"user": "eve", "message": "elsewhere"})
        assert (await read(eve))["user"] == "eve"
        assert [entry.publication.value["user"] for entry in (await room.history()).entries] == ["ada"]
        await bob.close()
        await when(lambda: room.size == 1)


async def test_a7_saved_history_is_bounded_and_false_is_ephemeral(gateway: Serve) -> None:
    """`save_history=True` keeps 100 for an hour where nothing else is said; `False` keeps none and takes no offset."""
    async with gateway(a_room_function.app) as server:
        room = server.app.room("plain")
        for number in range(105):
            await room.broadcast(number, save_history=True)
        await room.broadcast("gone", save_history=False)
        read = await room.history()
        assert [entry.publication.value for entry in read.entries] == list(range(5, 105))
        assert read.position.offset == 105
        await server.clock.advance(3700)
        assert (await room.history()).entries == ()


async def test_a8_a_class_tells_who_comes_and_goes(gateway: Serve) -> None:
    """`on_connect`, `on_receive` with decoded JSON, `on_disconnect`; join, broadcast and leave by the room's name."""
    async with gateway(a_room_class.app) as server, connect(at(server, "/chat/blue")) as ada:
        assert await read(ada) == {"system": "New user joined blue"}
        async with connect(at(server, "/chat/blue")) as bob:
            assert await read(ada) == await read(bob) == {"system": "New user joined blue"}
            await say(bob, {"user": "bob", "message": "hi"})
            for client in (ada, bob):
                got = await read(client)
                assert (got["user"], got["message"]) == ("bob", "hi")
            await bob.close()
        assert await read(ada) == {"system": "User left blue"}
        await when(lambda: server.app.room("blue").size == 1)


def test_a8_names_that_the_class_needs_itself_are_refused() -> None:
    """At the class statement; `room` and `user` are free."""
    with pytest.raises(TypeError, match="'broadcast'"):
        type("Taken", (WebSocketEndpoint,), {"broadcast": None})
    type("Free", (WebSocketEndpoint,), {"room": "", "user": ""})


async def test_a9_rooms_members_history_and_connections_are_seen_and_ended(gateway: Serve) -> None:
    """List, show, flush, send to one by its id, close all; an expired connection goes without a call."""
    async with gateway(a_room_management.app) as server:
        async with (
            connect(at(server, "/room/room_name")) as member,
            connect(at(server, "/admin"), ping_interval=None) as admin,
        ):
            id = (await read(member))["id"]

            async def ask(what: str, **more: str) -> object:
                await say(admin, {"do": what, **more})
                return (await read(admin))[what]

            await say(member, {"n": 1})
            assert await read(member) == {"n": 1}
            assert await ask("rooms") == ["room_name"]
            assert await ask("channels") == [id]
            assert await ask("history") == [{"n": 1}]
            await ask("flush")
            assert await ask("history") == []
            await ask("send", to=id)
            assert await read(member) == {"private": "message"}
            async with connect(at(server, "/room/other"), ping_interval=None) as short:
                await read(short)
                await server.clock.advance(3605)
                assert (await short.closed())[0] == 4003
                assert short.id not in server.app.connections
        async with connect(at(server, "/room/room_name")) as member, connect(at(server, "/admin")) as admin:
            await read(member)
            await say(admin, {"do": "close"})
            assert [(await one.closed())[0] for one in (member, admin)] == [1001, 1001]


async def test_a10_the_chat_room_counts_its_users(gateway: Serve) -> None:
    """Join and leave notices with a count that is right, also for who leaves; messages between; all of it kept."""
    async with gateway(a_chat_room.app) as server, connect(at(server, "/chat/7?username=ada")) as ada:
        assert seen(await read(ada)) == ("system", "ada joined the chat", 1)
        async with connect(at(server, "/chat/7")) as bob:
            assert seen(await read(ada)) == ("system", "anonymous joined the chat", 2)
            assert seen(await read(bob)) == ("system", "anonymous joined the chat", 2)
            await say(bob, {"type": "message", "content": "hi"})
            for client in (ada, bob):
                assert seen(await read(client)) == ("chat", "hi", None)
            bob.cut()
        assert seen(await read(ada)) == ("system", "anonymous left the chat", 1)
        kept = (await server.app.room("7").history()).entries
        assert [entry.publication.value["type"] for entry in kept] == ["system", "system", "chat", "system"]


def seen(message: dict[str, object]) -> tuple[object, object, object]:
    return message["type"], message["message"], message.get("users")


async def test_a11_best_practices_are_defaults(gateway: Serve) -> None:
    """An app that asked for nothing: messages bounded in size and rate, states to be looked at, rooms with a size."""
    app, states = Gateway(), []

    @app.ws("/")
    async def plain(ws: WebSocket) -> None:
        states.append(ws.is_connected)
        await ws.accept()
        await ws.join("room")
        states.append(ws.is_connected)
        async for _ in ws:
            pass
        states.append(ws.is_connected)

    async with gateway(app) as server:
        async with connect(at(server, "/")) as flood:
            await when(lambda: app.room("room").size == 1)
            for _ in range(200):
                await flood.send("x")
            error = (await read(flood))["error"]
            assert error["reason"] == "too_many_requests"
            assert error["retry_after"] > 0
            assert (await flood.closed())[0] == 4002
        async with connect(at(server, "/")) as big:
            await big.send("x" * (64 * 1024 + 1))
            assert (await big.closed())[0] == 1009
        await when(lambda: len(states) == 6)
    assert states == [False, True, False] * 2
