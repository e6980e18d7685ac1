"""Handlers of rooms and channels, as members see them: answers, order, crashes, and what is meant for one alone."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import Gateway, Member, Room, on
from gateway.events import ConnectionClosed
from gateway.reasons import TopicKindError
from tests.support.client import connect, settings, when
from tests.support.counting import counters, do

Serve = Any


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


# --- crashes


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
