"""What app code tells the code of a room itself: beside its clients, and nothing of it is lost unseen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actors import handles
from actors.events import DeadLetter
from gateway.messages.receipts import Receipt
from gateway.reasons import Refused
from gateway.topics.behaviour import Room
from tests.support.peer import PLAIN, facts_of, passes, settings, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node

OPEN = settings({"room*": PLAIN})


class Counting(Room):
    """Its state is how often it was told; None is how it fails."""

    def initial_state(self) -> int:
        return 0

    @handles(int)
    def add(self, number: int) -> int:
        self.state += number
        return int(self.state)

    @handles(float)
    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def tell(node: Node, message: object, room: str = "room:1") -> Receipt[None]:
    def hand_over(topic: Any) -> None:
        topic.code().tell(message)

    return node.commands.in_turn(room, hand_over, "tell")


async def ask(node: Node, message: object) -> Any:
    code = await node.commands.in_turn("room:1", lambda topic: topic.code(), "ask")
    return await code.request(message)


async def test_a_room_that_is_told_is_not_idle(system: ActorSystem) -> None:
    """With nobody in it, it lives for as long as an empty one does after the last that it was told."""
    node = await start_node(system, OPEN, behaviour=Counting)
    for _ in range(4):
        await tell(node, 1)
        await passes(node.passivate_after * 0.75)
    assert await ask(node, 0) == 4
    await passes(node.passivate_after * 1.5)
    assert node.live.names() == ()
    assert await ask(node, 1) == 1


async def test_a_room_that_is_at_work_does_not_go(system: ActorSystem) -> None:
    """Nobody is in it, and it is still about what it was told: that, and what waits behind it, is done first."""

    class Patient(Counting):
        patience = None

    node = await start_node(system, OPEN, behaviour=Patient)
    await tell(node, node.passivate_after * 1.5)
    await tell(node, 1)
    await passes(node.passivate_after * 1.7)
    assert await ask(node, 0) == 1


@pytest.mark.allow_dead_letters("stopped")
async def test_what_a_room_had_no_time_for_is_a_dead_letter(system: ActorSystem) -> None:
    """Clients are answered by its machine; what others told it nobody else knows of."""
    letters = facts_of(system, DeadLetter)
    node = await start_node(system, OPEN, behaviour=Counting)
    for message in (60.0, 1):
        await tell(node, message)
    await passes(1.0)
    await node.commands.in_turn("room:1", lambda topic: topic.actor_ref.stop_now(), "stop")
    await passes(10.0)
    assert [(letter.message, letter.reason) for letter in letters] == [(1, "stopped")]


async def test_who_tells_a_name_without_code_learns_it(system: ActorSystem) -> None:
    """As a refusal of the receipt; the topic goes on."""
    node = await start_node(system, OPEN)
    with pytest.raises(Refused, match="no code to be told") as refused:
        await tell(node, 1)
    assert refused.value.reason == "not_available"
    assert (await node.commands.publish("room:1", "hello")).position is None


async def test_what_fails_in_a_topics_turn_fails_for_who_wanted_it(system: ActorSystem) -> None:
    """It is no failure of the topic."""
    node = await start_node(system, OPEN)

    def divide(_: object) -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        await node.commands.in_turn("room:1", divide, "divide")
    assert node.live.names() == ("room:1",)
