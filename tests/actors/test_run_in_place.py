"""Running in place: quicker, and otherwise not to be told from being queued."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any

import attrs
import pytest

from actors import Actor, ActorSystem, by_shortcut, handles, tell_many
from actors.clock import VirtualClock


@attrs.frozen
class Publish:
    number: int


@attrs.frozen
class Delivery:
    number: int


class Topic(Actor):
    """Broadcasts in its end-of-turn hook, as the connection machine's sender does."""

    def __init__(self, receivers: list[Any]) -> None:
        super().__init__()
        self.receivers = tuple(receivers)
        self.pending: list[Delivery] = []

    @handles(Publish)
    def publish(self, message: Publish) -> None:
        self.pending.append(Delivery(message.number))

    def on_turn_end(self) -> None:
        pending, self.pending = self.pending, []
        for delivery in pending:
            tell_many(self.receivers, delivery)


class Receiver(Actor):
    """Declares its handler for running in place; notes on which stack it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[int] = []

    @handles(Delivery, in_place=True)
    def deliver(self, message: Delivery) -> None:
        self.got.append(message.number)

    def on_receive(self, message: Any) -> Any:
        return self.got


async def _publish(system: ActorSystem, receivers: list[Any], count: int = 1) -> Any:
    topic = system.spawn(Topic, receivers)
    for number in range(count):
        topic.tell(Publish(number))
    return topic


async def test_an_idle_receiver_runs_within_its_sender_s_turn(system: ActorSystem) -> None:
    """Handled before anything was queued for it: its context exists, the run queue never held it."""
    queued: list[Any] = []

    class Noting(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            queued.append(self.actor_ref._queue.qsize())
            super().deliver(message)

    receiver = system.spawn(Noting)
    topic = await _publish(system, [receiver])
    await topic.stop()
    assert (receiver._actor.got, queued) == ([0], [0])
    assert receiver.counts().handled == 1


@pytest.mark.actors(in_place="never")
async def test_never_means_queued(system: ActorSystem) -> None:
    """The setting of the system decides; the result is the same."""
    receiver = system.spawn(Receiver)
    await _publish(system, [receiver], 3)
    await asyncio.sleep(1)
    assert receiver._actor.got == [0, 1, 2]


async def test_outside_of_a_hook_nothing_runs_in_place(system: ActorSystem) -> None:
    """From the middle of a handler, and from a task, `tell_many` only queues."""
    receiver = system.spawn(Receiver)
    tell_many([receiver], Delivery(1))
    assert receiver._actor.got == []
    assert await receiver.request("got") == [1]


@pytest.mark.allow_failures("ValueError")
@pytest.mark.parametrize("in_place", ["always", "never"])
async def test_a_failing_receiver_fails_alone(system: ActorSystem, in_place: Any) -> None:
    """Its supervisor mends it; the sender and the other receivers notice nothing."""

    class Failing(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            raise ValueError

    system.env.dispatcher.in_place = in_place
    receivers: list[Any] = [system.spawn(Receiver), system.spawn(Failing), system.spawn(Receiver)]
    topic = await _publish(system, receivers)
    await topic.stop()
    assert [await ref.request("got") for ref in receivers] == [[0], [], [0]]
    assert [ref.info().restarts for ref in (topic, *receivers)] == [0, 0, 1, 0]
    assert receivers[1].counts().failed == 1


async def test_what_a_receiver_sends_is_queued(system: ActorSystem) -> None:
    """Depth one: a receiver that broadcasts itself does not run others on the sender's stack."""
    last = system.spawn(Receiver)
    depth: list[int] = []

    class Relaying(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            tell_many([last], message)
            depth.append(len(last._actor.got))

    topic = await _publish(system, [system.spawn(Relaying)])
    await topic.stop()
    assert depth == [0]
    assert await last.request("got") == [0]


@pytest.mark.parametrize("in_place", ["always", "never"])
async def test_a_receiver_s_own_end_of_turn_hook_runs_too(system: ActorSystem, in_place: Any) -> None:
    """A delivery in place is a turn: what its hook sends is sent, now, not with some later message."""
    system.env.dispatcher.in_place = in_place
    flushed: list[list[int]] = []

    class Flushing(Receiver):
        def on_turn_end(self) -> None:
            flushed.append(list(self.got))

    topic = await _publish(system, [system.spawn(Flushing)])
    await topic.stop()
    await asyncio.sleep(1)
    assert flushed[-1:] == [[0]]


async def test_a_busy_receiver_is_queued(system: ActorSystem) -> None:
    """Suspended, restarting, with messages waiting: in order behind what it has."""

    class Busy(Receiver):
        @handles(float)
        async def wait(self, message: float) -> None:
            await asyncio.sleep(message)
            self.got.append(-1)

    receiver = system.spawn(Busy)
    receiver.tell(1.0)
    await asyncio.sleep(0.5)
    await _publish(system, [receiver], 2)
    await asyncio.sleep(1)
    assert receiver._actor.got == [-1, 0, 1]


@pytest.mark.allow_failures("ValueError")
@pytest.mark.parametrize("in_place", ["always", "never"])
async def test_a_failing_hook_loses_no_message(system: ActorSystem, facts: list[Any], in_place: Any) -> None:
    """The delivery was handled; what failed is the hook, and the fact says so."""
    system.env.dispatcher.in_place = in_place

    class Failing(Receiver):
        def on_turn_end(self) -> None:
            if self.got:
                raise ValueError

    receiver = system.spawn(Failing)
    topic = await _publish(system, [receiver])
    await topic.stop()
    await asyncio.sleep(1)
    assert [fact.doing for fact in facts if type(fact).__name__ == "ActorFailed"] == ["on_turn_end"]
    assert (receiver.counts().handled, receiver.counts().failed, receiver.info().restarts) == (1, 0, 1)


class Steps(VirtualClock):
    """Real slices, in steps: each look at the clock is 1 ms later."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop)
        self.looks = 0
        self.tick = self._look

    def _look(self) -> float:
        self.looks += 1
        return self.looks / 1000


@pytest.mark.actors
async def test_a_used_up_slice_queues_the_rest_in_order() -> None:
    """Charged to the sender: beyond it the loop gets its turn, and nobody is left out."""
    async with ActorSystem(clock=Steps(asyncio.get_running_loop())) as system:
        receivers = [system.spawn(Receiver) for _ in range(500)]
        topic = await _publish(system, receivers, 3)
        await topic.stop()
        assert [await ref.request("got") for ref in receivers] == [[0, 1, 2]] * 500


@pytest.mark.actors(real_time=True)
async def test_receivers_of_another_system_run_on_their_own_loop(system: ActorSystem) -> None:
    """`tell_many` across systems: each receiver is handled by its own dispatcher, on its own thread."""
    threads: list[int] = []
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    elsewhere: list[Any] = []

    class Far(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            threads.append(threading.get_ident())
            loop.call_soon_threadsafe(done.set)

    async def other() -> int:
        async with ActorSystem("other") as far:
            ref = far.spawn(Far)
            elsewhere.append(ref)
            ready.set()
            await ref.terminated
            return threading.get_ident()

    running = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(other())))
    await asyncio.to_thread(ready.wait, 10)
    await _publish(system, [system.spawn(Receiver), *elsewhere])
    await asyncio.wait_for(done.wait(), 10)
    elsewhere[0].stop_now()
    assert threads == [await asyncio.wait_for(running, 10)]


# --- by a shortcut


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
    await _publish(system, [receiver])  # carries nothing
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
