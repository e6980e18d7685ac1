"""The rooms of an endpoint over real sockets: joined before its first message, left by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway import Gateway, Member, Refused, Room, WebSocket, WebSocketEndpoint, on
from tests.support.client import connect, refused, when
from tests.support.seeds import read as heard
from tests.support.typed import Said, Say, says

Serve = Callable[..., Awaitable[Any]]


def chat(rooms: Callable[[WebSocketEndpoint], Any] | None = None) -> Gateway:
    app = Gateway()

    @app.ws("/chat/{room}/{name}")
    class Chat(WebSocketEndpoint):
        sends = (Said,)

        def rooms(self) -> Any:
            return [f"chat:{self.ws.path_params['room']}"] if rooms is None else rooms(self)

        @on(Say)
        async def say(self, ws: WebSocket, message: Say) -> Any:
            return self.broadcast(Said(user=ws.path_params["name"], text=message.text))

        async def on_disconnect(self, ws: WebSocket, code: int) -> None:
            self.broadcast(Said(user=ws.path_params["name"], text="left"), exclude=ws)

    return app


async def later(endpoint: WebSocketEndpoint) -> list[str]:
    await asyncio.sleep(0)
    return ["chat:a", "chat:b", "chat:a"]


async def one_by_one(endpoint: WebSocketEndpoint) -> AsyncIterator[str]:
    for name in ("chat:a", "chat:b"):
        await asyncio.sleep(0)
        yield name


@pytest.mark.parametrize("rooms", [lambda _: "chat:a", lambda _: ("chat:a", "chat:b"), later, one_by_one])
async def test_d4_rooms_are_joined_before_the_first_message(serve: Serve, rooms: Any) -> None:
    """However they are given, each once; what is said goes to each of them, and they are left by themselves."""
    server = await serve(lambda: chat(rooms))
    async with connect(server.ws("/chat/x/ada")) as ada:
        await ada.say(action="say", text="first")
        assert await heard(ada) == {"action": "said", "user": "ada", "text": "first"}
        names = set(server.app.node.live.names())
        assert names == {"chat:a"} or names == {"chat:a", "chat:b"}
        for _ in names - {"chat:a"}:
            assert (await heard(ada))["text"] == "first"
        assert (await says(ada, action="ping"))["action"] == "pong"
    await when(lambda: not any(server.app.node.live.size(name) for name in names), "the rooms to be left")


async def test_d4_a_broadcast_reaches_the_room_and_no_other(serve: Serve) -> None:
    """None is the rooms of `rooms()`, also for the last word; with a ref the reply says that it was accepted."""
    server = await serve(chat)
    async with connect(server.ws("/chat/1/ada")) as ada, connect(server.ws("/chat/2/carol")) as carol:
        async with connect(server.ws("/chat/1/bob")) as bob:
            await when(lambda: server.app.node.live.size("chat:1") == 2, "both to be in")
            await bob.say(action="say", text="hi", ref=1)
            replies = [await heard(bob) for _ in range(2)]
            assert {"status": "ok", "action": "say", "ref": 1} in replies
            assert await heard(ada) == {"action": "said", "user": "bob", "text": "hi"}
        assert await heard(ada) == {"action": "said", "user": "bob", "text": "left"}
        assert (await says(carol, action="ping"))["action"] == "pong"


async def test_what_an_endpoint_broadcasts_has_the_name_of_its_message_on_other_wires(serve: Serve) -> None:
    """Of a message its action; of anything else `message`, a text as the endpoint said it."""
    app = Gateway()

    @app.ws("/say")
    class Saying(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            said: Any = {"typed": Said(user="ada", text="hi"), "object": {"n": 1}}.get(data, data)
            self.broadcast(said, "public:said")

    server = await serve(app)
    async with connect(server.ws()) as native, connect(server.ws("/say")) as ada:
        await native.join("public:said")
        for said in ("typed", "object", "text"):
            await ada.send(said)
        heard = [await native.event() for _ in range(3)]
        assert [one["event"] for one in heard] == ["said", "message", "message"]
        assert [one["payload"] for one in heard] == [{"action": "said", "user": "ada", "text": "hi"}, {"n": 1}, "text"]


async def test_a_room_that_refuses_ends_the_connection_with_its_reason(serve: Serve) -> None:
    """An endpoint whose room does not want it would be a socket that hears nothing."""
    app = chat()

    @app.topic("chat:{room}")
    class Door(Room):
        def on_join(self, member: Member, params: object) -> None:
            raise Refused("full", "ü" * 100)

    server = await serve(app)
    async with connect(server.ws("/chat/1/ada")) as ada:
        assert (await heard(ada))["error"]["reason"] == "full"
        assert await ada.closed() == (1008, "ü" * 61)


async def test_who_is_not_let_in_joins_nothing(serve: Serve) -> None:
    """An `on_connect` that closes or refuses ends it there; `rooms` is not even asked."""
    asked: list[str] = []
    app = Gateway()

    @app.ws("/door/{how}")
    class Door(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            ws.close(4321) if ws.path_params["how"] == "close" else ws.refuse(404)

        def rooms(self) -> list[str]:
            asked.append(self.ws.path)
            return ["chat:a"]

    server = await serve(app)
    async with connect(server.ws("/door/close")) as client:
        assert (await client.closed())[0] == 4321
    assert (await refused(server.ws("/door/refuse")))[0] == 404
    assert (asked, server.app.node.live.names()) == ([], ())


async def test_a_broadcast_without_a_room_needs_rooms(serve: Serve) -> None:
    """It is the author's mistake, and said so."""
    found: list[str] = []

    class Lost(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            try:
                self.broadcast("hi")
            except ValueError as error:
                found.append(str(error))

    app = Gateway()
    app.ws("/lost")(Lost)
    server = await serve(app)
    async with connect(server.ws("/lost")) as client:
        await client.send("x")
        await when(lambda: bool(found))
    assert found == ["could not broadcast: rooms() of Lost names none; give a room"]


@pytest.mark.allow_failures("TypeError")
@pytest.mark.parametrize("rooms", [lambda _: [5], lambda _: None, lambda _: 5, lambda one: one.ws.kick(5) or "chat:a"])
async def test_rooms_that_are_no_names_are_a_bug_of_the_application(serve: Serve, rooms: Any) -> None:
    """Its client has sent nothing wrong and is told nothing: 1011, and the log has the traceback."""
    server = await serve(lambda: chat(rooms))
    async with connect(server.ws("/chat/x/ada")) as ada:
        assert (await ada.closed())[0] == 1011
