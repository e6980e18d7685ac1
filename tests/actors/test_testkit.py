"""The testkit itself: its clock, its probes, its faults, its exploration."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorRef, ActorSystem, BlockingActor, ChildSpec, Mailbox, Terminated, handles
from actors.testkit import (
    ExplorationFailed,
    Injected,
    NothingWillHappen,
    TestProbe,
    VirtualTimeLoop,
    crash_on,
    delay_each,
    explore,
    fail_start,
    hang_on,
    run,
)


def now() -> float:
    return asyncio.get_running_loop().time()


class Echo(Actor):
    @handles(int)
    def number(self, message: int) -> int:
        return message + 1

    def on_receive(self, message: Any) -> Any:
        return message


# --- virtual time


def test_an_hour_passes_in_no_time() -> None:
    """The clock jumps to the next timer; the order of timers is kept."""
    order: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    async def main() -> float:
        await asyncio.gather(*map(wait, (3600, 60, 1800)))
        return now()

    began = time.monotonic()
    assert run(main()) == 3600
    assert order == [60, 1800, 3600]
    assert time.monotonic() - began < 60  # an hour would be 3600


def test_sums_of_delays_are_exact() -> None:
    """0.1 + 0.2 is 0.3 on this clock."""

    async def main() -> float:
        await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        return now()

    assert run(main()) == 0.3


def test_real_sockets_are_served_before_time_moves() -> None:
    """A loopback exchange takes no virtual time; a timeout beside it does not strike."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()
        await writer.wait_closed()

    async def main() -> float:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(50):
            async with asyncio.timeout(0.5):
                writer.write(b"%d\n" % number)
                assert await reader.readline() == b"%d\n" % number
        took = now()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return took

    assert run(main()) == 0.0


def test_calls_in_an_executor_hold_the_clock() -> None:
    """A deadline of the loop does not strike while a thread works for it."""
    gate = threading.Event()

    async def main() -> float:
        with ThreadPoolExecutor(1) as pool:
            call = asyncio.get_running_loop().run_in_executor(pool, gate.wait, 10)
            threading.Timer(0.05, gate.set).start()
            assert await asyncio.wait_for(call, 0.001) is True
        return now()

    assert run(main()) == 0.0


def test_threads_that_end_with_the_loop_hold_the_clock() -> None:
    """From Python 3.12 on the loop waits for them with a deadline, which is not jumped to."""
    gate = threading.Event()

    async def main() -> VirtualTimeLoop:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        pool = ThreadPoolExecutor(1)
        loop.set_default_executor(pool)
        pool.submit(gate.wait, 10)  # not through the loop, which counts its calls
        threading.Timer(0.05, gate.set).start()
        return loop

    assert run(main()).time() == 0.0


def test_a_test_that_would_hang_says_so() -> None:
    """Nothing ready, no timer, nobody outside."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingWillHappen, match="nobody settles"):
        run(main())


# --- probes


async def test_a_probe_expects_in_order(system: ActorSystem) -> None:
    """By value, by type, by predicate, and nothing at all."""
    probe = await TestProbe.start(system)
    for message in ("a", 1, 2, 3, "z"):
        probe.ref.tell(message)
    await probe.expect("a")
    assert await probe.expect_type(int) == 1
    assert await probe.fish(lambda message: message == "z") == "z"
    await probe.expect_none(within=10)
    assert now() == 10


async def test_a_probe_that_is_disappointed_tells_what_did_arrive(system: ActorSystem) -> None:
    """The errors are read by somebody who was not there."""
    probe = await TestProbe.start(system)
    probe.ref.tell("first")
    await probe.expect("first")
    probe.ref.tell("wrong")
    probe.ref.tell("later")
    with pytest.raises(AssertionError, match=r"expected 'right', got 'wrong'.*still there: 'later'"):
        await probe.expect("right")
    with pytest.raises(AssertionError, match=r"expected a int, got 'later'.*taken so far: 'first', 'wrong', 'later'"):
        await probe.expect_type(int)
    with pytest.raises(AssertionError, match="nothing arrived at the probe within 2 s"):
        await probe.expect("anything", timeout=2)
    with pytest.raises(AssertionError, match="fished in vain"):
        await probe.fish(lambda _: True, timeout=1)
    probe.ref.tell("surprise")
    with pytest.raises(AssertionError, match=r"expected nothing .* got 'surprise'"):
        await probe.expect_none()
    assert now() == 3


async def test_a_probe_watches(system: ActorSystem) -> None:
    """`expect_terminated` takes exactly the notice of that actor."""
    probe = await TestProbe.start(system)
    first, second = system.spawn(Echo), system.spawn(Echo)
    await first.stop()
    assert await probe.expect_terminated(first) == Terminated(first, "stopped")
    probe.watch(second)
    probe.ref.tell("in between")
    with pytest.raises(AssertionError, match="expected the Terminated"):
        await probe.expect_terminated(second)


async def test_a_probe_replies_to_the_ask_it_took_last(system: ActorSystem) -> None:
    """With a value or an error; without an ask there is nothing to reply to."""
    probe = await TestProbe.start(system)
    first, second = probe.ref.ask("first", block=False), probe.ref.ask("second", block=False)
    await probe.expect("first")
    probe.reply(1)
    await probe.expect("second")
    probe.reply_error(LookupError())
    assert await first == 1
    with pytest.raises(LookupError):
        await second
    with pytest.raises(AssertionError, match="cannot reply"):
        probe.reply(2)


async def test_an_ask_that_the_probe_never_answers_ends_with_it(system: ActorSystem) -> None:
    """No future stays open."""
    probe = await TestProbe.start(system)
    ask = probe.ref.ask("?", block=False)
    await probe.expect("?")
    await probe.ref.stop()
    with pytest.raises(ActorDeadError):
        await ask


# --- faults


@pytest.mark.allow_failures("Injected", "LookupError")
async def test_a_crash_to_order_strikes_the_nth_message_across_restarts(system: ActorSystem) -> None:
    """Whatever the handler; the count goes on."""
    ref = system.spawn(crash_on(Echo, 2, 4))
    for number in range(5):
        ref.tell(number)
    assert await ref.request(10) == 11
    assert ref.info().restarts == 2
    assert ref.counts().failed == 2
    other = system.spawn(crash_on(Echo, 1, error=LookupError("mine")))
    with pytest.raises(LookupError, match="mine"):
        await other.request("?")


class BlockingEcho(BlockingActor):
    @handles(int)
    def number(self, message: int) -> int:
        return message + 1


@pytest.mark.allow_failures("Injected")
@pytest.mark.parametrize("kind", [Echo, BlockingEcho])
@pytest.mark.parametrize("how", ["as it is", "with another mailbox", "failing to start", "as a class of its own"])
async def test_a_fault_is_in_every_class_below_the_one_that_has_it(
    system: ActorSystem, kind: type[Actor], how: str
) -> None:
    """Whoever makes another class of it, a spec with a mailbox for one, orders the fault with it."""
    faulty = crash_on(kind, 2)
    if how == "failing to start":
        faulty = fail_start(faulty, 1)
    elif how == "as a class of its own":
        faulty = type("Own", (faulty,), {})
    spec = ChildSpec(mailbox=Mailbox(high_water=5)) if how == "with another mailbox" else None
    ref = system.spawn(faulty, spec=spec)
    assert await ref.request(1) == 2
    with pytest.raises(Injected):
        await ref.request(1)
    assert await ref.request(1) == 2


@pytest.mark.allow_failures("Injected")
async def test_a_start_fails_as_often_as_ordered(system: ActorSystem) -> None:
    """Then the original's `on_start` runs."""
    ref = system.spawn(fail_start(Echo, 3))
    assert await ref.request("up") == "up"
    assert ref.info().restarts == 3


async def test_a_hang_ends_with_a_kill(system: ActorSystem) -> None:
    """Only the n-th message hangs."""
    ref = system.spawn(hang_on(Echo, 2), spec=ChildSpec("temporary"))
    assert await ref.request(1) == 2
    hung = ref.ask("hangs", block=False)
    await asyncio.sleep(1000)
    assert ref.info().doing == "str"
    ref.kill()
    with pytest.raises(ActorDeadError):
        await hung


async def test_a_delay_is_in_the_loop_s_time(system: ActorSystem) -> None:
    """Each message waits; the answers are the original's."""
    ref = system.spawn(delay_each(Echo, 2.0))
    assert [await ref.request(1), await ref.request("b")] == [2, "b"]
    assert now() == 4.0


def test_faults_leave_the_original_alone() -> None:
    """They are subclasses with a telling name."""
    crashing = crash_on(Echo, 1)
    assert issubclass(crashing, Echo)
    assert crashing.__name__ == "CrashingEcho"
    assert Echo._handlers[int] is Echo.number


# --- exploration


def test_exploration_finds_an_order_that_fails_and_replays_it() -> None:
    """A race shows under some seed; the message says which; the replay fails the same way."""

    async def racy(system: ActorSystem) -> None:
        order: list[str] = []

        class Racer(Actor):
            def on_receive(self, message: Any) -> None:
                order.append(message)

        first, second = system.spawn(Racer), system.spawn(Racer)
        first.tell("first")
        second.tell("second")
        await asyncio.sleep(1)
        assert order == ["first", "second"]

    with pytest.raises(ExplorationFailed, match=r"(?s)failed with seed \d+.*replay=") as caught:
        explore(racy)
    failure = caught.value
    for _ in range(2):
        with pytest.raises(ExplorationFailed) as again:
            explore(racy, replay=failure.seed, in_place=(failure.in_place,))
        assert again.value.seed == failure.seed


def test_exploration_lets_the_loop_have_its_turn_between_two_actors() -> None:
    """As under load: a callback that an actor asked for comes before the turn of the next one, or behind it."""
    seen: set[tuple[str, ...]] = set()

    async def scenario(system: ActorSystem) -> None:
        order: list[str] = []

        class Asking(Actor):
            def on_receive(self, message: ActorRef[Any]) -> None:
                asyncio.get_running_loop().call_soon(order.append, "callback")
                message.tell("turn")

        class Told(Actor):
            def on_receive(self, message: str) -> None:
                order.append(message)

        system.spawn(Asking).tell(system.spawn(Told))
        await asyncio.sleep(1)
        seen.add(tuple(order))

    explore(scenario)
    assert seen == {("turn", "callback"), ("callback", "turn")}


def test_exploration_runs_each_seed_in_each_way() -> None:
    """Never, always and at random, each in a system of its own that is left before the next."""
    runs: list[tuple[str, str]] = []

    async def scenario(system: ActorSystem) -> None:
        runs.append((system.name, system.env.dispatcher.in_place))
        assert await system.spawn(Echo).request(1) == 2

    explore(scenario, seeds=3)
    assert len(set(runs)) == len(runs) == 9


def test_injected_is_an_ordinary_error() -> None:
    """It takes the way of any failure."""
    assert issubclass(Injected, Exception)
