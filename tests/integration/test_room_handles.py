"""Rooms and their handles over real sockets: typed messages, members, history, ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors import Request, handles
from gateway import Gateway, History, Member, Principal, Refused, Room, WebSocket, message, on
from tests.support.client import connect, when
from tests.support.typed import Said

Serve = Callable[..., Awaitable[Any]]


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


class Board(Room):
    """One class under two patterns."""

    def initial_state(self) -> dict[str, str]:
        return dict(self.params)

    def on_join(self, member: Member, params: object) -> Any:
        return {"name": self.name, "params": dict(self.params), "said": params, "state": self.state}

    @on("crash")
    def crash(self, member: Member, data: object) -> None:
        raise RuntimeError("on purpose")


@pytest.mark.allow_failures("RuntimeError", "NotCharged")
async def test_a_room_knows_what_its_name_says(serve: Serve) -> None:
    """`params` are the parts that its pattern names, as texts, in each life; those of `on_join` are the client's."""
    app = Gateway()
    app.topic("game:{game_id}:{side}")(Board)
    app.topic("board:{number}")(Board)
    app.topic("lobby")(Board)
    server = await serve(app)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        joined = await ada.join("game:7:white", data={"x": 1})
        params = {"game_id": "7", "side": "white"}
        assert joined["response"] == {"name": "game:7:white", "params": params, "said": {"x": 1}, "state": params}
        await ada.publish("game:7:white", None, event="crash")
        assert (await bob.join("game:7:white"))["response"]["params"] == params
        assert (await ada.join("board:12"))["response"]["params"] == {"number": "12"}
        assert (await ada.join("lobby"))["response"]["params"] == {}


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


async def test_a7_a_page_of_history_is_read_like_a_list(serve: Serve) -> None:
    """Of what was published, in the order that was asked for, each with its time by the clock on the wall."""
    server = await serve(table)
    room, wall = server.app.room("game:1"), server.app.node.wall
    assert (list(await room.history()), len(await room.history())) == ([], 0)
    began = wall()
    room.broadcast({"n": 1}, event="moved")
    await room.broadcast("two")
    page = await room.history()
    assert [(one.event, one.value, one.sender) for one in page] == [("moved", {"n": 1}, None), ("message", "two", None)]
    assert (len(page), page.position.offset, [one.value for one in reversed(page)]) == (2, 2, ["two", {"n": 1}])
    assert all(began <= one.at <= wall() for one in page)
    assert page[-1].value == "two"
    assert [one.value for one in await room.history(limit=1, reverse=True)] == ["two"]


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


class Flags(Room):
    """Hands each flag on as its client says it."""

    @on("broadcast")
    def say(self, member: Member, flag: Any) -> Any:
        return self.broadcast("x", save_history=flag)

    @on("kick")
    def kick(self, member: Member, flag: Any) -> Any:
        return member.kick(may_return=flag)


@pytest.mark.allow_failures("TypeError", "NotCharged")
@pytest.mark.parametrize("said", ["no", 0, 1, [False]])
async def test_what_is_no_bool_is_refused_where_it_is_given(serve: Serve, said: Any) -> None:
    """`save_history="no"`, out of a request say, was kept for whoever asks for the history."""
    app, sockets = Gateway(), list[WebSocket]()
    app.topic("game:{game}", history=History(size=10, ttl=60.0))(Flags)

    @app.ws("/plain")
    async def plain(ws: WebSocket) -> None:
        await ws.accept()
        sockets.append(ws)
        await ws.receive()

    server = await serve(app)
    room, channel = app.room("game:1"), app.channel("news")
    async with connect(server.ws("/plain")):
        await when(lambda: bool(sockets))
        (ws,) = sockets
        acts: list[Callable[[], Any]] = [
            lambda: room.broadcast("x", save_history=said),
            lambda: channel.publish("x", "x", save_history=said),
            lambda: channel.publish("x", "x", save_history=said, publisher=ws),
            lambda: ws.publish("game:1", "x", save=said),
            lambda: ws.kick("game:1", may_return=said),
            lambda: room.close(may_return=said),
        ]
        for act in acts:
            with pytest.raises(TypeError, match="it is no bool; write True or False"):
                act()
        with pytest.raises(TypeError, match="could not use reverse="):
            await room.history(reverse=said)
    async with connect(server.ws()) as client:
        await client.join("game:1")
        for event in ("broadcast", "kick"):
            assert (await client.publish("game:1", said, event=event))["error"]["reason"] == "internal"
    assert list(await room.history()) == []


class Close(Request[int]):
    """Asks a poll to close; answered with the votes that it has."""


class Poll(Room):
    def initial_state(self) -> dict[str, Any]:
        return {"open": True, "votes": 0}

    @on("vote")
    def vote(self, member: Member, data: object) -> None:
        if not self.state["open"]:
            raise Refused("bad_request", "this poll is closed")
        self.state["votes"] += 1

    @handles(Close)
    async def close(self, message: Close) -> int:
        self.state["open"] = False
        await self.broadcast("closed")
        return int(self.state["votes"])

    @handles(str)
    def fail(self, word: str) -> None:
        raise RuntimeError(word)


@pytest.mark.allow_failures("RuntimeError")
async def test_app_code_tells_a_room_and_asks_it(serve: Serve) -> None:
    """From anywhere, in one order with what members send; it is started if need be, and its failure is its own."""
    app = Gateway()
    app.topic("poll:{number}")(Poll)
    server = await serve(app)
    assert await app.room("poll:2").request(Close()) == 0
    async with connect(server.ws()) as ada:
        await ada.join("poll:1")
        await ada.publish("poll:1", None, event="vote")
        await app.room("poll:1").tell("on purpose")
        assert await app.room("poll:1").request(Close()) == 1
        assert (await ada.event())["payload"] == "closed"
        assert "this poll is closed" in (await ada.publish("poll:1", None, event="vote"))["error"]["message"]
    with pytest.raises(Refused, match="no code to be told"):
        await app.room("lobby").request(Close())
