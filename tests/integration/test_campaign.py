"""Whatever clients of every wire do at once, and whatever fails: one order, no gap, no lie about who is there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import attrs
import pytest
from websockets.exceptions import ConnectionClosed as SocketClosed

from gateway import Gateway, History, Member, Room, on
from gateway.events import ConnectionClosed, ConnectionOpened
from tests.support.client import connect, settings, when
from tests.support.talk import PATHS, Known, Place, Talk

Serve = Any

TOPICS = ("room:a", "room:b", "room:c")
PEOPLE = 24
CONNECTIONS = 8
"""Of each of them, one after the other, before the last."""
ACTS = 15
"""On each, in the mean: two seconds for all of it (2026-11)."""


def application() -> Gateway:
    app = Gateway()

    @app.topic("room:{name}", history=History(size=60, ttl=3600.0), presence=True, presence_grace=0.0)
    class Noisy(Room):
        """Fails, or puts its member out, as it is told; the rest goes the machine's way."""

        async def on_join(self, member: Member, params: Any) -> None:
            await asyncio.sleep(0)
            if params and params.get("fail"):
                raise ArithmeticError("ordered")

        @on("fail")
        def fail(self, member: Member, data: Any) -> None:
            raise ArithmeticError("ordered")

        @on("kick")
        def kick(self, member: Member, data: Any) -> None:
            member.kick(may_return=True)

    return app


@attrs.define(eq=False)
class Person:
    """Somebody on one wire, who comes back with the positions it has."""

    wire: str
    server: Any
    known: Known
    rnd: random.Random
    kept: dict[str, Place] = attrs.Factory(dict)

    @asynccontextmanager
    async def connects(self) -> AsyncIterator[Talk]:
        """What was wrong with what it read is raised at the end."""
        async with connect(self.server.ws(PATHS[self.wire])) as client:
            talk = Talk(self.wire, client, self.known)
            reading = asyncio.create_task(talk.read())
            try:
                if self.wire == "centrifuge":
                    await talk.ask("connect")
                yield talk
            except SocketClosed:
                pass  # it was put out
            finally:
                reading.cancel()
                await asyncio.wait([reading])
            self.kept |= talk.places
            if not (reading.cancelled() or isinstance(reading.exception(), SocketClosed)):
                reading.result()

    async def lives(self, open_talks: AsyncExitStack) -> Talk:
        """On one connection after the other, of which the last stays open unless somebody else ends it."""
        for _ in range(CONNECTIONS):
            async with self.connects() as talk:
                await self._acts(talk)
                if self.rnd.random() < 0.5:
                    await talk.client.close()
        last = await open_talks.enter_async_context(self.connects())
        with suppress(SocketClosed):
            await self._acts(last)
        return last

    async def _acts(self, talk: Talk) -> None:
        for _ in range(self.rnd.randrange(2 * ACTS)):
            await self._act(talk)
            if self.rnd.random() < 0.7:
                await asyncio.sleep(0)

    async def _act(self, talk: Talk) -> None:
        topic, chance = self.rnd.choice(TOPICS), self.rnd.random()
        if chance < 0.25 and not talk.is_about(topic):
            await talk.ask("join", topic, **({"fail": True} if chance < 0.003 else self._since(topic)))
        elif chance < 0.35:
            await talk.ask("leave", topic)
        elif chance < 0.40 and self.wire != "centrifuge" and topic in talk.places:
            await talk.ask("publish", topic, event="kick" if chance < 0.39 else "fail")
        elif chance < 0.42:
            self._harm(topic)
        elif chance < 0.50:
            await talk.ask("ping")
        else:
            await talk.ask("publish", topic)

    def _since(self, topic: str) -> dict[str, Any]:
        """Whoever comes back goes on where it was."""
        place = self.kept.get(topic)
        return {} if place is None else {"since": {"epoch": place.epoch, "offset": place.offset}}

    def _harm(self, topic: str) -> None:
        """Something at the server ends: a connection, the app code of a topic, or what all were a member of."""
        kind = self.rnd.choice(["/connections/", f"/topics/{topic}/behaviour", ""])
        if not kind:
            self.server.app.room(topic).close(may_return=True)
        elif found := [ref for ref in self.server.app.node.system.root.walk() if ref.path.startswith(kind)]:
            self.rnd.choice(found).kill()


def unrest(talks: list[Talk], app: Gateway) -> list[Any]:
    """What somebody who is still there was not answered, has not got, or takes for true of who is where."""
    stay = [talk for talk in talks if not talk.is_over]
    found: list[Any] = [(talk.wire, talk.asked) for talk in stay if talk.asked]
    if {talk.client.id for talk in stay} != set(app.connections):
        found.append(("open", {talk.client.id for talk in stay} ^ set(app.connections)))
    for topic in TOPICS:
        there = {member.id for member in app.node.commands.members(topic)}
        places = {talk.client.id: talk.places[topic] for talk in stay if topic in talk.places}
        if places.keys() != there:
            found.append((topic, "members", places.keys() ^ there))
        if len({place.offset for place in places.values()}) > 1:
            found.append((topic, "offsets", places))
        found += [
            (topic, "people", place.people ^ there) for place in places.values() if place.people not in (None, there)
        ]
    return found


@pytest.mark.slow
@pytest.mark.allow_failures("ArithmeticError")
@pytest.mark.parametrize("seed", range(3))
async def test_all_at_once(serve: Serve, seed: int) -> None:
    """
    Members of all wires come, go, speak, are put out and cut off; connections and the code of topics are killed.

    Each reads every offset once and in order, or is told that it does not; two never read different things at one; who
    comes back has what it missed; each question has one answer; and in the end everybody sees who is there.
    """
    rnd = random.Random(seed)
    server = await serve(application(), settings(LIMITS__MESSAGES_PER_SECOND="10000", LIMITS__BURST="10000"))
    facts = server.watch(ConnectionOpened, ConnectionClosed)
    known = Known()
    wires = [rnd.choice(tuple(PATHS)) for _ in range(PEOPLE)]
    people = [Person(wire, server, known, random.Random(rnd.random())) for wire in wires]
    async with AsyncExitStack() as open_talks:
        async with asyncio.timeout(60):
            talks = await asyncio.gather(*(person.lives(open_talks) for person in people))
        with suppress(TimeoutError):
            async with asyncio.timeout(60):  # a room that has failed often comes back after some seconds
                while unrest(talks, server.app):  # noqa: ASYNC110  # any state of both sides is waited for
                    await asyncio.sleep(0.01)
        assert unrest(talks, server.app) == []
    for topic, epoch, offset, what in known.acknowledged:
        known.see(topic, epoch, offset, what)
    assert max(Counter(what for place in known.places.values() for what in place.values()).values()) == 1
    await when(lambda: not server.app.connections)
    ends = Counter((type(fact), fact.connection) for fact in facts)
    assert set(ends.values()) == {1}
    assert {name for kind, name in ends if kind is ConnectionOpened} == {
        name for kind, name in ends if kind is ConnectionClosed
    }
