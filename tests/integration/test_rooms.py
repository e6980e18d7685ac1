"""Rooms and channels with app code, as their members see them: joins, handlers, crashes, and handles on threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.config import ConfigError
from gateway import Gateway, History, Member, Refused, Room, WebSocketEndpoint, on
from gateway.events import ConnectionClosed, RoomJoined
from gateway.reasons import TopicKindError
from tests.support.client import Box, Client, connect, out_of, settings, when
from tests.support.raw_client import PATIENCE

Serve = Any


class Counter(Room):
    """Counts, keeps who is in, and fails when it is told to."""

    def on_start(self) -> None:
        self.count = 0

    @on("add")
    def add(self, member: Member, payload: Any) -> int:
        self.count += payload
        return self.count

    @on("add later")
    async def add_later(self, member: Member, payload: Any) -> int:
        await asyncio.sleep(0)
        self.count += payload
        return self.count

    @on("say")
    def say(self, member: Member, payload: Any) -> Any:
        return self.broadcast(payload, sender=member)

    @on("crash", "crash later")
    async def crash(self, member: Member, payload: Any) -> None:
        raise ValueError(f"secret {payload}")

    @on("refuse")
    def refuse(self, member: Member, payload: Any) -> None:
        raise Refused("full", "nothing left", left=0)


def counters() -> Gateway:
    app = Gateway()
    app.topic("count:*", history=History(size=1000))(Counter)
    return app


async def do(client: Client, event: str, payload: Any = None, room: str = "count:1") -> dict[str, Any]:
    return await client.publish(room, payload, event=event)


# --- joining


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


# --- handlers


async def test_handlers_of_both_kinds_answer_and_their_events_are_not_fanned_out(serve: Serve) -> None:
    """Sync and async return values come as `payload`; Refused as an error with its values; other events fan out."""
    server = await serve(counters(), settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await one.join("count:1")
        await two.join("count:1")
        assert (await do(one, "add", 2))["payload"] == 2
        assert (await do(two, "add later", 3))["payload"] == 5
        error = (await do(one, "refuse"))["error"]
        assert (error["reason"], error["message"], error["left"]) == ("full", "nothing left", 0)
        said = await do(one, "say", "hi")
        assert said["offset"] == 1
        assert (await do(two, "other", "plain"))["offset"] == 2
        for client in (one, two):
            events = [await client.event(), await client.event()]
            assert [(event["event"], event["payload"]) for event in events] == [("message", "hi"), ("other", "plain")]
            assert events[0]["sender"]["client"] == one.id


async def test_handlers_run_one_at_a_time_in_the_order_of_each_client(serve: Serve) -> None:
    """Two clients add at once: no addition is lost, and each sees its own answers in order."""
    server = await serve(counters(), settings(LIMITS__BURST="1000"))
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        for client in (one, two):
            for number in range(50):
                event = "add later" if number % 2 else "add"
                await client.say(action="publish", room="count:1", event=event, payload=1, ref=number)
        seen = []
        for client in (one, two):
            replies = [await client.next() for _ in range(50)]
            assert [reply["ref"] for reply in replies] == list(range(50))
            values = [reply["payload"] for reply in replies]
            assert values == sorted(values)
            seen += values
        assert sorted(seen) == list(range(1, 101))


async def test_a_crash_restarts_the_behaviour_and_nobody_notices_more_than_internal(serve: Serve) -> None:
    """Members stay, offsets go on, the others hear everything; the one who crashed it learns `internal` only."""
    server = await serve(counters(), settings())
    closed = server.watch(ConnectionClosed)
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await one.join("count:1")
        await two.join("count:1")
        await do(one, "say", "before")
        assert (await do(one, "add", 7))["payload"] == 7
        error = (await do(two, "crash", "x"))["error"]
        assert (error["reason"], error["temporary"]) == ("internal", True)
        assert "secret" not in str(error)
        assert (await do(two, "add", 1))["payload"] == 1
        await do(one, "say", "after")
        for client in (one, two):
            events = [await client.event(), await client.event()]
            assert [(event["offset"], event["payload"]) for event in events] == [(1, "before"), (2, "after")]
        assert [member.id for member in await server.app.room("count:1").members()] == [one.id, two.id]
    assert all(fact.ended_by != "crash" for fact in closed)


async def test_three_crashes_close_the_client_that_caused_them_and_nobody_else(serve: Serve) -> None:
    """One client cannot close a room: it is closed itself, and the room goes on for the others."""
    server = await serve(counters(), settings())
    closed = server.watch(ConnectionClosed)
    async with connect(server.ws()) as bad, connect(server.ws()) as good:
        await good.join("count:1")
        for _ in range(8):
            await bad.say(action="publish", room="count:1", event="crash", payload=None)
        assert await bad.closed() == (3600, "messages crashed a topic too often")
        await when(lambda: len(closed) == 1)
        assert closed[0].ended_by == "crash"
        assert (await do(good, "add", 1))["payload"] == 1
        await do(good, "say", "alive")
        assert (await good.event())["payload"] == "alive"


async def test_a_room_whose_budget_is_spent_tells_its_members_and_begins_anew(serve: Serve) -> None:
    """Failures by many principals close the topic: members are told that they may return, and can."""
    server = await serve(counters(), settings())
    async with connect(server.ws()) as member:
        await member.join("count:1")
        for _ in range(8):
            async with connect(server.ws()) as client:
                await do(client, "crash")
        gone = await member.next()
        assert (gone["action"], gone["room"], gone["retry"]) == ("unsubscribed", "count:1", True)
        await member.join("count:1")
        assert (await do(member, "add", 3))["payload"] == 3


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


async def test_a_member_can_be_sent_to_alone_in_order_with_the_rest(serve: Serve) -> None:
    """`member.send` reaches only that member, between what was broadcast before and after it."""
    app = Gateway()

    @app.topic("mixed")
    class Mixed(Room):
        @on("go")
        def go(self, member: Member, payload: Any) -> None:
            self.broadcast("first")
            assert member.send("yours", event="private")
            self.broadcast("others", exclude=member)
            self.broadcast("last")

    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await one.join("mixed")
        await two.join("mixed")
        await one.publish("mixed", None, event="go")
        assert await one.payloads(3) == ["first", "yours", "last"]
        assert await two.payloads(3) == ["first", "others", "last"]


# --- channels


async def test_e5_a_channel_handler_relays_to_the_others(serve: Serve) -> None:
    """`@channel.on(event)` takes the clients' event; what it publishes reaches everybody but who it leaves out."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on("message")
    async def relay(member: Member, data: Any) -> str:
        await chat.publish("message", {"relayed": data}, exclude=member)
        return "done"

    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await one.ask(action="subscribe", channel="chat")
        await two.ask(action="subscribe", channel="chat")
        reply = await one.ask(action="publish", channel="chat", payload={"text": "hi"})
        assert reply["payload"] == "done"
        assert (await two.event())["payload"] == {"relayed": {"text": "hi"}}
        await server.app.channel("chat").publish("news", 1)
        assert (await one.event())["event"] == "news"


async def test_a_name_declared_as_a_room_takes_no_channel_handlers() -> None:
    """Two places for the handlers of one topic are refused at the declaration."""
    app = counters()
    with pytest.raises(TopicKindError):
        app.channel("count:7").on("x")


# --- from elsewhere


async def _on_threads(works: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    await when(lambda: not any(thread.is_alive() for thread in threads), "the threads")
    assert errors == []


async def test_c5_handles_work_from_plain_threads(serve: Serve) -> None:
    """Each thread's broadcasts arrive in its own order, and a receipt can be waited for there."""
    server = await serve(counters(), settings())
    offsets: list[int] = []

    def speak(name: str) -> None:
        room = server.app.room("count:1")
        for number in range(50):
            receipt = room.broadcast(f"{name}{number}")
        offsets.append(receipt.get(timeout=PATIENCE).position.offset)

    async with connect(server.ws()) as client:
        await client.join("count:1")
        await _on_threads([lambda name=name: speak(name) for name in "abcd"])  # type: ignore[misc]
        heard = await client.payloads(200)
        for name in "abcd":
            assert [one for one in heard if one[0] == name] == [f"{name}{number}" for number in range(50)]
        assert max(offsets) == 200


async def test_threads_that_meet_at_a_new_topic_start_one_only(serve: Serve) -> None:
    """However many threads publish to a name nobody has used yet: one topic, one numbering, nothing lost."""
    server = await serve(counters(), settings())
    rounds, width = 20, 8
    for turn in range(rounds):
        name, barrier = f"count:{turn}", threading.Barrier(width)

        def speak(name: str = name, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            server.app.room(name).broadcast("x").get(timeout=PATIENCE)

        await _on_threads([speak] * width)
        page = await server.app.room(name).history()
        assert [entry.offset for entry in page.entries] == list(range(1, width + 1))
    assert sorted(server.app.node.live.names()) == sorted(f"count:{turn}" for turn in range(rounds))
    assert len(server.app.node.live.supervisor._relations().children) == rounds


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
