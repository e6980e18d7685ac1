"""Members of rooms with app code: who may join, who comes and goes while that is decided, and how a member leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.config.config import ConfigError
from gateway import Gateway, Member, Refused, Room, WebSocketEndpoint, on
from gateway.events import ConnectionClosed, RoomJoined
from tests.support.client import Box, connect, out_of, settings, when
from tests.support.counting import counters

Serve = Any


async def test_on_join_decides_and_its_answer_is_in_the_reply(serve: Serve) -> None:
    """What it returns comes as `response`; a Refused comes as that error, and who was refused is no member."""
    app = Gateway()

    @app.topic("door:{name}")
    class Door(Room):
        async def on_join(self, member: Member, params: object) -> dict[str, Any]:
            if isinstance(member.info, dict) and member.info.get("uninvited"):
                raise Refused("full", "no seats", seats=2)
            return {"seat": len(self.members())}

    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        assert (await one.join("door:a"))["response"] == {"seat": 0}
        refused = await two.ask(action="join_room", room="door:a", info={"uninvited": True})
        assert refused["error"] == {
            "code": 400, "reason": "full", "message": "no seats", "temporary": False, "seats": 2,
        }  # fmt: skip
        assert server.app.room("door:a").size == 1
        assert (await two.join("door:a"))["response"] == {"seat": 1}


async def test_a_refused_second_join_ends_the_first_membership(serve: Serve) -> None:
    """Who joins again and is refused is out, on both sides: no event comes, one `on_leave`, nobody is left."""
    app, box = Gateway(), Box()

    @app.topic("once")
    class Once(Room):
        def on_join(self, member: Member, params: object) -> None:
            if any(one.id == member.id for one in self.members()):
                raise Refused("full")

        def on_leave(self, member: Member, reason: str) -> None:
            box.put_nowait(member.id)

    server = await serve(app, settings())
    async with connect(server.ws()) as client:
        await client.join("once")
        assert (await client.ask(action="join_room", room="once"))["error"]["reason"] == "full"
        assert await out_of(box) == client.id
        assert server.app.room("once").size == 0
        await server.app.room("once").broadcast("unheard")
        await client.say(action="ping")
        assert (await client.next())["action"] == "pong"
    assert box.empty()


async def test_who_goes_while_on_join_waits_never_becomes_a_member(serve: Serve) -> None:
    """A socket that is cut, and a client that leaves again, before the room has answered: nobody is left behind."""
    app, box, go = Gateway(), Box(), asyncio.Event()

    @app.topic("slow")
    class Slow(Room):
        async def on_join(self, member: Member, params: object) -> None:
            box.put_nowait(member.id)
            await go.wait()

    server = await serve(app, settings())
    closed = server.watch(ConnectionClosed)
    async with connect(server.ws()) as cut, connect(server.ws()) as leaving:
        await cut.say(action="join_room", room="slow")
        await out_of(box)
        cut.cut()
        await leaving.say(action="join_room", room="slow", ref="join")
        await leaving.say(action="leave_room", room="slow", ref="leave")
        await when(lambda: len(closed) == 1)
        go.set()
        replies = {frame["ref"]: frame for frame in [await leaving.next(), await leaving.next()]}
        assert replies["join"]["error"]["reason"] == "not_joined"
        assert replies["leave"]["status"] == "left"
        await out_of(box)
        assert (await leaving.ask(action="join_room", room="slow"))["status"] == "joined"
        assert [member.id for member in await server.app.room("slow").members()] == [leaving.id]


async def test_a_cut_while_joining_again_ends_the_first_membership_too(serve: Serve) -> None:
    """The room answers the second join late; meanwhile the socket goes: no membership of it survives."""
    app, box, go = Gateway(), Box(), asyncio.Event()

    @app.topic("again")
    class Again(Room):
        async def on_join(self, member: Member, params: object) -> None:
            box.put_nowait("asked")
            if self.members():
                await go.wait()

    server = await serve(app, settings())
    closed = server.watch(ConnectionClosed)
    async with connect(server.ws()) as client:
        await client.join("again")
        await out_of(box)
        await client.say(action="join_room", room="again")
        await out_of(box)
        client.cut()
        await when(lambda: len(closed) == 1)
    await when(lambda: server.app.room("again").size == 0, "the end of the first membership")
    go.set()
    async with connect(server.ws()) as client:
        await client.join("again")
        assert [member.id for member in await server.app.room("again").members()] == [client.id]


async def test_max_members_is_kept_and_a_member_may_join_again(serve: Serve) -> None:
    """The one too many is `topic_full`; who is in already takes no second seat."""
    app = Gateway()
    app.topic("small", max_members=2)(Room)
    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two, connect(server.ws()) as three:
        await one.join("small")
        await two.join("small")
        assert (await three.ask(action="join_room", room="small"))["error"]["reason"] == "topic_full"
        assert (await one.ask(action="join_room", room="small"))["status"] == "joined"
        await two.ask(action="leave_room", room="small")
        await three.join("small")


async def test_what_is_said_between_joining_and_accepting_is_not_lost(serve: Serve) -> None:
    """A raw endpoint is a member from its join on: a broadcast before its accept arrives first after it."""
    app, joined, go = Gateway(), asyncio.Event(), asyncio.Event()

    @app.ws("/")
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, ws: Any) -> None:
            await self.join("r")
            joined.set()
            await go.wait()
            ws.accept()
            ws.send_text("welcome")

    server = await serve(app, settings())

    async def speak() -> None:
        await joined.wait()
        await server.app.room("r").broadcast("early")
        go.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(speak())
        async with connect(server.ws("/")) as client:
            assert [await client.receive(), await client.receive()] == ["early", "welcome"]


async def test_facts_of_joining_name_who_and_where(serve: Serve) -> None:
    """RoomJoined carries topic and connection, once for each join."""
    server = await serve(counters(), settings())
    facts = server.watch(RoomJoined)
    async with connect(server.ws()) as client:
        await client.join("count:1")
        assert [(fact.topic, fact.connection) for fact in facts] == [("count:1", client.id)]


async def test_code_says_who_may_join_and_publish(serve: Serve) -> None:
    """As a file does; what is said in code goes before the file."""
    app = Gateway()
    app.topic("news", publish="nobody", presence=True, presence_grace=0.0)(Room)
    app.topic("staff", join="authenticated")(Room)
    server = await serve(app, settings())
    async with connect(server.ws()) as ada:
        await ada.join("news")
        said = await ada.ask(action="publish", room="news", payload=1)
        assert said["error"]["reason"] in ("permission_denied", "unauthorized")
        said = await ada.ask(action="join_room", room="staff")
        assert said["error"]["reason"] == "unauthorized"
        chosen = app.node.topics.settings_for("news")
        assert (chosen.publish, chosen.presence_grace, chosen.join) == ("nobody", 0.0, "anyone")
    with pytest.raises(ConfigError, match="presence_grace"):
        app.topic("late", presence_grace=-1.0)(Room)


async def test_on_leave_and_on_empty_come_however_a_member_goes(serve: Serve) -> None:
    """Leaving, closing, being cut, being kicked: one `on_leave` each, and `on_empty` after the last."""
    app, box = Gateway(), Box()

    @app.topic("leaving")
    class Leaving(Room):
        @on("kick")
        def kick(self, member: Member, payload: Any) -> None:
            for one in self.members():
                if one.id == payload:
                    one.kick("enough")

        def on_leave(self, member: Member, reason: str) -> None:
            box.put_nowait((member.id, reason))

        async def on_empty(self) -> None:
            box.put_nowait("empty")

    server = await serve(app, settings())
    url = server.ws()
    async with connect(url) as leaves, connect(url) as closes, connect(url) as cut, connect(url) as kicked:
        for client in (leaves, closes, cut, kicked):
            await client.join("leaving")
        await leaves.ask(action="leave_room", room="leaving")
        assert await out_of(box) == (leaves.id, "left")
        await closes.close()
        assert await out_of(box) == (closes.id, "client")
        cut.cut()
        assert await out_of(box) == (cut.id, "transport")
        await leaves.publish("leaving", kicked.id, event="kick")
        assert await kicked.next() == {
            "action": "unsubscribed", "room": "leaving", "code": 2000, "reason": "enough", "retry": False,
        }  # fmt: skip
        assert await out_of(box) == (kicked.id, "kicked")
        assert await out_of(box) == "empty"
        assert (await kicked.ask(action="ping"))["timestamp"] > 0
