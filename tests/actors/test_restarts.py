"""Restarts: a new instance under the same ref, and what survives it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from contextvars import ContextVar
from typing import Any, ClassVar

import pytest

from actors import Actor, ActorSystem, Backoff, ChildSpec, SupervisorSpec, Terminated
from actors.supervision import Budget, Restart, RestartRecord, decide
from actors.testkit import TestProbe, assert_conservation, crash_on, fail_start

pytestmark = pytest.mark.allow_failures("ValueError", "Injected")


class Diary(Actor):
    """Writes every hook into a list that outlives its instances."""

    def __init__(self, pages: list[Any]) -> None:
        super().__init__()
        self.pages = pages
        pages.append("init")

    async def on_start(self) -> None:  # type: ignore[override]
        self.pages.append("on_start")

    def on_stop(self) -> None:
        self.pages.append("on_stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.pages.append(("on_failure", exception_type, exception_value, traceback is not None))

    async def post_restart(self) -> None:
        self.pages.append("post_restart")

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if callable(message):
            return message(self)
        self.pages.append(message)
        return message


async def test_the_hooks_of_a_restart_come_in_order(system: ActorSystem) -> None:
    """on_failure, pre_restart (by default on_stop), children, timers; then init, on_start, post_restart."""
    pages: list[Any] = []
    child_pages: list[Any] = []

    class Parent(Diary):
        def pre_restart(self, reason: BaseException | None) -> None:
            assert [child.is_alive() for child in self.actor_ref.children()] == [True]
            pages.append(("pre_restart", reason))

    class Child(Diary):
        def on_stop(self) -> None:
            pages.append("child stopped")

    ref = system.spawn(Parent, pages)
    await ref.request(lambda self: self.spawn(Child, child_pages))
    error = ValueError("boom")
    ref.tell(error)
    await ref.request("after")
    assert pages == [
        "init",
        "on_start",
        ("on_failure", ValueError, error, True),
        ("pre_restart", error),
        "child stopped",
        "init",
        "on_start",
        "post_restart",
        "after",
    ]
    assert ref.children() == ()


async def test_pre_restart_is_on_stop_by_default(system: ActorSystem) -> None:
    """An instance gives back what it holds, whether another follows or not."""
    pages: list[Any] = []
    ref = system.spawn(Diary, pages)
    ref.tell(ValueError())
    await ref.stop()
    assert [page for page in pages if page in ("init", "on_stop")] == ["init", "on_stop", "init", "on_stop"]


async def test_ref_urn_name_mailbox_counters_and_watches_survive(system: ActorSystem) -> None:
    """Only the instance is replaced."""
    pages: list[Any] = []
    probe = await TestProbe.start(system)
    other = system.spawn(Diary, [])

    class Watching(Diary):
        def on_signal(self, signal: Any) -> None:
            self.pages.append(type(signal).__name__)

    ref = system.spawn(Watching, pages, name="one")
    urn = ref.actor_urn
    await ref.request(lambda self: self.watch(other))
    probe.watch(ref)
    ref.tell(ValueError())
    for number in range(3):
        ref.tell(number)
    await ref.request("end")
    assert (ref.actor_urn, ref.path, ref.info().incarnation, ref.info().restarts) == (urn, "/one", 2, 1)
    assert pages[-4:] == [0, 1, 2, "end"]
    assert ref.counts() == type(ref.counts())(accepted=6, handled=5, failed=1)
    await probe.expect_none(within=1)  # watchers are not told of a restart
    await other.stop()
    await ref.request("seen")
    assert pages[-2:] == ["Terminated", "seen"]


async def test_instance_state_and_children_do_not_survive(system: ActorSystem) -> None:
    """A fresh instance has fresh attributes and no children."""
    ref = system.spawn(Diary, [])
    await ref.request(lambda self: setattr(self, "extra", 1))
    child = await ref.request(lambda self: self.spawn(Diary, []))
    ref.tell(ValueError())
    assert await ref.request(lambda self: hasattr(self, "extra")) is False
    assert not child.is_alive()


async def test_timers_end_with_their_instance_also_ticks_that_wait_already(system: ActorSystem) -> None:
    """Cancelled, and a tick that is queued when the instance fails is dropped."""
    pages: list[Any] = []

    class Ticking(Diary):
        async def on_receive(self, message: Any) -> Any:
            if message == "set":
                self.timers.once("queued", "tick queued", 1.0)
                self.timers.once("running", "tick running", 10.0)
                self.timers.fixed_delay("repeating", "tick repeating", 1.5)
                await asyncio.sleep(2)
                raise ValueError
            return await super().on_receive(message)

    ref = system.spawn(Ticking, pages)
    ref.tell("set")
    await asyncio.sleep(60)
    await ref.request("end")
    assert not [page for page in pages if "tick" in str(page)]
    assert_conservation(system)


async def test_a_ref_of_the_dead_keeps_nothing_of_what_it_was_made_of(system: ActorSystem) -> None:
    """Whoever holds it holds neither arguments nor context variables, nor what waited in its system lane."""

    class Big:
        pass

    class Holding(Actor):
        def __init__(self, big: Big) -> None:
            super().__init__()
            variable.set(big)

        def on_receive(self, message: Any) -> None:
            variable.set(Big())
            kept["context"] = weakref.ref(variable.get())

        async def on_stop(self) -> None:  # type: ignore[override]
            noticed = Big()
            kept["lane"] = weakref.ref(noticed)
            self.watch_with(other, noticed)
            await asyncio.sleep(1)

    variable: ContextVar[Big] = ContextVar("variable")
    kept: dict[str, weakref.ref[Big]] = {}
    other = system.spawn(Diary, [])
    await other.stop()
    big = Big()
    kept["argument"] = weakref.ref(big)
    ref = await asyncio.create_task(_spawned(system, Holding, big))
    del big
    await ref.request("message")
    await ref.stop()
    gc.collect()
    assert {name for name, one in kept.items() if one() is not None} == set()
    assert not ref.is_alive()


async def _spawned(system: ActorSystem, cls: type[Actor], *args: Any) -> Any:
    """In a task, whose context goes with it."""
    return system.spawn(cls, *args)


async def test_a_failing_on_start_counts_as_a_restart(system: ActorSystem) -> None:
    """It is tried again, with back-off, until the budget is spent; no hook of an ending for what never ran."""
    pages: list[Any] = []
    ref = system.spawn(fail_start(Diary, 2), pages)
    assert await ref.request("up") == "up"
    assert ref.info().restarts == 2
    assert [page for page in pages if not isinstance(page, tuple)] == [
        *("init", "init", "init"),
        *("on_start", "post_restart", "up"),
    ]


async def test_a_failing_init_at_restart_counts_as_one_too(system: ActorSystem) -> None:
    """The constructor of a later instance may fail; the next one is tried."""
    left = itertools.count()

    class Fragile(Actor):
        def __init__(self) -> None:
            super().__init__()
            if next(left) == 1:
                raise ValueError("second instance")

        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Exception):
                raise message
            return message

    ref = system.spawn(Fragile)
    ref.tell(ValueError("first instance"))
    assert await ref.request("third") == "third"
    assert ref.info().incarnation == 2


async def test_a_failing_post_restart_stops_the_instance_that_started(system: ActorSystem) -> None:
    """What on_start opened, on_stop closes: every instance that started is stopped exactly once."""
    pages: list[Any] = []
    failing = iter([True, False])

    class Fragile(Diary):
        async def post_restart(self) -> None:
            if next(failing):
                raise ValueError("post_restart")

    ref = system.spawn(Fragile, pages)
    ref.tell(ValueError("boom"))
    await ref.request("up")
    await ref.stop()
    assert pages.count("on_start") == pages.count("on_stop") == 3


async def test_a_kill_while_starting_needs_no_failure_and_no_stop(system: ActorSystem, facts: list[Any]) -> None:
    """It never ran: no `on_stop`, and no fact that calls the kill a failure."""
    pages: list[Any] = []

    class Starting(Diary):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(3600)

    ref = system.spawn(Starting, pages, spec=ChildSpec("temporary"))
    await asyncio.sleep(1)
    ref.kill()
    await ref.terminated
    assert pages == ["init"]
    assert [type(fact).__name__ for fact in facts] == ["ActorStopped"]


async def test_a_kill_while_starting_is_charged_once(system: ActorSystem, facts: list[Any]) -> None:
    """A transient actor that is killed in `on_start` is built again, once."""
    pages: list[Any] = []
    slow = iter([3600, 0])

    class Starting(Diary):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(next(slow))

    ref = system.spawn(Starting, pages)
    await asyncio.sleep(1)
    ref.kill()
    await ref.request("up")
    assert (ref.info().restarts, pages) == (1, ["init", "init", "post_restart", "up"])


async def test_messages_are_conserved_across_restarts(system: ActorSystem) -> None:
    """accepted = handled + failed + lost + queued, with every third message a failure."""
    spec = SupervisorSpec(intensity=1000)

    class Parent(Actor):
        supervision = spec

    parent = system.spawn(Parent)
    faulty = crash_on(Diary, *range(3, 60, 3))
    ref = system.spawn(faulty, [], under=parent)
    for number in range(60):
        ref.tell(number)
        assert_conservation(system)
    await ref.stop()
    assert_conservation(system)
    settled = system.counts()
    assert (settled.failed, settled.handled) == (19, 42)  # 41 notes and the stop


async def test_back_off_is_exact_in_virtual_time(system: ActorSystem, facts: list[Any]) -> None:
    """At once, then 0.1 s, 0.2 s, 0.4 s ... up to the maximum, and forgotten after a while of health."""

    class Parent(Actor):
        supervision: ClassVar[SupervisorSpec] = SupervisorSpec(
            intensity=100, backoff=Backoff(jitter=0.0, max=0.5, reset_after=30.0)
        )

    ref = system.spawn(Diary, [], under=system.spawn(Parent))
    for _ in range(5):
        ref.tell(ValueError())
    await ref.request("up")
    assert asyncio.get_running_loop().time() == pytest.approx(0.1 + 0.2 + 0.4 + 0.5, abs=1e-6)
    await asyncio.sleep(30)
    ref.tell(ValueError())
    await ref.request("up")
    delays = [fact.delay for fact in facts if type(fact).__name__ == "ActorRestarted"]
    assert delays == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.5, 0.0])


@pytest.mark.parametrize("jitter", [0.0, 0.2, 1.0])
def test_the_longest_delays_are_spread_below_the_maximum(jitter: float) -> None:
    """The maximum is that of what is waited, and who is there for long does not come back in step either."""
    spec = Backoff(jitter=jitter)
    drawn = iter((0.0, 0.25, 0.5, 0.75, 1.0))
    longest = [spec.delay(10_000, drawn.__next__) for _ in range(5)]
    assert longest[-1] == pytest.approx(spec.max)
    assert all(delay <= spec.max for delay in longest)
    assert len(set(longest)) == (5 if jitter else 1)


def test_a_back_off_is_no_health() -> None:
    """What fails as soon as it is back has never been well, however long it was away: its delays grow on."""
    spec = SupervisorSpec(intensity=10**6, backoff=Backoff(reset_after=5.0, max=60.0, jitter=0.0))
    record, budget, time, delays = RestartRecord(), Budget(spec.intensity, spec.period), 0.0, []
    for _ in range(12):
        decision = decide(spec, budget, ChildSpec(), record, "failed", time, lambda: 0.5)
        assert isinstance(decision, Restart)
        delays.append(decision.delay)
        time += decision.delay + 0.001
    assert delays == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0])


async def test_a_back_off_is_not_cut_short_by_an_earlier_one(system: ActorSystem, facts: list[Any]) -> None:
    """Who is killed in its back-off begins a longer one: what was waited for before is over."""

    class Parent(Actor):
        supervision = SupervisorSpec(intensity=50, backoff=Backoff(initial=4.0, min=8.0, max=60.0, jitter=0.0))

    ref = system.spawn(Diary, [], under=system.spawn(Parent))
    ref.tell(ValueError())
    await asyncio.sleep(1)
    ref.kill()
    assert await ref.request("up", timeout=60) == "up"
    assert asyncio.get_running_loop().time() == 9.0
    assert [fact.delay for fact in facts if type(fact).__name__ == "ActorRestarted"] == [8.0]


async def test_who_ends_in_its_back_off_is_not_kept_for_it(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timer holds the dead."""
    loop = asyncio.get_running_loop()
    call_later, timers = loop.call_later, []

    def noted(delay: float, *args: Any, **more: Any) -> asyncio.TimerHandle:
        timers.append((delay, call_later(delay, *args, **more)))
        return timers[-1][1]

    class Parent(Actor):
        supervision = SupervisorSpec(backoff=Backoff(initial=1000.0, max=1000.0))

    ref = system.spawn(Diary, [], under=system.spawn(Parent))
    monkeypatch.setattr(loop, "call_later", noted)
    ref.tell(ValueError())
    await asyncio.sleep(1)
    ref.stop_now()
    await ref.terminated
    assert [timer.cancelled() for delay, timer in timers if delay == 1000.0] == [True]


def test_jitter_spreads_delays_both_ways() -> None:
    """Within 20 percent, and never before the first restart."""
    spec = Backoff()
    assert (spec.delay(3, lambda: 0.0), spec.delay(3, lambda: 0.5), spec.delay(3, lambda: 1.0)) == pytest.approx(
        (0.16, 0.2, 0.24)
    )
    assert spec.delay(1, lambda: 1.0) == 0.0


async def test_a_signal_that_comes_during_a_restart_is_not_lost(system: ActorSystem) -> None:
    """`Terminated` waits until an instance runs."""
    pages: list[Any] = []

    class Watching(Diary):
        def on_signal(self, signal: Any) -> None:
            self.pages.append(type(signal))

    target = system.spawn(Diary, [])
    ref = system.spawn(Watching, pages)
    await ref.request(lambda self: self.watch(target))
    ref.tell(ValueError())
    ref.tell(ValueError())  # the second is mended after a back-off
    await asyncio.sleep(0.01)
    assert ref.info().phase == "restarting"
    await target.stop()
    await ref.request("end")
    assert pages[-2:] == [Terminated, "end"]


async def test_a_proxy_made_during_a_back_off_works(system: ActorSystem) -> None:
    """There is no instance to look at then; the proxy knows the class, now and later."""

    class Handy(Diary):
        def double(self, number: int) -> int:
            return 2 * number

    ref = system.spawn(Handy, [])
    ref.tell(ValueError())
    ref.tell(ValueError())
    await asyncio.sleep(0.01)
    assert ref.info().phase == "restarting"
    assert await ref.proxy().double(4) == 8
    assert await ref.proxy().double(5) == 10
