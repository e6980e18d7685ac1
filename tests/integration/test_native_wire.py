"""The native wire against a real server: the seeds' frames, presence, history, and recovery over cut connections."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from tests.support.client import SUBPROTOCOL, Client, connect, settings, when
from tests.support.proxy import Proxy, proxy_to
from tests.support.raw_client import PATIENCE

Serve = Any
ROOM = "public:r"


# --- the first frames


async def test_hello_comes_only_with_the_subprotocol(demo_server: Any) -> None:
    """Who names `gateway.v1` is greeted with its id; who does not sees no frame it did not ask for."""
    async with connect(demo_server.ws(), subprotocols=(SUBPROTOCOL,)) as client:
        assert client.socket.subprotocol == SUBPROTOCOL
        assert await client.next() == {"action": "hello", "client": client.id, "protocol": "gateway.v1", "ping": 25.0}
    async with connect(demo_server.ws()) as client:
        assert client.socket.subprotocol is None
        await client.say(action="ping")
        assert (await client.next())["action"] == "pong"


async def test_e7_the_four_frames_of_the_oldest_seed_work_unchanged(demo_server: Any) -> None:
    """join_room, subscribe, chat, leave_room and unsubscribe, as the document has them; chat spares its sender."""
    async with connect(demo_server.ws()) as one, connect(demo_server.ws()) as two:
        await two.send('{"action":"subscribe","channel":"chat"}')
        assert (await two.next())["status"] == "subscribed"
        await one.send('{"action":"join_room","room":"general"}')
        joined = await one.next()
        assert (joined["status"], joined["room"]) == ("joined", "general")
        await one.send('{"action":"subscribe","channel":"chat"}')
        subscribed = await one.next()
        assert (subscribed["status"], subscribed["channel"]) == ("subscribed", "chat")
        await one.send('{"action":"chat","user":"John","message":"Hello everyone!"}')
        assert await one.next() == {"status": "message_sent"}
        event = await two.event()
        assert (event["channel"], event["event"]) == ("chat", "message")
        assert event["payload"] == {"user": "John", "message": "Hello everyone!"}
        assert event["sender"] == {"client": one.id, "user": ""}
        await one.send('{"action":"leave_room","room":"general"}')
        assert await one.next() == {"status": "left", "room": "general"}
        await one.send('{"action":"unsubscribe","channel":"chat"}')
        assert await one.next() == {"status": "unsubscribed", "channel": "chat"}


@pytest.mark.parametrize(
    ("frame", "reason", "code"),
    [
        ("{", "bad_request", 107),
        ('"text"', "bad_request", 107),
        (b"\xff", "bad_request", 107),
        ("{}", "bad_request", 107),
        ('{"action":"join_room"}', "bad_request", 107),
        ('{"action":"join_room","room":7}', "bad_request", 107),
        ('{"action":"join_room","room":"a,b"}', "bad_request", 107),
        ('{"action":"join_rom","room":"x"}', "unknown_action", 104),
        ('{"action":"join_room","room":"private:x"}', "unauthorized", 101),
        ('{"action":"publish","room":"private:x","payload":1}', "unauthorized", 101),
        ('{"action":"history","room":"public:x","since":{"offset":1,"epoch":"other"}}', "unrecoverable_position", 112),
    ],
)
async def test_a_frame_that_cannot_be_carried_out_is_answered(
    demo_server: Any, frame: Any, reason: str, code: int
) -> None:
    """One error with a reason from the table; the connection stays and the next frame works."""
    async with connect(demo_server.ws()) as client:
        await client.send(frame)
        error = await client.next()
        assert error["status"] == "error"
        assert (error["error"]["reason"], error["error"]["code"]) == (reason, code)
        assert (await client.ask(action="ping"))["timestamp"] > 0


async def test_ten_frames_that_nobody_understands_end_the_connection(demo_server: Any) -> None:
    """The tenth closes as `too_many_errors`; each was answered."""
    async with connect(demo_server.ws()) as client:
        for _ in range(10):
            await client.send("no json")
        assert [(await client.next())["status"] for _ in range(10)] == ["error"] * 10
        assert await client.closed() == (3509, "too many errors")


# --- rooms


async def test_presence_tells_who_is_there_who_comes_and_who_goes(demo_server: Any) -> None:
    """The reply counts, a state frame follows, then joins and leaves; who did not ask is not told."""
    url = demo_server.ws()
    async with connect(url) as one, connect(url) as silent:
        await silent.join("r")
        reply = await one.join("r", presence=True, info={"name": "Ada"})
        assert reply["members"] == 2
        here = {"client": one.id, "user": "", "info": {"name": "Ada"}}
        state = await one.next()
        assert state == {
            "action": "presence", "room": "r", "state": [{"client": silent.id, "user": ""}, here],
        }  # fmt: skip
        async with connect(url) as two:
            await two.join("r")
            them = {"client": two.id, "user": ""}
            assert await one.next() == {"action": "presence", "room": "r", "joins": [them], "leaves": []}
            asked = await two.ask(action="presence", room="r")
            assert (asked["clients"], asked["users"], asked["members"][1]) == (3, 1, here)
            two.cut()
            assert await one.next() == {"action": "presence", "room": "r", "joins": [], "leaves": [them]}
        await silent.say(action="ping")
        assert (await silent.next())["action"] == "pong"


async def test_a_publication_reaches_every_member_with_offset_and_sender(demo_server: Any) -> None:
    """Each event carries room, event name, payload, offset, epoch, time and sender; the publisher gets the position."""
    async with connect(demo_server.ws()) as one, connect(demo_server.ws()) as two:
        joined = await one.join("public:x")
        await two.ask(action="subscribe", channel="public:x")
        reply = await one.publish("public:x", {"text": "grüße"}, event="said")
        assert reply["offset"] == joined["offset"] + 1
        mine, theirs = await one.event(), await two.event()
        assert theirs.pop("channel") == mine.pop("room") == "public:x"
        assert mine == theirs
        assert mine.pop("time") > 0
        assert mine == {
            "action": "event", "event": "said", "payload": {"text": "grüße"}, "offset": reply["offset"],
            "epoch": joined["epoch"], "sender": {"client": one.id, "user": ""},
        }  # fmt: skip


async def test_echo_false_spares_the_publisher_also_when_it_recovers(serve: Serve) -> None:
    """The publisher gets neither the live event nor the replayed one, and its position moves all the same."""
    from gateway import Gateway, History, Room

    app = Gateway()
    app.topic("kept", history=History(size=10))(Room)
    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        joined = await one.join("kept")
        await two.join("kept")
        await one.publish("kept", "quiet", echo=False)
        await one.publish("kept", "loud")
        assert (await one.event())["payload"] == "loud"
        assert await two.payloads(2) == ["quiet", "loud"]
        since = {"offset": joined["offset"], "epoch": joined["epoch"]}
        again = await one.join("kept", since=since)
        assert (again["recovered"], again["missed"], again["offset"]) == (True, 1, 2)
        assert (await one.event())["payload"] == "loud"


async def test_the_same_id_published_again_gets_the_first_position_and_is_delivered_once(serve: Serve) -> None:
    """After a cut a client sends again what was not answered: members hear it once, also where no app code is."""
    from gateway import Gateway, History, Room

    app = Gateway()
    app.topic("kept", history=History(size=10))(Room)
    server = await serve(app, settings())
    async with connect(server.ws()) as one, connect(server.ws()) as two:
        await two.join("kept")
        first = await one.publish("kept", "once", id="k1")
        second = await one.publish("kept", "once", id="k1")
        last = await one.publish("kept", "last", id="k2")
        assert first == second
        assert last["offset"] == first["offset"] + 1
        assert await two.payloads(2) == ["once", "last"]
        page = await one.ask(action="history", room="kept")
        assert [event["payload"] for event in page["events"]] == ["once", "last"]


async def test_history_is_read_in_pages_in_both_directions(demo_server: Any) -> None:
    """`limit`, `since` and `reverse`; limit 0 is only the position; pages meet without gap or repeat."""
    async with connect(demo_server.ws()) as client:
        for number in range(1, 8):
            await client.publish("public:h", {"text": str(number)})

        async def page(**options: Any) -> tuple[list[int], dict[str, Any]]:
            reply = await client.ask(action="history", channel="public:h", **options)
            return [event["offset"] for event in reply["events"]], reply

        everything, reply = await page()
        assert everything == [1, 2, 3, 4, 5, 6, 7]
        assert reply["offset"] == 7
        epoch = reply["epoch"]
        assert (await page(limit=0))[0] == []
        assert (await page(limit=3))[0] == [1, 2, 3]
        assert (await page(limit=3, since={"offset": 3, "epoch": epoch}))[0] == [4, 5, 6]
        assert (await page(limit=3, since={"offset": 6, "epoch": epoch}))[0] == [7]
        assert (await page(limit=3, reverse=True))[0] == [7, 6, 5]
        assert (await page(limit=3, reverse=True, since={"offset": 5, "epoch": epoch}))[0] == [4, 3, 2]


async def test_commands_are_answered_in_order_with_their_own_refs(demo_server: Any) -> None:
    """A hundred commands sent at once come back one by one, each with its `ref`, strings and numbers alike."""
    async with connect(demo_server.ws()) as client:
        refs: list[Any] = [number if number % 2 else f"r{number}" for number in range(100)]
        for ref in refs:
            await client.say(action="publish", channel="open", payload=ref, ref=ref)
        assert [(await client.next())["ref"] for _ in refs] == refs


async def test_a_pong_of_the_page_is_understood_and_not_answered(demo_server: Any) -> None:
    """`{"type":"pong"}` and `{"action":"pong"}` say only that the page lives."""
    async with connect(demo_server.ws()) as client:
        await client.send('{"type":"pong"}')
        await client.say(action="pong")
        await client.say(action="ping", ref=1)
        assert (await client.next())["ref"] == 1


# --- recovery


class Reader:
    """A client that comes back: keeps its position, joins with it after each loss, and notes every offset it hears."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.offsets: list[int] = []
        self.payloads: list[Any] = []
        self.epoch: str | None = None
        self.joins: list[dict[str, Any]] = []

    async def run(self, until: int) -> None:
        """Reads, over any number of connections, up to that offset."""
        while not self.offsets or self.offsets[-1] < until:
            try:
                async with connect(self.url) as client:
                    await self._read(client, until)
            except (WebSocketException, OSError):  # cut, perhaps within the handshake
                continue

    async def _read(self, client: Client, until: int) -> None:
        # from before the first publication: then what it hears must be everything
        since = {"offset": self.offsets[-1] if self.offsets else 0, "epoch": self.epoch or ""}
        await client.say(action="join_room", room=ROOM, since=since)
        while not self.offsets or self.offsets[-1] < until:
            frame = await client.next()
            if frame.get("status") == "joined":
                self.joins.append(frame)
                self.epoch = frame["epoch"]
            elif frame.get("action") == "event":
                self.offsets.append(frame["offset"])
                self.payloads.append(frame["payload"])


async def _publish_steadily(server: Any, count: int, heard: Any) -> None:
    """From the app, a burst at a time, as fast as the readers come along."""
    room = server.app.room(ROOM)
    for number in range(1, count + 1):
        await room.broadcast({"n": number})
        if number % 5 == 0:
            await when(lambda: heard() > number - 60, "the readers")  # noqa: B023  # awaited at once


async def _cut_now_and_then(proxy: Proxy, chance: random.Random, done: asyncio.Event, cuts: list[int]) -> None:
    """After a random number of bytes, over and over."""
    while not done.is_set():
        target = proxy.passed_bytes + chance.randrange(1, 3000)
        while proxy.passed_bytes < target and not done.is_set():  # noqa: ASYNC110  # any byte may be the last
            await asyncio.sleep(0)
        proxy.cut()
        cuts.append(proxy.passed_bytes)


async def _survive_cuts(server: Any, count: int, min_cuts: int, seed: int) -> None:
    async with proxy_to(server.app.server.port) as proxy:
        readers = [Reader(f"ws://127.0.0.1:{proxy.port}/ws") for _ in range(3)]
        done, cuts = asyncio.Event(), list[int]()

        def slowest() -> int:
            return min(len(reader.offsets) for reader in readers)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            cutting = group.create_task(_cut_now_and_then(proxy, random.Random(seed), done, cuts))
            reading = [group.create_task(reader.run(count)) for reader in readers]
            group.create_task(_publish_steadily(server, count, slowest))
            await asyncio.wait(reading)
            done.set()
            await cutting
    for reader in readers:
        assert reader.offsets == list(range(1, count + 1))
        assert reader.payloads == [{"n": number} for number in range(1, count + 1)]
        assert all(join["recovered"] for join in reader.joins)
    assert len(cuts) >= min_cuts
    assert sum(len(reader.joins) for reader in readers) >= min_cuts


async def test_recovery_after_cuts_has_no_gap_and_no_repeat(serve: Serve) -> None:
    """However often and wherever the connection is cut while messages flow: each reader hears 1, 2, 3... exactly."""
    await _survive_cuts(await serve(), count=300, min_cuts=10, seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_recovery_after_hundreds_of_cuts_has_no_gap_and_no_repeat(serve: Serve, seed: int) -> None:
    """The same, long enough to meet rare orders."""
    await _survive_cuts(await serve(), count=3000, min_cuts=60, seed=seed)


async def test_a_restarted_server_says_that_it_cannot_recover(serve: Serve) -> None:
    """Another process is another epoch: `recovered: false`, nothing replayed, and a position to go on from."""
    server = await serve(settings=settings(ADMIN__LISTEN="off"))
    async with connect(server.ws()) as client:
        before = await client.join(ROOM)
        await client.publish(ROOM, {"text": "lost"})
    await server.restart()
    async with connect(server.ws()) as client:
        after = await client.join(ROOM, since={"offset": 1, "epoch": before["epoch"]})
        assert (after["recovered"], after["missed"], after["offset"]) == (False, 0, 0)
        assert after["epoch"] != before["epoch"]
        await client.publish(ROOM, {"text": "new"})
        assert (await client.event())["offset"] == 1


async def test_who_was_away_too_long_is_told_so(serve: Serve) -> None:
    """More than the history keeps: `recovered: false`, no partial replay, live events from the position on."""
    from gateway import Gateway, History, Room

    app = Gateway()
    app.topic("short", history=History(size=3))(Room)
    server = await serve(app, settings())
    async with connect(server.ws()) as client:
        joined = await client.join("short")
        await client.ask(action="leave_room", room="short")
        for number in range(4):
            await client.publish("short", number)
        since = {"offset": 0, "epoch": joined["epoch"]}
        late = await client.join("short", since=since)
        assert (late["recovered"], late["offset"]) == (False, 4)
        in_time = await client.join("short", since={**since, "offset": 1})
        assert (in_time["recovered"], in_time["missed"]) == (True, 3)
        assert await client.payloads(3) == [1, 2, 3]


async def test_a_client_that_goes_right_after_its_messages_loses_none_of_them(demo_server: Any) -> None:
    """What was sent before a clean close is published before its sender leaves the room."""
    async with connect(demo_server.ws()) as one, connect(demo_server.ws()) as two:
        await one.join("r", presence=True)
        await one.next()
        await two.join("r")
        for number in range(50):
            await two.send(json.dumps({"action": "publish", "room": "r", "payload": number}))
        await two.close()
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE):
            while not (seen and seen[-1].get("leaves")):
                seen.append(await one.next())
        assert [frame["payload"] for frame in seen if frame["action"] == "event"] == list(range(50))
