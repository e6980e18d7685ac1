"""Document E: its examples, over real sockets; its page in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession

from examples.seeds import e_heartbeat, e_overview, e_rooms_and_channels
from gateway import Gateway, WebSocket
from gateway.events import ConnectionClosed
from tests.support.browser import Browser, find_chromium
from tests.support.client import connect, refused, settings, when
from tests.support.raw_client import RawClient
from tests.support.seeds import at, read, say

if TYPE_CHECKING:
    from tests.support.client import Client
    from tests.support.seeds import Serve
    from tests.support.tab import Tab

JOIN = '{"action":"join_room","room":"general"}'
SUBSCRIBE = '{"action":"subscribe","channel":"chat"}'
CHAT = '{"action":"chat","user":"John","message":"Hello everyone!"}'
SAID = {"user": "John", "message": "Hello everyone!"}


async def test_e1_a_session_is_iterated_and_sent_to(gateway: Serve) -> None:
    """`async for`, `message.json()`, `send` of a dict; what is no JSON is answered by the example itself."""
    async with gateway(e_heartbeat.app) as server:
        async with connect(at(server, "/ws")) as client:
            await say(client, {"action": "ping"})
            assert (await read(client))["action"] == "pong"
            await say(client, {"action": "dance"})
            assert await read(client) == {"action": "unknown"}
            await client.send("{")
            assert "error" in await read(client)
            await client.close()
        closed = await server.wait_for(ConnectionClosed)
        assert (closed.code, closed.ended_by) == (1000, "client")


async def test_e1_a_handler_that_accepts_nobody_refuses(gateway: Serve) -> None:
    """The document's first example, whose handler does nothing at all."""
    async with gateway(e_overview.app) as server:
        assert (await refused(at(server, "/ws")))[0] == 403


async def test_e2_a_plain_function_is_called_per_message(gateway: Serve) -> None:
    """Sync, with what came; `on_disconnect` once, also when the cable is cut."""
    async with gateway(e_rooms_and_channels.app) as server, connect(at(server, "/ws")) as client:
        await client.send(JOIN)
        assert await read(client) == {"status": "joined", "room": "general"}
        client.cut()
        await server.wait_for(ConnectionClosed)
        await when(lambda: server.app.room("general").size == 0)


async def test_e3_a_room_broadcasts_but_for_one_and_counts(gateway: Serve) -> None:
    """`exclude` takes the session itself; `size` is the number of clients."""
    app = Gateway()

    @app.on_message("/ws")
    def talk(session: WebSocket, said: str) -> None:
        room = app.room("general")
        if said == "add":
            room.join(session)
        elif said == "remove":
            room.leave(session)
        else:
            room.broadcast(said, exclude=session)
        session.send_json({"done": said})

    async def does(client: Client, what: str) -> None:
        await client.send(what)
        assert await read(client) == {"done": what}

    async with gateway(app) as server, connect(at(server, "/ws")) as one, connect(at(server, "/ws")) as two:
        room = server.app.room("general")
        await does(one, "add")
        await does(two, "add")
        await when(lambda: room.size == 2)
        await does(one, "hello")
        assert await two.receive() == "hello"
        await does(two, "remove")
        await when(lambda: room.size == 1)


async def test_e4_rooms_by_name(gateway: Serve) -> None:
    """Joined and left by name; made by the first who joins; all are left at the end without a call."""
    async with gateway(e_rooms_and_channels.app) as server, connect(at(server, "/ws")) as client:
        assert "general" not in server.app.rooms
        await client.send(JOIN)
        await read(client)
        await when(lambda: server.app.room("general").size == 1)
        assert "general" in server.app.rooms
        await say(client, {"action": "leave_room", "room": "general"})
        assert await read(client) == {"status": "left", "room": "general"}
        await when(lambda: server.app.room("general").size == 0)


async def test_e5_a_channel_event_runs_its_handler(gateway: Serve) -> None:
    """What the handler publishes reaches every subscriber but its publisher, once."""
    async with (
        gateway(e_rooms_and_channels.app) as server,
        connect(at(server, "/ws")) as john,
        connect(at(server, "/ws")) as mary,
    ):
        for client in (john, mary):
            await client.send(SUBSCRIBE)
            assert await read(client) == {"status": "subscribed", "channel": "chat"}
        await when(lambda: server.app.channel("chat").size == 2)
        for _ in range(2):
            await john.send(CHAT)
            assert await read(john) == {"status": "message_sent"}
        assert [await read(mary), await read(mary)] == [SAID, SAID]


async def test_e6_channels_by_name(gateway: Serve) -> None:
    """Who has unsubscribed hears nothing more, and is no subscriber."""
    async with (
        gateway(e_rooms_and_channels.app) as server,
        connect(at(server, "/ws")) as john,
        connect(at(server, "/ws")) as mary,
    ):
        chat = server.app.channel("chat")
        await mary.send(SUBSCRIBE)
        await read(mary)
        await when(lambda: chat.size == 1)
        assert [one.id for one in await chat.subscribers()] == [mary.id]
        await say(mary, {"action": "unsubscribe", "channel": "chat"})
        assert await read(mary) == {"status": "unsubscribed", "channel": "chat"}
        await when(lambda: chat.size == 0)
        await john.send(CHAT)
        assert await read(john) == {"status": "message_sent"}
        await mary.send(JOIN)
        assert await read(mary) == {"status": "joined", "room": "general"}


@pytest.mark.parametrize("app", [e_rooms_and_channels.app, Gateway()], ids=["example", "default endpoint"])
async def test_e7_the_snippets_frames_work_unchanged(gateway: Serve, app: Gateway) -> None:
    """By the document's own server, and by the endpoint that every gateway has; `chat` spares its sender."""
    async with (
        gateway(app, settings=settings()) as server,  # development: names that nobody declared are open
        connect(at(server, "/ws")) as john,
        connect(at(server, "/ws")) as mary,
    ):
        await mary.send(SUBSCRIBE)
        assert (await read(mary))["status"] == "subscribed"
        await when(lambda: server.app.channel("chat").size == 1)
        wanted = [
            (JOIN, {"status": "joined", "room": "general"}),
            (SUBSCRIBE, {"status": "subscribed", "channel": "chat"}),
            (CHAT, {"status": "message_sent"}),
            ('{"action":"leave_room","room":"general"}', {"status": "left", "room": "general"}),
            ('{"action":"unsubscribe","channel":"chat"}', {"status": "unsubscribed", "channel": "chat"}),
        ]
        for frame, reply in wanted:
            await john.send(frame)
            assert (await read(john)).items() >= reply.items()
        got = await read(mary)
        assert got.get("payload", got) == SAID


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
async def test_e7_the_snippet_runs_in_a_browser(gateway: Serve) -> None:
    """Its page's console shows the three replies; a second page's chat reaches the first."""
    async with gateway(e_rooms_and_channels.app) as server, Browser() as browser:
        first = await browser.open(server.url + "/page/", isolated=True)
        await when(lambda: len(received(first)) == 3)
        await when(lambda: server.app.channel("chat").size == 1)
        second = await browser.open(server.url + "/page/", isolated=True)
        await when(lambda: (len(received(first)), len(received(second))) == (4, 3))
        assert first.errors == second.errors == []


def received(tab: Tab) -> list[str]:
    return [line.text for line in tab.console if line.text.startswith("Received:")]


async def test_e8_who_misses_two_pings_is_closed(gateway: Serve) -> None:
    """Pinged after 30 s of silence; two unanswered, 10 s each, close with 4000; who answers stays."""
    async with gateway(e_heartbeat.app) as server:
        silent = await RawClient.open(server.app.server.port, path="/ws")
        async with connect(at(server, "/ws"), ping_interval=None) as alive:
            await server.clock.advance(29)
            assert len(server.app.connections) == 2
            await server.clock.advance(75)
            assert (await silent.close_frame())[0] == 4000
            assert list(server.app.connections) == [alive.id]
            await say(alive, {"type": "pong"})
            await say(alive, {"action": "ping"})
            assert (await read(alive))["action"] == "pong"
        await silent.aclose()


async def test_e8_a_stopped_heartbeat_closes_nobody(gateway: Serve) -> None:
    """`stop` and `start` of one session."""
    app = Gateway()

    @app.on_message("/ws", heartbeat=e_heartbeat.heartbeat)
    def switch(session: WebSocket, said: str) -> None:
        (session.heartbeat.stop if said == "stop" else session.heartbeat.start)()

    async with gateway(app) as server:
        silent = await server.connect("/ws")  # answers no pings
        await silent.send("stop")
        await when(lambda: len(server.app.connections) == 1)
        await server.clock.advance(600)
        assert len(server.app.connections) == 1
        await silent.send("start")
        await server.clock.advance(120)
        assert (await silent.closed()).code == 4000


async def test_e9_http_stands_beside_the_sockets(gateway: Serve) -> None:
    """The document's home page, title and version; the socket at its own path."""
    async with gateway(e_heartbeat.app) as server, ClientSession() as http:
        home = await http.get(server.url + "/")
        assert (home.status, await home.json()) == (200, {"status": "ok", "message": "Server is running"})
        async with connect(at(server, "/ws")) as client:
            await say(client, {"action": "x"})
            assert await read(client) == {"action": "unknown"}
    assert (e_heartbeat.app.title, e_heartbeat.app.version) == ("WebSocket Demo", "1.0.0")
