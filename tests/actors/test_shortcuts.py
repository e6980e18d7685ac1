"""The shortcut of an idle receiver: what a broadcast carries goes by it, and order and failures are those of a turn."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import pytest

from actors import ActorSystem, by_shortcut, handles, is_idle, is_on_its_thread, tell_many
from tests.support.broadcasts import Delivery, Publish, Receiver, Topic, publish


class Carrier(Topic):
    """What it broadcasts carries its number."""

    def on_turn_end(self) -> None:
        pending, self.pending = self.pending, []
        for delivery in pending:
            tell_many(self.receivers, delivery, delivery.number)


class Short(Receiver):
    """Has a shortcut while it is open; notes which way something came."""

    def on_start(self) -> None:
        self.shortcut(self.arrive)

    def arrive(self, number: int) -> None:
        self.got.append(number + 100)
        self.actor_ref.tell("told meanwhile")
        if number < 0:
            raise ValueError(number)

    @handles(str)
    def note(self, message: str) -> None:
        self.got.append(-1)

    @handles(float)
    async def wait(self, message: float) -> None:
        await asyncio.sleep(message)

    @handles(bool)
    def close(self, message: bool) -> None:
        self.shortcut(None)


async def _carry(system: ActorSystem, receivers: list[Any], *numbers: int) -> None:
    topic = system.spawn(Carrier, receivers)
    for number in numbers:
        topic.tell(Publish(number))
    await asyncio.sleep(0.1)


async def test_what_a_broadcast_carries_goes_by_the_shortcut_of_an_idle_receiver(system: ActorSystem) -> None:
    """It counts as handled; what the receiver is told by it is handled after it, in a turn."""
    receiver = system.spawn(Short)
    await asyncio.sleep(0.1)
    await _carry(system, [receiver], 1)
    assert receiver._actor.got == [101, -1]
    assert (receiver.shortcuts, receiver.counts().accepted, receiver.counts().handled) == (1, 2, 2)
    assert system.metrics()[Short.__qualname__].handled == 2
    await publish(system, [receiver])  # carries nothing
    await asyncio.sleep(0.1)
    assert receiver._actor.got == [101, -1, 0]
    assert receiver.shortcuts == 1


async def test_a_busy_receiver_s_shortcut_is_not_taken(system: ActorSystem) -> None:
    """What waits already comes first: order is the same with and without."""
    receiver = system.spawn(Short)
    await asyncio.sleep(0.1)
    receiver.tell(0.05)
    await asyncio.sleep(0.01)
    await _carry(system, [receiver], 1)
    assert receiver._actor.got == [1]


async def test_a_shortcut_that_was_taken_back_is_not_taken(system: ActorSystem) -> None:
    """By the actor itself, or by whoever sees that the way is blocked."""
    receivers: list[Any] = [system.spawn(Short), system.spawn(Short)]
    await asyncio.sleep(0.1)
    receivers[0].tell(True)
    receivers[1].close_shortcut()
    await asyncio.sleep(0.1)
    await _carry(system, receivers, 1)
    assert [ref._actor.got for ref in receivers] == [[1], [1]]


async def test_without_a_handler_in_place_there_is_no_shortcut(system: ActorSystem) -> None:
    """It stands for one: a class that may not be run in place is not gone round either."""

    class Plain(Short):
        @handles(Delivery)
        def deliver(self, message: Delivery) -> None:
            super().deliver(message)

    receiver = system.spawn(Plain)
    await asyncio.sleep(0.1)
    await _carry(system, [receiver], 1)
    assert receiver._actor.got == [1]


@pytest.mark.parametrize("in_place", ["never", "always"])
async def test_in_place_never_means_no_shortcut_either(system: ActorSystem, in_place: Any) -> None:
    """The setting of the system decides."""
    system.env.dispatcher.in_place = in_place
    receiver = system.spawn(Short)
    await asyncio.sleep(0.1)
    await _carry(system, [receiver], 1)
    assert receiver._actor.got == ([101, -1] if in_place == "always" else [1])


@pytest.mark.allow_failures("ValueError")
async def test_a_shortcut_fails_as_its_actor_does(system: ActorSystem) -> None:
    """Its supervisor mends it, and the next instance leaves its own; the sender and the others go on."""
    receiver, other = system.spawn(Short), system.spawn(Receiver)
    await asyncio.sleep(0.1)
    failing = receiver._actor
    await _carry(system, [receiver, other], -1, 2)
    assert receiver.info().restarts == 1
    assert failing.got == [99]
    assert receiver._actor.got == [-1, 2]  # told meanwhile; what comes while it is mended is queued
    assert (receiver.counts().failed, receiver.shortcuts) == (1, 0)
    assert other._actor.got == [-1, 2]
    await _carry(system, [receiver], 3)
    assert receiver._actor.got == [-1, 2, 103, -1]


async def test_one_shortcut_can_be_taken_outside_of_a_broadcast(system: ActorSystem) -> None:
    """By whoever would tell the receiver alone: only if it is idle, has one, and the caller is on the loop's thread."""
    receiver, plain = system.spawn(Short), system.spawn(Receiver)
    assert not by_shortcut(receiver, 1)  # it has not started
    await asyncio.sleep(0.1)
    assert by_shortcut(receiver, 1)
    assert not by_shortcut(receiver, 2)  # told meanwhile, and that waits
    assert not by_shortcut(plain, 1)
    await asyncio.sleep(0.1)
    assert receiver._actor.got == [101, -1]
    assert not await asyncio.to_thread(by_shortcut, receiver, 3)
    system.env.dispatcher.in_place = "never"
    assert not by_shortcut(receiver, 4)
    assert (receiver.shortcuts, receiver.counts().handled) == (1, 2)


@pytest.mark.allow_failures("ValueError")
async def test_a_shortcut_that_fails_outside_of_a_broadcast_fails_its_actor_alone(system: ActorSystem) -> None:
    """Nothing is raised in the sender, and nothing has to be told any more."""
    receiver = system.spawn(Short)
    await asyncio.sleep(0.1)
    assert by_shortcut(receiver, -1)
    await asyncio.sleep(0.1)
    assert (receiver.info().restarts, receiver.counts().failed) == (1, 1)


@pytest.mark.allow_failures("ValueError")
async def test_a_shortcut_goes_with_its_instance(system: ActorSystem) -> None:
    """The next one is not gone round before it has left its own; what has ended for good keeps nothing alive."""

    class Once(Short):
        def on_start(self) -> None:
            if self.actor_ref.info().incarnation == 1:
                super().on_start()

    receiver = system.spawn(Once)
    await asyncio.sleep(0.1)
    await _carry(system, [receiver], -1)
    await _carry(system, [receiver], 1)
    assert receiver._actor.got == [-1, 1]
    last = system.spawn(Short)
    await asyncio.sleep(0.1)
    instance = weakref.ref(last._actor)
    await last.stop()
    assert instance() is None


async def test_idle_is_who_can_be_gone_round_without_a_change_of_order(system: ActorSystem) -> None:
    """Not while a message waits, not on another thread, not once it is gone, and never if in-place is off."""
    receiver = system.spawn(Receiver)
    await asyncio.sleep(0.1)
    assert is_idle(receiver)
    assert is_on_its_thread(receiver)
    assert not await asyncio.to_thread(is_on_its_thread, receiver)
    receiver.tell(1)
    assert not is_idle(receiver)
    await asyncio.sleep(0.1)
    assert is_idle(receiver)
    system.env.dispatcher.in_place = "never"
    assert not is_idle(receiver)
    system.env.dispatcher.in_place = "always"
    await receiver.stop()
    assert not is_idle(receiver)
