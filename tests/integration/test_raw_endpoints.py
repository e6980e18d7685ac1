"""Endpoints that are classes on the raw wire, as their clients see them, through a real socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import Frame, Gateway, WebSocket, WebSocketEndpoint
from tests.support.client import Box, Client, connect, out_of, refused, settings, when

Serve = Any


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
    app = Gateway()

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
