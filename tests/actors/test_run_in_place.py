"""Running in place: quicker, and otherwise not to be told from being queued."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from actors import Actor, ActorSystem, DispatcherSettings, handles, run_now, tell_many
from actors.clock import VirtualClock
from tests.support.broadcasts import Delivery, Publish, Receiver, Topic, publish


async def test_an_idle_receiver_runs_within_its_sender_s_turn(system: ActorSystem) -> None:
    """Handled before anything was queued for it: its context exists, the run queue never held it."""
    queued: list[Any] = []

    class Noting(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            queued.append(self.actor_ref._queue.qsize())
            super().deliver(message)

    receiver = system.spawn(Noting)
    topic = await publish(system, [receiver])
    await topic.stop()
    assert (receiver._actor.got, queued) == ([0], [0])
    assert receiver.counts().handled == 1


@pytest.mark.actors(in_place="never")
async def test_never_means_queued(system: ActorSystem) -> None:
    """The setting of the system decides; the result is the same."""
    receiver = system.spawn(Receiver)
    await publish(system, [receiver], 3)
    await asyncio.sleep(1)
    assert receiver._actor.got == [0, 1, 2]


@pytest.mark.actors(in_place="random", seed=1)
async def test_an_exploration_lets_a_coin_say_who_runs_in_place(system: ActorSystem) -> None:
    """Some of them, and all others have a turn."""
    receivers = [system.spawn(Receiver) for _ in range(200)]
    await asyncio.sleep(0.1)
    at_once: list[int] = []

    class Looking(Topic):
        def on_turn_end(self) -> None:
            super().on_turn_end()
            at_once.append(sum(len(ref._actor.got) for ref in receivers))

    topic = system.spawn(Looking, receivers)
    topic.tell(Publish(0))
    await asyncio.sleep(1)
    assert any(0 < some < 200 for some in at_once)
    assert [ref._actor.got for ref in receivers] == [[0]] * 200


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
    topic = await publish(system, receivers)
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

    topic = await publish(system, [system.spawn(Relaying)])
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

    topic = await publish(system, [system.spawn(Flushing)])
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
    await publish(system, [receiver], 2)
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
    topic = await publish(system, [receiver])
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
        topic = await publish(system, receivers, 3)
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
    await publish(system, [system.spawn(Receiver), *elsewhere])
    await asyncio.wait_for(done.wait(), 10)
    elsewhere[0].stop_now()
    assert threads == [await asyncio.wait_for(running, 10)]


@pytest.mark.parametrize("turn", range(1, 6))
@pytest.mark.parametrize("has_shortcut", [False, True])
async def test_nobody_runs_in_the_middle_of_its_own_turn(system: ActorSystem, turn: int, has_shortcut: bool) -> None:
    """Also in a turn without messages, as of one that stood in the queue twice: what it tells itself then waits."""
    gone = system.spawn(Receiver)
    await gone.stop()
    depths: list[int] = []

    class Own(Receiver):
        turns = depth = 0

        @handles(Delivery, in_place=True)
        def deliver(self, message: Delivery) -> None:
            depths.append(self.depth)

        @handles(Publish)
        def go(self, _: Publish) -> None:
            if has_shortcut:
                self.shortcut(lambda _: depths.append(self.depth))
            self.watch(gone)  # posts to itself in its own turn

        def on_turn_end(self) -> None:
            self.turns += 1
            self.depth += 1
            if self.turns == turn:
                tell_many((self.actor_ref,), Delivery(1), carried="frame")
            self.depth -= 1

    ref = system.spawn(Own)
    for number in range(3):
        ref.tell(Publish(number))
        await asyncio.sleep(1)
    assert depths == [0]
    assert (ref.info().restarts, ref.counts().balanced) == (0, True)


async def test_a_callback_of_the_loop_runs_an_idle_receiver_at_once(system: ActorSystem) -> None:
    """Not if a message waits."""
    receiver = system.spawn(Receiver)
    await asyncio.sleep(0.1)
    assert run_now(receiver, Receiver.deliver, Delivery(1))
    assert receiver._actor.got == [1]
    receiver.tell(Delivery(3))
    assert not run_now(receiver, Receiver.deliver, Delivery(4))
    await asyncio.sleep(0.1)
    assert receiver._actor.got == [1, 3]
    assert (receiver.counts().accepted, receiver.counts().handled) == (2, 2)


@pytest.mark.actors
async def test_callbacks_of_one_iteration_have_one_slice_together() -> None:
    """Then whoever comes next is told, until the loop has looked around."""
    async with ActorSystem(dispatcher=DispatcherSettings(slice=1e-9)) as system:
        receiver = system.spawn(Receiver)
        await asyncio.sleep(0.1)
        assert [run_now(receiver, Receiver.deliver, Delivery(number)) for number in range(3)] == [True, False, False]
        await asyncio.sleep(0)
        assert run_now(receiver, Receiver.deliver, Delivery(3))
        assert receiver._actor.got == [0, 3]


async def test_nobody_is_run_at_once_inside_of_a_turn(system: ActorSystem) -> None:
    """What an actor sends in its turn is queued, whoever gets it."""
    receiver = system.spawn(Receiver)
    await asyncio.sleep(0.1)

    class Sender(Actor):
        def on_receive(self, message: Any) -> bool:
            return run_now(receiver, Receiver.deliver, Delivery(1))

    assert await system.spawn(Sender).request("go") is False


async def test_nobody_is_run_at_once_in_the_middle_of_a_handler_that_has_waited(system: ActorSystem) -> None:
    """It is inside of a turn before its first wait and after it; a callback of the loop meanwhile is in none."""
    receiver = system.spawn(Receiver)
    await asyncio.sleep(0.1)

    class Waiting(Actor):
        async def on_receive(self, message: Any) -> list[bool]:
            before = run_now(receiver, Receiver.deliver, Delivery(1))
            await asyncio.sleep(1)
            return [before, run_now(receiver, Receiver.deliver, Delivery(2))]

    called: list[bool] = []
    asyncio.get_running_loop().call_later(0.5, lambda: called.append(run_now(receiver, Receiver.deliver, Delivery(3))))
    assert await system.spawn(Waiting).request("go") == [False, False]
    assert (called, receiver._actor.got) == ([True], [3])


@pytest.mark.allow_failures("ValueError")
async def test_who_fails_when_it_is_run_at_once_fails_alone(system: ActorSystem) -> None:
    """Nothing is raised in the callback, and its supervisor mends it."""

    class Fails(Receiver):
        @handles(Delivery, in_place=True)
        def deliver(self, delivery: Delivery) -> None:
            raise ValueError(delivery)

    receiver = system.spawn(Fails)
    await asyncio.sleep(0.1)
    assert run_now(receiver, Fails.deliver, Delivery(1))
    await asyncio.sleep(0.1)
    assert (receiver.info().restarts, receiver.counts().failed) == (1, 1)
