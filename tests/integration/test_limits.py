"""What one client may do, and what the others notice of it when it does more: nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from gateway import (
    Gateway,
    Limit,
    LimitRate,
    Member,
    Refused,
    Room,
    WebSocket,
    WebSocketEndpoint,
    message,
    on,
)
from gateway.events import CommandRefused, ConnectionClosed, ConnectionRefused, MessageDropped
from tests.support.client import connect, refused, settings, when
from tests.support.raw_client import CLOSE, RawClient, frame

Serve = Any


async def test_a_flood_is_answered_with_when_to_come_again_and_then_closed(serve: Serve) -> None:
    """5,000 frames at once: the burst is served, nine excesses get `retry_after`, the tenth closes with 3013."""
    server = await serve()
    facts = server.watch(ConnectionClosed, CommandRefused)
    async with connect(server.ws()) as other:
        await other.join("r")
        flooding = await RawClient.open(server.app.server.port, path="/ws")
        flooding.send(b"".join(frame(json.dumps({"action": "ping", "ref": n}).encode()) for n in range(5000)))
        frames = [await flooding.frame()]
        while frames[-1].opcode != CLOSE:
            frames += [await flooding.frame()]
        answers = [json.loads(one.payload) for one in frames[:-1]]
        assert int.from_bytes(frames[-1].payload[:2], "big") == 3013
        served = [answer["ref"] for answer in answers if answer.get("action") == "pong"]
        excess = [answer["error"] for answer in answers if answer.get("status") == "error"]
        assert served[:100] == list(range(100))
        assert len(served) < 200
        assert len(excess) == 10
        assert all(error["reason"] == "too_many_requests" and error["code"] == 111 for error in excess)
        assert all(0 < error["retry_after"] <= 0.02 and error["temporary"] for error in excess)
        assert (await other.publish("r", "unharmed"))["status"] == "published"
        assert (await other.event())["payload"] == "unharmed"
        flooding.abort()
        await when(lambda: any(isinstance(fact, ConnectionClosed) for fact in facts))
    closed = next(fact for fact in facts if isinstance(fact, ConnectionClosed))
    assert (closed.code, closed.ended_by) == (3013, "rate_limit")
    assert sum(isinstance(fact, CommandRefused) for fact in facts) == 10


async def test_what_an_endpoint_refuses_is_a_fact(serve: Serve) -> None:
    """Whoever refuses: a handler, the check of a message, a middleware that limits; each is answered, and counted."""
    app = Gateway()

    @message
    class Say:
        text: str

    @app.ws("/desk", middleware=[LimitRate(3, per=60.0)])
    class Desk(WebSocketEndpoint):
        @on(Say)
        def say(self, ws: WebSocket, message: Say) -> None:
            raise Refused("not_now", "later")

    server = await serve(app, settings())
    facts = server.watch(CommandRefused)
    async with connect(server.ws("/desk")) as client:
        for frame in ({"action": "say", "text": "a"}, {"action": "say"}, {"action": "shout"}, {"action": "say"}):
            await client.say(**frame)
        told = [(await client.next())["error"]["reason"] for _ in range(4)]
    assert told == ["not_now", "bad_request", "unknown_action", "too_many_requests"]
    assert [(fact.action, fact.reason, fact.connection) for fact in facts] == [
        (action, reason, client.id) for action, reason in zip(("say", "say", "shout", ""), told, strict=True)
    ]


async def test_messages_with_a_limit_of_their_own_are_dropped_above_it(serve: Serve) -> None:
    """In a room, in a channel and at an endpoint; above the rate of the connection, which stays as it was."""
    app, taken = Gateway(), Counter[str]()

    def limit() -> Limit:
        return Limit(150, per=600.0, on_excess="drop")

    @message
    class Move:
        x: int

    @app.topic("game:{game_id}")
    class Game(Room):
        @on(Move, limit=limit())
        def move(self, member: Member, message: Move) -> None:
            taken["room"] += 1

    @app.channel("cursors").on(Move, limit=limit())
    async def moved(member: Member, data: Move) -> None:
        taken["channel"] += 1

    @app.ws("/desk")
    class Desk(WebSocketEndpoint):
        @on(Move, limit=limit())
        def move(self, ws: WebSocket, message: Move) -> None:
            taken["endpoint"] += 1

    server = await serve(app, settings(LIMITS__BURST="10", LIMITS__MESSAGES_PER_SECOND="1"))
    facts = server.watch(CommandRefused, MessageDropped)
    async with connect(server.ws("/ws")) as client, connect(server.ws("/desk")) as visitor:
        for topic in ("game:1", "cursors"):
            await client.join(topic)
            for x in range(200):
                await client.say(action="publish", room=topic, event="move", payload={"x": x})
            statuses = [(await client.next())["status"] for _ in range(200)]
            assert statuses == ["published"] * 200
        for x in range(200):
            await visitor.say(action="move", x=x, ref=x)
        assert {json.loads(await visitor.receive())["status"] for _ in range(200)} == {"ok"}
        assert (await client.ask(action="ping"))["timestamp"] > 0
    assert taken == {"room": 150, "channel": 150, "endpoint": 150}
    assert Counter(map(type, facts)) == {MessageDropped: 150}


async def test_who_waits_as_told_is_served_again(serve: Serve) -> None:
    """After `retry_after` the next message passes."""
    server = await serve(settings=settings(LIMITS__BURST="3", LIMITS__MESSAGES_PER_SECOND="2"))
    async with connect(server.ws()) as client:
        while "error" not in (reply := await client.ask(action="ping")):
            pass
        await asyncio.sleep(reply["error"]["retry_after"])
        assert (await client.ask(action="ping"))["timestamp"] > 0


async def test_a_flooding_raw_client_is_closed_with_4002(serve: Serve) -> None:
    """Raw endpoints share the table; the frames within the rate reached the endpoint, in order."""
    app = Gateway()
    seen: list[str] = []

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        nonlocal seen
        await ws.accept()
        async for one in ws:
            seen += [one.text()]

    server = await serve(app, settings(LIMITS__BURST="50", LIMITS__MESSAGES_PER_SECOND="1"))
    client = await RawClient.open(server.app.server.port, path="/")
    client.send(b"".join(frame(str(number).encode()) for number in range(500)))
    assert await client.close_frame() == (4002, "too many requests")
    await client.aclose()
    await when(lambda: len(server.app.node.directory) == 0)
    assert seen == [str(number) for number in range(50)]


async def test_a_flood_of_slow_work_stops_the_reading_not_the_server(serve: Serve) -> None:
    """While an endpoint is busy, no more than 64 frames wait for it; all of them arrive when it goes on."""
    app, go = Gateway(), asyncio.Event()
    seen: list[str] = []
    most = 0

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        nonlocal most, seen
        await ws.accept()
        await go.wait()
        async for one in ws:
            most = max(most, len(ws._intake.frames))
            seen += [one.text()]

    server = await serve(app, settings(LIMITS__BURST="10000"))
    client = await RawClient.open(server.app.server.port, path="/")
    client.send(b"".join(frame(str(number).encode()) for number in range(3000)))
    machine = next(iter(server.app.node.directory.refs()))._actor
    await when(lambda: machine._gate.credit.is_held, "a spent credit")
    slice_of_frames = 4096 // len(frame(b"1000")) + 1
    await when(lambda: machine.actor_ref.counts().queued == 0)
    assert machine._gate.credit.commands <= 64 + slice_of_frames
    go.set()
    await when(lambda: len(seen) == 3000)
    assert seen == [str(number) for number in range(3000)]
    assert most <= 64 + slice_of_frames
    client.abort()


async def test_a_message_above_64_kib_closes_with_1009_and_one_below_does_not(serve: Serve) -> None:
    """65,536 bytes pass, one more does not; nobody else notices."""
    app = Gateway()

    @app.ws("/")
    async def measure(ws: WebSocket) -> None:
        await ws.accept()
        async for one in ws:
            await ws.send_json(len(one.bytes()))

    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    async with connect(server.ws("/")) as one, connect(server.ws("/")) as other:
        await one.send(b"x" * 65_536)
        assert await one.receive() == "65536"
        await one.send(b"x" * 65_537)
        assert (await one.closed())[0] == 1009
        await other.send(b"x")
        assert await other.receive() == "1"
    await when(lambda: len(facts) == 2)
    assert facts[0].code == 1009


async def test_the_connection_over_the_limit_is_told_to_come_back_later(serve: Serve) -> None:
    """503 with Retry-After; readiness goes off; when somebody leaves there is room again."""
    server = await serve(settings=settings(LIMITS__MAX_CONNECTIONS="2"))
    facts = server.watch(ConnectionRefused)
    async with connect(server.ws()):
        async with connect(server.ws()):
            status, headers = await refused(server.ws())
            assert status == 503
            assert int(headers["Retry-After"]) > 0
        await when(lambda: len(server.app.node.directory) == 1)
        async with connect(server.ws()) as client:
            assert (await client.ask(action="ping"))["timestamp"] > 0
    assert [(fact.status, fact.reason) for fact in facts] == [(503, "connection_limit")]


async def test_pages_of_other_origins_may_not_connect(serve: Serve) -> None:
    """Our own origin, none at all, and the listed ones may; every other is 403 before anything is made."""
    server = await serve(settings=settings(ALLOWED_ORIGINS='["https://friend.example"]'))
    port = server.app.server.port
    for origin in (None, f"http://127.0.0.1:{port}", "https://friend.example"):
        async with connect(server.ws(), origin=origin) as client:
            assert (await client.ask(action="ping"))["timestamp"] > 0
    wrong = ("https://evil.example", f"http://127.0.0.1:{port + 1}", "null", "https://friend.example.evil.example")
    for origin in wrong:
        assert (await refused(server.ws(), origin=origin))[0] == 403
    await when(lambda: len(server.app.node.directory) == 0)


async def test_a_connection_joins_no_more_topics_than_it_may(serve: Serve) -> None:
    """The one too many is `limit_exceeded`; joining one again costs nothing; leaving one makes room."""
    server = await serve(settings=settings(LIMITS__MAX_TOPICS_PER_CONNECTION="3"))
    async with connect(server.ws()) as client:
        for name in "abc":
            await client.join(name)
        await client.join("a")
        assert (await client.ask(action="join_room", room="d"))["error"]["reason"] == "limit_exceeded"
        await client.ask(action="leave_room", room="b")
        await client.join("d")
        assert sorted(server.app.node.live.names()) == ["a", "b", "c", "d"]
        assert [server.app.room(name).size for name in "abcd"] == [1, 0, 1, 1]


async def test_names_that_no_topic_may_have_are_refused(serve: Serve) -> None:
    """Empty, too long, control characters, commas and quotes: `bad_request`, and no topic is made."""
    server = await serve()
    async with connect(server.ws()) as client:
        for name in ("", "x" * 256, "ü" * 128, "a\nb", "a,b", 'a"b'):
            for action in ("join_room", "publish", "history", "presence"):
                error = (await client.ask(action=action, room=name, payload=1))["error"]
                assert error["reason"] == "bad_request"
        assert server.app.node.live.names() == ()
        await client.join("x" * 255)
