"""Who may do what in a topic, said by the application, on every wire: each has its own words for a no."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from gateway import Gateway, HasRole, History, Principal, Refused, Room, WebSocket
from gateway.events import CommandRefused
from tests.support.client import connect, when

ROLES = {"ada": frozenset({"editor"}), "bob": frozenset[str]()}


async def knows(handshake: Any) -> Principal | None:
    """By the name that the test puts in place of a token; `sub` is in a room as soon as it is there."""
    name = handshake.token
    if name == "sub":
        return Principal(name, topics=("open:1",))
    return Principal(name, ROLES[name]) if name in ROLES else None


class Team:
    """Of one app: who may do what is looked up somewhere, which takes a while and may change."""

    def __init__(self) -> None:
        self.members = {("ada", "team:1"), ("bob", "team:1")}
        self.asked: list[tuple[str, str]] = []
        self.is_broken = False

    async def may(self, principal: Principal, action: str, topic: str) -> bool | Refused:
        self.asked.append((principal.id, action))
        await asyncio.sleep(0)
        if self.is_broken:
            raise OSError("the database is gone")
        if (principal.id, topic) not in self.members:
            return False
        return "editor" in principal.roles or action != "publish" or Refused("readonly", "ask an editor", code=450)


def make_app(team: Team) -> Gateway:
    app = Gateway(authenticators=[knows])
    app.topic("team:{number}", history=History(size=10, ttl=60.0), presence=True)(Room)
    app.permits("team:*")(team.may)
    app.permits("board:*")(HasRole("editor"))

    @app.rpc("resign")
    def resign(ws: WebSocket, data: Any) -> None:
        team.members.discard((ws.principal.id, str(data)))
        ws.forget_permissions()

    return app


def may_not_look(principal: Principal, action: str, topic: str) -> bool:
    return action in ("join", "publish") or principal.id == "ada"


def make_open_app() -> Gateway:
    """Everybody may be there and speak; ada alone may see who is there, and read back."""
    app = Gateway(authenticators=[knows])
    app.topic("open:{number}", history=History(size=10, ttl=60.0), presence=True)(Room)
    app.permits("open:*")(may_not_look)
    return app


@pytest.fixture
def team() -> Team:
    return Team()


async def ask_centrifuge(one: Any, number: int, **command: Any) -> Any:
    """Sends a command; the answer to it."""
    await one.send(json.dumps({"id": number, **command}))
    while (reply := json.loads(await one.receive())).get("id") != number:
        pass
    return reply


def named(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_on_the_native_wire_a_no_is_an_error_with_its_reason(serve: Any, team: Team) -> None:
    """The connection goes on, and what is allowed is done."""
    server = await serve(lambda: make_app(team))
    server.watch(CommandRefused)
    async with connect(server.ws("/ws"), headers=named("bob")) as bob:
        await bob.join("team:1")
        refused = await bob.publish("team:1", "hi")
        assert (refused["error"]["reason"], refused["error"]["code"]) == ("readonly", 450)
        assert (await bob.ask(action="join_room", room="team:2"))["error"]["reason"] == "permission_denied"
        assert (await bob.ask(action="join_room", room="board:1"))["error"]["code"] == 103
        assert (await bob.ask(action="history", room="team:1"))["events"] == []
        assert [(fact.connection, fact.reason) for fact in server.facts] == [
            (bob.id, "readonly"), (bob.id, "permission_denied"), (bob.id, "permission_denied"),
        ]  # fmt: skip
        server.app.connections[bob.id].send("still here")
        assert (await bob.next())["payload"] == "still here"


async def test_pipelined_commands_keep_their_order_behind_a_question(serve: Any, team: Team) -> None:
    """Join, three messages and a leave in one go; one question for the messages."""
    server = await serve(lambda: make_app(team))
    async with connect(server.ws("/ws"), headers=named("bob")) as bob:
        await bob.join("team:1")
        async with connect(server.ws("/ws"), headers=named("ada")) as ada:
            team.asked.clear()
            await ada.say(action="join_room", room="team:1")
            for number in range(3):
                await ada.say(action="publish", room="team:1", payload=number)
            await ada.say(action="leave_room", room="team:1")
            assert await bob.payloads(3) == [0, 1, 2]
            answers = [one["status"] for one in [await ada.next() for _ in range(8)] if "status" in one]
            assert answers == ["joined", "published", "published", "published", "left"]
            assert team.asked == [("ada", "join"), ("ada", "publish")]


async def test_on_the_wire_of_centrifuge_a_no_is_103(serve: Any, team: Team) -> None:
    """Or the application's own number; who asks again after the application changed its mind is asked about again."""
    server = await serve(lambda: make_app(team))
    async with connect(server.ws("/connection/websocket")) as bob:
        ask = partial(ask_centrifuge, bob)
        await ask(1, connect={"token": "bob"})
        assert (await ask(2, subscribe={"channel": "team:2"}))["error"] == {"code": 103, "message": "permission denied"}
        team.members.add(("bob", "team:2"))
        assert "subscribe" in await ask(3, subscribe={"channel": "team:2"})
        assert (await ask(4, publish={"channel": "team:2", "data": 1}))["error"]["code"] == 450
        assert "presence" in await ask(5, presence={"channel": "team:2"})
        await ask(6, rpc={"method": "resign", "data": "team:2"})
        assert (await ask(7, presence={"channel": "team:2"}))["error"]["code"] == 103


async def test_on_the_wire_of_phoenix_a_no_is_an_error_reply(serve: Any, team: Team) -> None:
    """With the reason its clients look at; the socket stays."""
    server = await serve(lambda: make_app(team))
    async with connect(server.ws("/socket/websocket?vsn=2.0.0"), headers=named("bob")) as bob:

        async def push(ref: str, topic: str, event: str) -> Any:
            await bob.send(json.dumps(["1", ref, topic, event, {}]))
            while (reply := json.loads(await bob.receive()))[3] != "phx_reply":
                pass
            assert reply[1] == ref
            return reply[4]

        refused = await push("1", "team:2", "phx_join")
        assert (refused["status"], refused["response"]["reason"]) == ("error", "unauthorized")
        assert (await push("2", "team:1", "phx_join"))["status"] == "ok"
        refused = await push("3", "team:1", "say")
        assert (refused["status"], refused["response"]["reason"]) == ("error", "readonly")


async def test_who_may_not_see_presence_is_told_of_nobody_on_any_wire(serve: Any) -> None:
    """Neither who is there when it joins nor who comes and goes afterwards, whatever it asks for."""
    server = await serve(make_open_app)
    async with (
        connect(server.ws("/ws"), headers=named("bob")) as native,
        connect(server.ws("/connection/websocket")) as centrifuge,
        connect(server.ws("/socket/websocket?vsn=2.0.0"), headers=named("bob")) as phoenix,
        connect(server.ws("/ws"), headers=named("ada")) as ada,
    ):
        await native.say(action="join_room", room="open:1", presence=True)
        await centrifuge.send('{"id":1,"connect":{"token":"bob"}}')
        await centrifuge.send('{"id":2,"subscribe":{"channel":"open:1","join_leave":true}}')
        await phoenix.send('["1","1","open:1","phx_join",{}]')
        answers = [str(await one.receive()) for one in (native, centrifuge, centrifuge, phoenix)]
        await ada.join("open:1")
        await ada.ask(action="leave_room", room="open:1")
        await ada.join("open:1")
        await ada.publish("open:1", "heard")
        for one in (native, centrifuge, phoenix):
            assert '"heard"' in str(await one.receive())
        assert not [one for one in answers if "members" in one or "state" in one or "ada" in one]


async def test_who_may_not_read_history_is_not_told_it_by_a_join(serve: Any) -> None:
    """A position in a join is a question about history: also with the right epoch, and of the server's own joins."""
    server = await serve(make_open_app)
    async with (
        connect(server.ws("/ws"), headers=named("bob")) as native,
        connect(server.ws("/connection/websocket")) as centrifuge,
        connect(server.ws("/connection/websocket")) as subscribed,
        connect(server.ws("/socket/websocket?vsn=2.0.0"), headers=named("bob")) as phoenix,
    ):
        secret = await server.app.room("open:1").broadcast("secret")
        epoch = secret.position.epoch
        for since in ({"offset": 0}, {"offset": 0, "epoch": epoch}):
            joined = await native.join("open:1", since=since)
            assert (joined["recovered"], joined["missed"], joined["offset"]) == (False, 0, 1)
        await centrifuge.send('{"id":1,"connect":{"token":"bob"}}')
        await centrifuge.receive()
        recover = {"recover": True, "offset": 0, "epoch": epoch}
        strictly = {"channel": "open:1", "flag": 2, **recover}
        assert (await ask_centrifuge(centrifuge, 2, subscribe=strictly))["error"]["code"] == 112
        reply = (await ask_centrifuge(centrifuge, 3, subscribe={"channel": "open:1", **recover}))["subscribe"]
        assert reply["was_recovering"]
        assert not {"recovered", "publications"} & reply.keys()
        reply = (await ask_centrifuge(subscribed, 1, connect={"token": "sub", "subs": {"open:1": recover}}))["connect"]
        assert not {"recovered", "publications"} & reply["subs"]["open:1"].keys()
        await phoenix.send('["1","1","open:1","phx_join",{"gw":{"since":{"offset":0}}}]')
        assert json.loads(await phoenix.receive())[4]["response"] == {
            "gw": {"offset": 1, "epoch": epoch, "recovered": False}
        }
        await server.app.room("open:1").broadcast("heard")
        for one in (native, centrifuge, subscribed, phoenix):
            assert '"heard"' in str(await one.receive())


async def test_who_has_missed_nothing_recovers_without_history(serve: Any) -> None:
    """There is nothing to be read for it; who may read history gets what it missed."""
    server = await serve(make_open_app)
    async with (
        connect(server.ws("/ws"), headers=named("bob")) as bob,
        connect(server.ws("/ws"), headers=named("ada")) as ada,
    ):
        await server.app.room("open:1").broadcast("one")
        assert (await bob.join("open:1", since={"offset": 1}))["recovered"]
        joined = await ada.join("open:1", since={"offset": 0})
        assert (joined["recovered"], joined["missed"]) == (True, 1)


async def test_a_permission_that_fails_closes_nobody(serve: Any, team: Team) -> None:
    """Everybody is answered `internal` while it lasts; afterwards the same connection goes on."""
    server = await serve(lambda: make_app(team))
    async with connect(server.ws("/ws"), headers=named("ada")) as ada:
        team.is_broken = True
        for _ in range(5):
            assert (await ada.ask(action="join_room", room="team:1"))["error"]["reason"] == "internal"
        team.is_broken = False
        await ada.join("team:1")


async def test_a_newer_identity_is_asked_about_anew(serve: Any, team: Team) -> None:
    """Who logs in on an open connection has not what the anonymous were refused, nor keeps what was granted."""
    server = await serve(lambda: make_app(team))
    async with connect(server.ws("/ws")) as one:
        assert (await one.ask(action="join_room", room="team:1"))["error"]["reason"] == "unauthorized"
        await one.say(action="auth", token="ada")
        await one.next()
        await one.join("team:1")
        await when(lambda: team.asked[-1] == ("ada", "join"), "the question about ada")
        assert (await one.publish("board:1", 1))["status"] == "published"
