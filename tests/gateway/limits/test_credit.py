"""Credit: what is not answered yet stops the reading of its connection, and answers start it again."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from gateway.limits.credit import Credit
from gateway.topics.behaviour import Room, on
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket
    from gateway.topics.member import Member


class Deaf(Room):
    """Takes every event and answers none for a long time."""

    patience = None

    @on("work")
    async def work(self, member: Member, data: Any) -> None:
        await passes(1e6)


async def test_what_is_not_answered_stops_the_reading(system: ActorSystem) -> None:
    """With a behaviour that does not answer, at most `in_flight_commands` are under way, and nothing grows."""
    node = await start_node(system, settings(in_flight_commands=4), behaviour=Deaf)
    ada = Peer(node, "ada")
    ada.socket.feed(
        *(json.dumps({"action": "publish", "room": "room", "event": "work", "payload": n, "ref": n}) for n in range(20))
    )
    await passes(5)
    assert (ada.socket.is_reading, ada.socket.unread) == (False, 16)
    await passes(5)
    assert ada.socket.unread == 16
    assert ada.heard() == []


async def test_silence_of_a_socket_that_is_not_read_is_no_lost_heartbeat(system: ActorSystem) -> None:
    """Its pongs wait unread behind our own slow handler; a broadcast to a peer that is gone still ends it."""
    node = await start_node(system, settings(in_flight_commands=4), behaviour=Deaf)
    ada = Peer(node, "ada")
    ada.socket.feed(
        *(json.dumps({"action": "publish", "room": "room", "event": "work", "payload": n, "ref": n}) for n in range(20))
    )
    await passes(600)
    assert ada.closes == []
    assert ada.socket.unread == 16


async def test_many_bytes_stop_the_reading_as_well(system: ActorSystem) -> None:
    """The other bound is bytes: one command may overshoot, the next waits."""
    node = await start_node(system, settings(in_flight_bytes=1000), behaviour=Deaf)
    ada = Peer(node, "ada")
    frame = json.dumps({"action": "publish", "room": "room", "event": "work", "payload": "x" * 600})
    ada.socket.feed(*[frame] * 10)
    await settle()
    assert ada.socket.unread == 8


async def test_reading_goes_on_when_answers_come(system: ActorSystem) -> None:
    """Every command is answered, however few may be under way at once."""

    class Slow(Room):
        @on("work")
        async def work(self, member: Member, data: Any) -> Any:
            await passes(0.01)
            return data

    node = await start_node(system, settings(in_flight_commands=4), behaviour=Slow)
    ada = Peer(node, "ada")
    commands = [{"action": "publish", "room": "room", "event": "work", "payload": n, "ref": n} for n in range(50)]
    ada.socket.feed(*map(json.dumps, commands))
    await passes(2)
    assert [one["ref"] for one in ada.heard()] == list(range(50))
    assert ada.socket.is_reading


async def test_frames_that_app_code_does_not_take_stop_the_reading(system: ActorSystem) -> None:
    """The queue of a function endpoint is bounded by the same credit."""
    node = await start_node(system, settings(in_flight_commands=4))
    taken: list[str] = []
    go_on = asyncio.Event()

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await go_on.wait()
        async for frame in ws:
            taken.append(frame.text())  # noqa: PERF401  # one by one, as they come

    ada = endpoint_peer(node, endpoint)
    await opened(ada)
    ada.socket.feed(*map(str, range(20)))
    await settle()
    assert ada.socket.unread == 16
    go_on.set()
    await settle()
    assert taken == [str(number) for number in range(20)]
    ada.socket.end(1000, "", True)
    await settle()
    assert len(ada.closes) == 1


def test_reading_goes_on_once_each_time_it_had_stopped() -> None:
    """At half of the limit, and not again before it is spent again; until then silence says nothing about the peer."""
    credit = Credit(4, 1_000)
    for _ in range(2):
        for _ in range(4):
            assert not credit.is_held
            credit.take(10)
        assert credit.is_held
        assert [(credit.give(10), credit.is_held) for _ in range(4)] == [
            (False, True), (True, False), (False, False), (False, False),
        ]  # fmt: skip
