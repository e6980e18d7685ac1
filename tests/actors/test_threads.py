"""Threads: many producers, several loops, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorSystem, Counts, DispatcherSettings, LoopFuture, is_idle
from actors.cell.piping import Pipes
from actors.events import ActorRestarted
from actors.testkit import assert_conservation

PRODUCERS = 6
MESSAGES = 10_000
"""Per producer: enough for thousands of thread switches within `tell`, about a second in all."""

HARD_BOUND = 30


class Summing(Actor):
    """Keeps what each sender told it, in the order it came."""

    def __init__(self) -> None:
        super().__init__()
        self.got: dict[int, list[int]] = {}
        self.inside = False

    def on_receive(self, message: Any) -> Any:
        assert not self.inside
        self.inside = True
        sender, number = message
        self.got.setdefault(sender, []).append(number)
        self.inside = False


class Suspending(Summing):
    """The same, with a real wait now and then."""

    async def on_receive(self, message: Any) -> None:
        if message[1] % 50 == 0:
            await asyncio.sleep(0)
        super().on_receive(message)


@pytest.fixture
def quick_switching() -> Iterator[None]:
    """Threads switch as often as CPython lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Side:
    """One loop on one thread with one system of a few actors."""

    def __init__(self) -> None:
        self.refs: list[Any] = []
        self.kept: list[Any] = []
        self.counts = Counts()
        self.ready, self.finish = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.error = error

    async def _main(self) -> None:
        async with ActorSystem(dispatcher=DispatcherSettings(throughput=8)) as system:
            self.refs = [system.spawn(cls) for cls in (Summing, Suspending) for _ in range(4)]
            self.kept = [ref._actor for ref in self.refs]
            self.ready.set()
            await asyncio.to_thread(self.finish.wait, HARD_BOUND)
        self.counts = system.counts()
        assert_conservation(system)


@pytest.mark.usefixtures("quick_switching")
def test_six_producers_on_two_loops_lose_nothing() -> None:
    """Every message is handled once, in its sender's order, and the counters are exact."""
    sides = [Side(), Side()]
    assert all(side.ready.wait(HARD_BOUND) for side in sides)
    refs = [ref for side in sides for ref in side.refs]

    def produce(producer: int) -> None:
        random = Random(producer)
        for number in range(MESSAGES):
            refs[random.randrange(len(refs))].tell((producer, number))

    producers = [threading.Thread(target=produce, args=(index,)) for index in range(PRODUCERS)]
    for thread in producers:
        thread.start()
    for thread in producers:
        thread.join(HARD_BOUND)
    for side in sides:
        side.finish.set()
        side.thread.join(HARD_BOUND)
        assert side.error is None
    got = [numbers for side in sides for actor in side.kept for numbers in actor.got.values()]
    assert sum(map(len, got)) == PRODUCERS * MESSAGES
    assert all(numbers == sorted(numbers) for numbers in got)
    stops = sum(len(side.refs) for side in sides)
    assert sum((side.counts for side in sides), Counts()) == Counts(
        accepted=PRODUCERS * MESSAGES + stops, handled=PRODUCERS * MESSAGES + stops
    )


@pytest.mark.usefixtures("quick_switching")
@pytest.mark.actors(real_time=True)
@pytest.mark.allow_dead_letters
async def test_what_threads_tell_the_dying_is_accounted_for(system: ActorSystem) -> None:
    """Whether it was refused, handled or buried: accepted = handled + failed + lost, when all is quiet."""
    told = [0] * 4
    begun = threading.Event()

    def produce(index: int, refs: list[Any]) -> None:
        for round_ in range(100):
            for ref in refs:
                try:
                    ref.tell((index, round_))
                except Exception as error:
                    assert type(error).__name__ == "ActorDeadError"  # noqa: PT017  # most tells are not refused
                else:
                    told[index] += 1
            begun.set()

    refs = [system.spawn(Summing) for _ in range(20)]
    producing = [asyncio.create_task(asyncio.to_thread(produce, index, refs)) for index in range(4)]
    await asyncio.to_thread(begun.wait, HARD_BOUND)
    for ref in refs:
        ref.stop_now()
        await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.gather(*producing), HARD_BOUND)
    for ref in refs:
        await ref.terminated
    counts = system.counts()
    assert counts.accepted == sum(told)
    assert_conservation(system)


@pytest.mark.actors(real_time=True)
async def test_any_thread_may_spawn_stop_and_kill(system: ActorSystem) -> None:
    """The ops cross over to the loop; futures can be had on either side."""

    def live() -> list[Any]:
        refs = [system.spawn(Summing) for _ in range(10)]
        refs[0].kill()
        refs[1].stop_now()
        return [*refs[:2], *(ref for ref in refs[2:] if ref.stop(timeout=HARD_BOUND))]

    refs = await asyncio.wait_for(asyncio.to_thread(live), HARD_BOUND)
    assert len(refs) == 10
    assert not any(ref.is_alive() for ref in refs[2:])


async def test_who_was_made_on_another_thread_is_idle_from_its_first_turn_on(system: ActorSystem) -> None:
    """A turn may be under way on the loop when it is up; nobody may run it in place beside that."""
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(system.spawn(Summing)))
    thread.start()
    thread.join(HARD_BOUND)  # the loop has no turn meanwhile
    (ref,) = made
    assert not is_idle(ref)
    await asyncio.sleep(0.1)
    assert is_idle(ref)


@pytest.mark.usefixtures("quick_switching")
@pytest.mark.actors(real_time=True)
async def test_nobody_survives_a_parent_that_ends_while_threads_spawn_below_it(system: ActorSystem) -> None:
    """A spawn is refused, or its actor ends with the parent; none is left outside of the tree."""
    spawned: list[Any] = []
    begun = threading.Event()

    def spawn(parent: Any) -> None:
        for _ in range(100):
            try:
                spawned.append(system.spawn(Summing, under=parent))
            except ActorDeadError:
                return
            begun.set()

    for _ in range(15):
        begun.clear()
        parent = system.spawn(Summing)
        spawning = [asyncio.create_task(asyncio.to_thread(spawn, parent)) for _ in range(3)]
        await asyncio.to_thread(begun.wait, HARD_BOUND)
        parent.stop_now()
        await parent.terminated
        await asyncio.wait_for(asyncio.gather(*spawning), HARD_BOUND)
    assert [ref for ref in spawned if ref.is_alive()] == []


@pytest.mark.usefixtures("quick_switching")
@pytest.mark.actors(real_time=True)
async def test_threads_that_wait_for_one_end_wait_for_the_same_future(system: ActorSystem) -> None:
    """However they meet when it is made: none of them waits for one that nobody settles."""
    for _ in range(100):
        ref = system.spawn(Summing)
        start = threading.Barrier(3)

        def look(ref: Any = ref, start: threading.Barrier = start) -> Any:
            start.wait(HARD_BOUND)
            return ref.terminated

        futures = await asyncio.gather(*(asyncio.to_thread(look) for _ in range(3)))
        assert len(set(map(id, futures))) == 1


async def test_an_actor_has_one_urn_whoever_asks_first(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when another thread asks while it is being made."""
    ref = system.spawn(Summing)
    made = uuid.uuid4
    others: list[str] = []

    def interrupted() -> uuid.UUID:
        monkeypatch.setattr(uuid, "uuid4", made)
        others.append(ref.actor_urn)
        return made()

    monkeypatch.setattr(uuid, "uuid4", interrupted)
    assert [ref.actor_urn, ref.actor_urn] == others * 2


class Ticking(Actor):
    """Sets a timer and a receive timeout in its `__init__`, wherever that runs; one of them it takes back."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen
        self.timers.once("gone", "gone", 0.01)
        self.timers.once("once", "once", 0.01)
        self.timers.cancel("gone")
        self.set_receive_timeout(0.05)

    def on_receive(self, message: str) -> None:
        self.seen.append(message)

    def on_signal(self, signal: object) -> None:
        self.seen.append(type(signal).__name__)
        self.stop()


@pytest.mark.actors(real_time=True)
async def test_who_is_made_on_another_thread_has_its_timers_on_the_loop(system: ActorSystem) -> None:
    """`__init__` runs there; a loop takes timers on its own thread only, and says so when it is debugged."""
    asyncio.get_running_loop().set_debug(True)
    seen: list[str] = []
    ref = await asyncio.to_thread(system.spawn, Ticking, seen)
    await asyncio.wait_for(_done(ref.terminated), 10)
    assert sorted(seen) == ["ReceiveTimeout", "once"]  # a signal overtakes what waits


async def _done(future: LoopFuture[None]) -> None:
    await future


class Slow(Actor):
    """Its `__init__` waits on the thread that makes it, then raises."""

    def __init__(self, begun: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        begun.set()
        assert go_on.wait(HARD_BOUND)
        raise LookupError


@pytest.mark.actors(real_time=True)
@pytest.mark.allow_failures("ValueError")
async def test_one_whose_init_fails_after_its_end_frees_no_name_of_another(system: ActorSystem) -> None:
    """Its parent was restarted meanwhile and has given the name again: that one was in no tree, nobody's to end."""

    class Parent(Actor):
        def on_receive(self, message: Any) -> None:
            raise ValueError

    parent = system.spawn(Parent)
    begun, go_on, failed = threading.Event(), threading.Event(), list[BaseException]()

    def make() -> None:
        try:
            system.spawn(Slow, begun, go_on, under=parent, name="x")
        except LookupError as error:
            failed.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    await asyncio.to_thread(begun.wait, HARD_BOUND)
    restarted = asyncio.Event()
    system.events.subscribe(ActorRestarted, lambda _: restarted.set())
    parent.tell("fail")
    await asyncio.wait_for(restarted.wait(), HARD_BOUND)
    second = system.spawn(Summing, under=parent, name="x")
    go_on.set()
    await asyncio.to_thread(thread.join, HARD_BOUND)
    assert failed
    assert parent.children() == (second,)


class Begun(Actor):
    """Watches and pipes in its `__init__`, wherever that runs."""

    def __init__(self, heard: asyncio.Queue[str], target: Any) -> None:
        super().__init__()
        self.heard = heard
        self.watch_with(target, "gone")
        self.child = self.spawn(Summing)
        self.watch_with(self.child, "child gone")
        self.pipe_to_self(asyncio.sleep(0.01, "piped"))

    def on_receive(self, message: Any) -> None:
        self.heard.put_nowait(message)
        if message == "piped":
            self.child.stop(block=False)


@pytest.mark.actors(real_time=True)
@pytest.mark.parametrize("how", ["on a plain thread", "on another loop"])
async def test_who_is_made_on_another_thread_watches_and_pipes_on_its_own_loop(system: ActorSystem, how: str) -> None:
    """What is awaited would run on the loop that makes it, or on none; the tables of its own would be changed there."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    target = system.spawn(Summing)

    async def make() -> Any:
        return system.spawn(Begun, heard, target)

    if how == "on a plain thread":
        ref = await asyncio.to_thread(system.spawn, Begun, heard, target)
    else:
        ref = await asyncio.to_thread(asyncio.run, make())
    assert target._family is None, "nobody but its own loop writes there"
    target.stop(block=False)
    words = [await asyncio.wait_for(heard.get(), HARD_BOUND) for _ in range(3)]
    assert sorted(words) == ["child gone", "gone", "piped"]
    assert ref.is_alive()


@pytest.mark.actors(real_time=True)
async def test_what_is_piped_on_another_thread_and_never_begins_is_closed(system: ActorSystem) -> None:
    """Its instance was over before its loop came to that: it runs for nobody, and Python need not warn of it."""
    heard: list[Any] = []

    async def work() -> None:
        heard.append("begun")

    pipes, piped = Pipes(system.spawn(Summing)), work()
    thread = threading.Thread(target=lambda: pipes.add(piped, heard.append, heard.append))
    thread.start()
    thread.join(HARD_BOUND)  # the loop has no turn meanwhile
    pipes.cancel_all()
    await asyncio.sleep(0)
    assert (heard, inspect.getcoroutinestate(piped)) == ([], inspect.CORO_CLOSED)
