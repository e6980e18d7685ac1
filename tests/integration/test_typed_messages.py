"""Typed messages over real sockets, to endpoints that are classes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import attrs
import pytest

from actors import handles
from gateway import Gateway, Member, Refused, Room, WebSocket, WebSocketEndpoint, message, on
from tests.support.client import connect
from tests.support.seeds import read as heard
from tests.support.typed import Said, Say, says

Serve = Callable[..., Awaitable[Any]]


@message
class Echo:
    action: Literal["echo"] = "echo"
    payload: str


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


@message
class Ask:
    ticket: int


@message
class Ticket:
    ref: int


@message
class Order:
    status: str


def ticketing() -> Gateway:
    """Messages that have fields of their own where a reply has its `ref` and its `status`."""
    app = Gateway()

    def answer(ask: Ask) -> Any:
        return Ticket(ref=ask.ticket) if ask.ticket else Order(status="paid")

    @app.ws("/raw")
    class Desk(WebSocketEndpoint):
        @on(Ask)
        def ask(self, ws: WebSocket, ask: Ask) -> Any:
            return answer(ask)

    @app.topic("desk")
    class DeskRoom(Room):
        @on(Ask)
        def ask(self, member: Member, ask: Ask) -> Any:
            return answer(ask)

    @app.rpc("ask")
    def call(ws: WebSocket, data: Any) -> Any:
        return answer(Ask(**data))

    return app


async def test_a_message_with_a_ref_of_its_own_is_answered_whole_and_to_who_asked(serve: Serve) -> None:
    """
    Its `ref` took the client's at a raw endpoint, whose client waits for that; on the native wire it was lost, and so
    was a `status`.
    """
    server = await serve(ticketing)
    ticket, order = {"action": "ticket", "ref": 5}, {"action": "order", "status": "paid"}
    async with connect(server.ws("/raw")) as raw, connect(server.ws()) as native:
        await native.join("desk")
        publish = {"action": "publish", "room": "desk", "event": "ask"}
        published = {"action": "publish", "status": "published", "room": "desk"}
        for asked, said in ((5, ticket), (0, order)):
            ask = {"action": "ask", "ticket": asked}
            done = {"action": "ask", "status": "ok", "payload": said, "ref": 7}
            assert await says(raw, **ask, ref=7) == done
            assert await says(raw, **ask) == said
            assert await says(native, **publish, payload=ask, ref=7) == {**published, "payload": said, "ref": 7}
            assert await says(native, **publish, payload=ask) == said
            assert await says(native, action="ask", payload={"ticket": asked}, ref=7) == done


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
        async def rooms(self) -> list[str]:
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
