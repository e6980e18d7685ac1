"""Typed messages over real sockets: endpoints that are classes, rooms, channels and their handles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import attrs
import pytest

from actors import handles
from gateway import (
    Gateway,
    History,
    Member,
    Principal,
    Refused,
    Room,
    WebSocket,
    WebSocketEndpoint,
    message,
    on,
)
from tests.support.client import Client, connect, refused, when

Serve = Callable[..., Awaitable[Any]]


@message
class Echo:
    action: Literal["echo"] = "echo"
    payload: str


@message
class Say:
    text: str


@message
class Said:
    user: str
    text: str


async def heard(client: Client) -> Any:
    return json.loads(await client.receive())


async def says(client: Client, **frame: Any) -> Any:
    """Sends, and returns what comes back next."""
    await client.say(**frame)
    return await heard(client)


def echoing() -> Gateway:
    """The echo endpoint of the documents, and a few that go wrong."""
    app = Gateway()

    @app.ws("/echo")
    class EchoEndpoint(WebSocketEndpoint):
        sends = (Said,)

        @on(Echo)
        async def echo(self, ws: WebSocket, message: Echo) -> Echo:
            return Echo(payload=f"Echo: {message.payload}")

        @on(Say)
        def say(self, ws: WebSocket, message: Say) -> Any:
            if message.text == "full":
                raise Refused("full", "no room for more", left=0)
            if message.text == "bug":
                raise LookupError("bug")
            return {"value": [1, 2]}.get(message.text)

        @on("send")
        def send(self, ws: WebSocket, frame: Any) -> Any:
            return ws.send(Said(user="server", text="sent"))

        async def on_error(self, ws: WebSocket, error: Exception) -> None:
            await ws.send_json({"failed": str(error)})

    return app


# --- endpoints


async def test_d3_a_returned_message_is_the_reply(serve: Serve) -> None:
    """Exactly the object without a `ref`; with one, `status` and `ref` beside it."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        await client.send('{"action": "echo", "payload": "Hello, Chanx!"}')
        assert await client.receive() == '{"action":"echo","payload":"Echo: Hello, Chanx!"}'
        reply = await says(client, action="echo", payload="a", ref=7)
        assert reply == {"action": "echo", "payload": "Echo: a", "status": "ok", "ref": 7}
        reply = await says(client, action="say", text="value", ref="r")
        assert reply == {"status": "ok", "action": "say", "payload": [1, 2], "ref": "r"}


async def test_d3_a_message_can_be_sent_at_any_time(serve: Serve) -> None:
    """By `ws.send` as well; its receipt, returned, says only that it was sent."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        assert await says(client, action="send", ref=1) == {"action": "said", "user": "server", "text": "sent"}
        assert await heard(client) == {"status": "ok", "action": "send", "ref": 1}


async def test_d3_every_ref_has_one_reply(serve: Serve) -> None:
    """Also where the handler returns nothing; without a ref nothing is said then."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        assert await says(client, action="say", text="quiet", ref=1) == {"status": "ok", "action": "say", "ref": 1}
        await client.say(action="say", text="quiet")
        assert (await says(client, action="ping"))["action"] == "pong"


async def test_d3_ping_is_answered_unless_it_is_handled(serve: Serve) -> None:
    """With the time, and its ref; a pong is taken for a sign of life."""

    @message
    class Ping:
        payload: str

    app = echoing()

    @app.ws("/own")
    class Own(WebSocketEndpoint):
        @on(Ping)
        def ping(self, ws: WebSocket, message: Ping) -> Echo:
            return Echo(payload=message.payload)

    server = await serve(app)
    async with connect(server.ws("/echo")) as client:
        pong = await says(client, action="ping", ref=1)
        assert (pong["action"], pong["ref"]) == ("pong", 1)
        assert pong["timestamp"] == pytest.approx(app.node.wall(), abs=60)
        await client.say(action="pong")
        await client.say(type="pong")
        assert (await says(client, action="echo", payload=""))["action"] == "echo"
    async with connect(server.ws("/own")) as client:
        assert await says(client, action="ping", payload="a") == {"action": "echo", "payload": "a"}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"action":"say","text":5,"ref":1}', {"field": "text", "reason": "bad_request", "code": 107}),
        ('{"action":"say"}', {"field": "text", "reason": "bad_request", "code": 107}),
        ('{"action":"ehco"}', {"reason": "unknown_action", "code": 104}),
        ('{"text":"a"}', {"reason": "bad_request", "code": 107}),
        ("{", {"reason": "bad_request", "code": 107}),
        ("[" * 200, {"reason": "bad_request", "code": 107}),
        (b"\xff\xfe", {"reason": "bad_request", "code": 107}),
        ('{"action":"say","text":"full"}', {"reason": "full", "code": 400, "left": 0}),
    ],
)
async def test_b7_what_does_not_fit_is_answered_and_the_connection_stays(
    serve: Serve, frame: str | bytes, expected: dict[str, Any]
) -> None:
    """The field, the reason, what it answers, and for an unknown action the nearest name."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        await client.send(frame)
        answer = await heard(client)
        assert answer["status"] == "error"
        assert expected.items() <= answer["error"].items()
        if b"action" in (frame if isinstance(frame, bytes) else frame.encode()):
            assert answer["action"] == json.loads(frame)["action"]
            assert answer.get("ref") == json.loads(frame).get("ref")
        if expected["reason"] == "unknown_action":
            assert answer["error"]["message"] == "there is no action 'ehco'; did you mean 'echo'?"
        assert (await says(client, action="echo", payload="on"))["payload"] == "Echo: on"


async def test_b6_on_error_that_returns_keeps_the_socket(serve: Serve) -> None:
    """What a handler raised is its affair; the next message is handled."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        assert await says(client, action="say", text="bug") == {"failed": "bug"}
        assert (await says(client, action="echo", payload="on"))["payload"] == "Echo: on"


@pytest.mark.allow_failures("LookupError")
async def test_b6_on_error_that_raises_closes_the_socket(serve: Serve) -> None:
    """With 1011, as without any; a rooms() that fails is such an error too."""
    app = Gateway()

    @app.ws("/handler")
    class Handler(WebSocketEndpoint):
        @on(Say)
        def say(self, ws: WebSocket, message: Say) -> None:
            raise LookupError(message.text)

    @app.ws("/rooms")
    class Rooms(WebSocketEndpoint):
        async def rooms(self) -> list[str]:  # type: ignore[override]
            raise LookupError("rooms")

    server = await serve(app)
    async with connect(server.ws("/handler")) as client:
        await client.say(action="say", text="bug")
        assert (await client.closed())[0] == 1011
    async with connect(server.ws("/rooms")) as client:
        assert (await client.closed())[0] == 1011


async def test_a_binary_frame_may_be_a_message(serve: Serve) -> None:
    """JSON is JSON; some clients send it as bytes."""
    server = await serve(echoing)
    async with connect(server.ws("/echo")) as client:
        await client.send(b'{"action":"echo","payload":"bytes"}')
        assert (await heard(client))["payload"] == "Echo: bytes"


async def test_what_no_handler_takes_comes_to_on_receive(serve: Serve) -> None:
    """If it is overridden: as its encoding says, whether or not it has an action."""
    app = Gateway()

    @app.ws("/mixed")
    class Mixed(WebSocketEndpoint):
        encoding = "text"

        @on(Echo)
        def echo(self, ws: WebSocket, message: Echo) -> Echo:
            return message

        @on("raw")
        def raw(self, ws: WebSocket, frame: Any) -> list[str]:
            return sorted(frame)

        async def on_receive(self, ws: WebSocket, data: str) -> None:
            await ws.send_text(f"rest: {data}")

    server = await serve(app)
    async with connect(server.ws("/mixed")) as client:
        for rest in ('{"action":"other"}', "no json", "[]"):
            await client.send(rest)
            assert await client.receive() == f"rest: {rest}"
        assert (await says(client, action="echo", payload="typed"))["payload"] == "typed"
        assert await says(client, action="raw", more=1) == {
            "status": "ok",
            "action": "raw",
            "payload": ["action", "more"],
        }
        await client.send(b"\xff")
        assert (await heard(client))["error"]["reason"] == "bad_request"


async def test_receive_inside_a_handler_takes_the_next_frame(serve: Serve) -> None:
    """Before it becomes a message."""
    app = Gateway()

    @app.ws("/ask")
    class Ask(WebSocketEndpoint):
        @on(Say)
        async def say(self, ws: WebSocket, message: Say) -> Said:
            await ws.send_text("and?")
            return Said(user="you", text=message.text + await ws.receive_text())

    server = await serve(app)
    async with connect(server.ws("/ask")) as client:
        await client.say(action="say", text="a")
        assert await client.receive() == "and?"
        await client.send("b")
        assert await heard(client) == {"action": "said", "user": "you", "text": "ab"}


# --- rooms of an endpoint


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


@pytest.mark.parametrize("name", ["ws", "leave", "broadcast", "members", "principal", "timers", "_open", "_actor"])
def test_a8_names_that_the_machine_needs_are_refused(name: str) -> None:
    """At the class statement, with the name; what apps like to use stays free."""
    with pytest.raises(TypeError, match=f"WebSocketEndpoint needs '{name}' itself"):
        type("Chat", (WebSocketEndpoint,), {name: None})
    type("Chat", (WebSocketEndpoint,), {"room": "a", "user": "b", "on_leave": None, "name": "c"})


async def test_an_endpoint_hears_actors_and_timers(serve: Serve) -> None:
    """By `@handles`, of the class or of a base; a client that names it reaches nothing."""

    @attrs.frozen
    class Tick:
        number: int

    class LateTick(Tick):
        pass

    app = Gateway()
    refs: list[Any] = []

    @app.ws("/ticks")
    class Ticks(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await ws.accept()
            refs.append(self.actor_ref)
            self.timers.once("tick", Tick(1), 0.0)

        @on(Echo)
        def echo(self, ws: WebSocket, message: Echo) -> Echo:
            return message

        @handles(Tick)
        async def tick(self, tick: Tick) -> None:
            await self.ws.send_json({"tick": tick.number})

    server = await serve(app)
    async with connect(server.ws("/ticks")) as client:
        assert await heard(client) == {"tick": 1}
        refs[0].tell(LateTick(2))
        assert await heard(client) == {"tick": 2}
        assert (await says(client, action="tick", number=3))["error"]["reason"] == "unknown_action"


# --- rooms and channels


def table() -> Gateway:
    app = Gateway()

    @message
    class Move:
        column: int

    @app.topic("game:{game}", history=History(size=10, ttl=60.0), presence=True)
    class Game(Room):
        @on(Move)
        async def move(self, member: Member, message: Move) -> Any:
            return self.broadcast(message, exclude=member)

    return app


async def test_a_room_takes_messages_from_every_wire(serve: Serve) -> None:
    """Native clients publish the event of its action; what is wrong with it is answered there."""
    server = await serve(table)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for client in (ada, bob):
            await client.join("game:1")
        wrong = await ada.publish("game:1", {"column": "x"}, event="move")
        assert (wrong["error"]["reason"], wrong["error"]["field"]) == ("bad_request", "column")
        assert (await ada.publish("game:1", {"column": 3}, event="move"))["offset"] == 1
        event = await bob.event()
        assert (event["event"], event["payload"]) == ("move", {"action": "move", "column": 3})


async def test_a_room_handle_joins_and_leaves_by_whoever_is_meant(serve: Serve) -> None:
    """A WebSocket, a member or an id; one that is gone is an error of the receipt."""
    app = table()
    sockets: list[WebSocket] = []

    @app.ws("/plain")
    async def plain(ws: WebSocket) -> None:
        await ws.accept()
        sockets.append(ws)
        async for _ in ws:
            pass

    server = await serve(app)
    room = app.room("game:1")
    async with connect(server.ws("/plain")) as client:
        await when(lambda: bool(sockets))
        (ws,) = sockets
        await room.join(ws)
        assert [member.id for member in await room.members()] == [client.id]
        (member,) = await room.members()
        await room.leave(member)
        assert room.size == 0
        await room.join(client.id)
        assert room.size == 1
    await when(lambda: room.size == 0, "the room to be left")
    with pytest.raises(Exception, match="connection lost"):
        await room.join(ws)


async def test_a7_a_room_handle_shows_and_clears_its_history(serve: Serve) -> None:
    """In order with what is published around it; positions go on."""
    server = await serve(table)
    room = server.app.room("game:1")
    first = await room.broadcast(Said(user="a", text="1"))
    room.broadcast("2")
    room.broadcast("3", save_history=False)
    kept = await room.history()
    assert [(one.publication.event, one.offset) for one in kept.entries] == [("said", 1), ("message", 2)]
    assert [one.offset for one in (await room.history(since=first.position)).entries] == [2]
    assert [one.offset for one in (await room.history(limit=1, reverse=True)).entries] == [2]
    room.broadcast("3.5")
    room.clear_history()
    room.broadcast("4")
    assert [one.offset for one in (await room.history()).entries] == [4]
    assert (await room.presence()).members == ()


async def test_c5_closing_a_room_ends_memberships_and_no_connection(serve: Serve) -> None:
    """Each member is told the reason; who was told before hears that first."""
    server = await serve(table)
    room = server.app.room("game:1")
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for client in (ada, bob):
            await client.join("game:1")
        room.broadcast("last")
        assert await room.close("over") == 2
        assert room.size == 0
        for client in (ada, bob):
            assert (await client.event())["payload"] == "last"
            told = await client.next()
            while told.get("action") == "presence":
                told = await client.next()
            assert (told["action"], told["reason"], told["retry"]) == ("unsubscribed", "over", False)
            assert (await client.ask(action="ping")).keys() >= {"timestamp"}
        assert await room.close() == 0


async def test_c5_close_all_closes_the_connections_of_the_members(serve: Serve) -> None:
    """With the code that is given, and nobody else's."""
    server = await serve(table)
    room = server.app.room("game:1")
    with pytest.raises(ValueError, match="1005"):
        room.close_all(1005)
    async with connect(server.ws()) as ada, connect(server.ws()) as other:
        await ada.join("game:1")
        assert await room.close_all(4321, "enough") == 1
        assert await ada.closed() == (4321, "enough")
        assert (await other.ask(action="ping")).keys() >= {"timestamp"}
    await when(lambda: room.size == 0, "the room to be empty")


async def test_e5_a_channel_handles_its_events_and_publishes_for_its_clients(serve: Serve) -> None:
    """What has a handler is not fanned out by itself; the publisher does not get what is published for it."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on("message")
    async def relay(member: Member, data: Any) -> None:
        await chat.publish("message", {"said": data}, publisher=member)

    @chat.on(Say)
    def say(member: Member, message: Say) -> Said:
        return Said(user=member.id, text=message.text)

    server = await serve(app)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for client in (ada, bob):
            assert (await client.ask(action="subscribe", channel="chat"))["status"] == "subscribed"
        await ada.ask(action="publish", channel="chat", payload="hi")
        event = await bob.event()
        assert event["payload"] == {"said": "hi"}
        wrong = await ada.ask(action="publish", channel="chat", event="say", payload={"text": None})
        assert wrong["error"]["field"] == "text"
        chat.publish(None, Said(user="app", text="for all"))
        assert [(await client.event())["event"] for client in (ada, bob)] == ["said", "said"]


async def test_e5_a_publisher_is_shown_as_the_sender(serve: Serve) -> None:
    """Member or WebSocket; app code alone has none."""
    app = Gateway()
    chat = app.channel("chat", history=History(size=5, ttl=60.0))

    @chat.on("message")
    def relay(member: Member, data: Any) -> Any:
        return chat.publish("message", data, publisher=member)

    server = await serve(app)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        await bob.ask(action="subscribe", channel="chat")
        assert (await ada.ask(action="publish", channel="chat", payload="hi"))["offset"] == 1
        assert (await bob.event())["sender"]["client"] == ada.id
        chat.publish("message", "from nobody")
        assert "sender" not in await bob.event()


async def test_e5_handle_runs_the_handler_as_if_the_client_had_sent_it(serve: Serve) -> None:
    """Who has not subscribed too; an event without a handler, or a connection that is gone, is refused."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on("message")
    async def relay(member: Member, data: Any) -> Any:
        return chat.publish("message", data, publisher=member)

    @app.ws("/plain")
    class Plain(WebSocketEndpoint):
        encoding = "json"

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            try:
                await chat.handle(data["event"], data.get("who", ws), data["data"])
            except Refused as error:
                ws.send_json({"refused": error.reason, "why": error.message})

    server = await serve(app)
    async with connect(server.ws()) as bob, connect(server.ws("/plain")) as ada:
        await bob.ask(action="subscribe", channel="chat")
        await ada.say(event="message", data={"user": "John", "message": "Hello everyone!"})
        event = await bob.event()
        assert (event["event"], event["payload"]["user"]) == ("message", "John")
        assert [member.id for member in await chat.subscribers()] == [bob.id]
        assert (await says(ada, event="mesage", data=1))["why"] == "chat handles no 'mesage'; did you mean 'message'?"
        assert (await says(ada, event="message", who="nobody", data=1))["refused"] == "not_available"


async def test_a_principal_is_excluded_on_all_its_connections(serve: Serve) -> None:
    """From a handle as from inside; also from what is replayed."""
    server = await serve(table)
    room = server.app.room("game:1")
    async with connect(server.ws()) as ada:
        await ada.join("game:1")
        room.broadcast(1, exclude=Principal("somebody"))
        room.broadcast(2, exclude=[ada.id])
        room.broadcast(3)
        assert await ada.payloads(2) == [1, 3]
