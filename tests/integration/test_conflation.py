"""What a slow reader gets where only the latest counts: per key, as its publisher names it, or as it comes about."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway import Gateway, History
from gateway.events import PublicationDropped
from gateway.reasons import Refused
from tests.support.client import connect, settings, when
from tests.support.listening import PIECE, listening
from tests.support.raw_client import RawClient

Serve = Any
KEYS = ("red", "green", "blue")


async def slow_listener(server: Any) -> RawClient:
    client = await RawClient.open(server.app.server.port, path="/")
    await when(lambda: server.app.room("news").size == 1)
    client.stop_reading()
    return client


async def until(happened: Callable[[], bool], publish: Callable[[int], Any]) -> int:
    """Publishes 0, 1, 2... until that; returns how many."""
    number = 0
    while not happened():
        await publish(number)
        number += 1
        assert number < 3_000, "it did not come about"
    return number


async def read(client: RawClient, last: int) -> list[int]:
    """The numbers of all frames up to that one."""
    heard: list[int] = []
    while not heard or heard[-1] != last:
        heard.append(json.loads((await client.frame()).payload)["n"])
    return heard


async def test_a_slow_reader_gets_the_latest_of_each_key(serve: Serve) -> None:
    """What is behind the first hole is one value per key: the last; what was dropped is a fact each."""
    server = await serve(listening(slow="conflate"), settings())
    drops = server.watch(PublicationDropped)
    client, room = await slow_listener(server), server.app.room("news")
    publish = lambda n: room.broadcast({"n": n, "text": PIECE}, conflate=KEYS[n % 3])  # noqa: E731
    count = await until(lambda: len(drops) >= 60, publish)
    client.read_on()
    heard = await read(client, count - 1)
    assert heard == sorted(set(heard))
    assert heard[-3:] == [count - 3, count - 2, count - 1]
    assert len(heard) + len(drops) == count
    whole = next(at for at, n in enumerate(heard) if at != n)  # what had left before it was slow
    assert len(heard) - whole <= 3
    client.abort()


async def test_what_has_no_key_is_neither_replaced_nor_replaces(serve: Serve) -> None:
    """Among values of a key, every message without one arrives, in its place."""
    server = await serve(listening(slow="conflate"), settings())
    drops = server.watch(PublicationDropped)
    client, room = await slow_listener(server), server.app.room("news")

    async def publish(n: int) -> None:
        key = None if n % 20 == 0 else "red"
        await room.broadcast({"n": n, "text": PIECE if key else ""}, conflate=key)

    count = await until(lambda: len(drops) >= 60, publish)
    client.read_on()
    heard = await read(client, count - 1)
    assert heard == sorted(heard)
    assert [n for n in heard if n % 20 == 0] == list(range(0, count, 20))
    client.abort()


async def test_a_key_means_nothing_where_everything_counts(serve: Serve) -> None:
    """A topic that is not set to conflate sends every value."""
    server = await serve(listening(), settings())
    client, room = await slow_listener(server), server.app.room("news")
    for n in range(60):
        await room.broadcast({"n": n, "text": PIECE}, conflate="red")
    client.read_on()
    assert await read(client, 59) == list(range(60))
    client.abort()


async def test_keys_stay_apart_from_those_of_senders(serve: Serve) -> None:
    """Without a key, the key is who said what: the same from two clients, or two events of one, are four values."""
    talkative = settings(LIMITS__MESSAGES_PER_SECOND="100000", LIMITS__BURST="100000")
    server = await serve(listening(slow="conflate"), talkative)
    drops = server.watch(PublicationDropped)
    slow = await slow_listener(server)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        turns = [(who, event) for who in (ada, bob) for event in ("move", "click")]
        for who in (ada, bob):
            await who.join("news")

        async def publish(n: int) -> None:
            who, event = turns[n % 4]
            await who.publish("news", {"n": n, "text": PIECE}, event=event)

        count = await until(lambda: len(drops) >= 40, publish)
        slow.read_on()
        heard = await read(slow, count - 1)
        assert heard[-4:] == list(range(count - 4, count))
        assert len(heard) + len(drops) == count
    slow.abort()


async def test_a_channel_publishes_the_latest_for_somebody(serve: Serve) -> None:
    """The sender is shown, and gets nothing; kept is everything, whatever is conflated on its way."""
    app = Gateway()
    channel = app.channel("news", history=History(size=10))
    server = await serve(app, settings())
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for who in (ada, bob):
            await who.join("news")
        (publisher,) = [one for one in await channel.members() if one.id == ada.id]
        done = [await channel.publish("move", n, publisher=publisher, conflate="ada") for n in range(3)]
        assert [one.position.offset for one in done if one.position] == [1, 2, 3]
        got = [await bob.event() for _ in range(3)]
        assert [(one["payload"], one["event"], one["sender"]["client"]) for one in got] == [
            (n, "move", ada.id) for n in range(3)
        ]
        await channel.publish("end", None, conflate="end")
        assert (await ada.event())["event"] == "end"
    assert len((await channel.history()).entries) == 4


async def test_it_keeps_its_order_among_the_others(serve: Serve) -> None:
    """With a key or without, one thread's calls arrive in their order."""
    server = await serve(listening(slow="conflate", presence=True), settings())
    client, room = await slow_listener(server), server.app.room("news")
    client.read_on()
    receipts = [room.broadcast({"n": n}, conflate="red" if n % 2 else None) for n in range(20)]
    await receipts[-1]
    assert await read(client, 19) == list(range(20))
    client.abort()


async def test_it_is_refused_like_any_other(serve: Serve) -> None:
    """A gateway that is about to stop takes nothing more; what cannot be encoded is refused at the call."""
    server = await serve(listening(slow="conflate"), settings())
    room = server.app.room("news")
    with pytest.raises(TypeError, match="NaN"):
        room.broadcast(float("nan"), conflate="red")
    server.app.node.is_draining = True
    with pytest.raises(Refused, match="about to stop"):
        await room.broadcast({"n": 1}, conflate="red")
