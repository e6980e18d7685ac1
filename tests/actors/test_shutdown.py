"""Shutdown: in order, within its time, and nobody is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorSystem, ChildSpec, DynamicSupervisor, SupervisorSpec
from actors.events import ActorFailed, ActorStopped, HandlerAbandoned
from actors.testkit import VirtualTimeLoop, assert_conservation
from tests.support.patience import Sleeper, cling, now

ENDS = (ActorFailed, ActorStopped, HandlerAbandoned)


@pytest.mark.actors
async def test_children_stop_one_after_the_other_in_reverse_start_order() -> None:
    """The last started stops first; each is gone before the next is told."""
    ends: list[Any] = []
    async with ActorSystem() as system:
        for name in "abc":
            system.spawn(Sleeper, ends, 1.0, name=name)
    assert ends == [("c", 1.0), ("b", 2.0), ("a", 3.0)]


async def test_dynamic_children_stop_together_under_one_deadline(system: ActorSystem) -> None:
    """A thousand connections take as long as the slowest, not as long as all."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    for index in range(20):
        system.spawn(Sleeper, ends, index / 10, under=parent)
    await parent.stop()
    assert len(ends) == 20
    assert now() == pytest.approx(1.9)


@pytest.mark.actors
async def test_what_waits_is_handled_before_the_system_is_left() -> None:
    """A graceful end drains the mailboxes."""
    ends: list[Any] = []
    async with ActorSystem() as system:
        ref = system.spawn(Sleeper, ends)
        for _ in range(3):
            ref.tell(1.0)
    assert now() == 3.0
    assert system.counts().handled == 4
    assert len(system.dead_letters) == 0


class Starting(Sleeper):
    """Takes its time to start."""

    async def on_start(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.pause)

    async def on_stop(self) -> None:  # type: ignore[override]
        self.ends.append((self.actor_ref._name, now()))


@pytest.mark.actors
async def test_what_waits_for_one_that_still_starts_is_handled_before_the_system_is_left() -> None:
    """It starts, handles it, and stops."""
    ends: list[Any] = []
    async with ActorSystem() as system:
        asked = system.spawn(Starting, ends, 2.0, name="slow").ask(1.0, block=False)
        system.spawn(Starting, ends, name="quick").tell(1.0)
    assert ends == [("quick", 1.0), ("slow", 3.0)]
    assert await asked is None
    assert len(system.dead_letters) == 0


@pytest.mark.actors
async def test_a_start_that_takes_longer_than_it_may_does_not_hold_up_the_end() -> None:
    """Its time is that of its stop; what waited is a dead letter."""
    ends: list[Any] = []
    async with ActorSystem() as system:
        system.spawn(Starting, ends, 60.0, name="slow").tell(1.0)
        await asyncio.sleep(1)
    assert (now(), ends) == (6.0, [])
    assert dict(system.dead_letters.counts) == {"shutdown": 1}


@pytest.mark.actors
async def test_nobody_is_brought_back_while_its_supervisor_stops() -> None:
    """What waits for one in its back-off is a dead letter, and the end does not wait for it."""

    class Failing(Actor):
        def on_receive(self, message: Any) -> None:
            if message == "fail":
                raise ValueError

    async with ActorSystem() as system:
        ref = system.spawn(Failing)
        for message in ("fail", "fail", "waits"):
            ref.tell(message)
        await asyncio.sleep(0.05)
        assert ref.info().phase == "restarting"
    assert now() == 0.05
    assert [(letter.message, letter.reason) for letter in system.dead_letters.recent] == [("waits", "shutdown")]


@pytest.mark.actors
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_one_that_has_failed_to_start_is_not_brought_back_while_its_supervisor_stops(strategy: Any) -> None:
    """Whether it was to come back was decided before; what waits for it is a dead letter, and keeps nobody."""
    starts: list[float] = []

    class Late(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(2)

    class Failing(Actor):
        def on_start(self) -> None:
            starts.append(now())
            self.spawn(Late, spec=ChildSpec(shutdown=8.0))
            raise ValueError

        async def on_failure(self, *_: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(4.5)

    system = ActorSystem(supervision=SupervisorSpec(strategy))
    async with system:
        system.spawn(Failing).tell("waits")
        await asyncio.sleep(1)
    assert (now(), starts) == (6.5, [0.0])
    assert [(letter.message, letter.reason) for letter in system.dead_letters.recent] == [("waits", "shutdown")]


@pytest.mark.actors
async def test_who_is_late_because_it_restarts_its_children_handles_no_more_than_that() -> None:
    """Its time was up meanwhile: what waits is a dead letter, a handler that hangs among it."""

    class Failing(Actor):
        def on_receive(self, message: Any) -> None:
            raise ValueError

    class Parent(Actor):
        supervision = SupervisorSpec("one_for_all")

        async def on_receive(self, message: Any) -> None:
            await asyncio.Event().wait()

    async with ActorSystem() as system:
        parent = system.spawn(Parent)
        system.spawn(Failing, under=parent).tell("fail")
        system.spawn(Sleeper, [], 7.0, under=parent, spec=ChildSpec("temporary", shutdown=9.0))
        await asyncio.sleep(1)
        parent.tell("hang")
    assert now() == 7.0
    assert [(letter.message, letter.reason) for letter in system.dead_letters.recent] == [("hang", "shutdown")]


def ends_of(ref: Any, facts: list[Any]) -> list[str]:
    """The facts about how it ended, in order."""
    return [type(fact).__name__ for fact in facts if isinstance(fact, ENDS) and fact.ref is ref]


class Swallower(Actor):
    """Keeps its handler whatever is thrown into it."""

    async def on_receive(self, message: Any) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if message == "leave":
                    return


@pytest.mark.allow_abandoned
async def test_a_handler_that_swallows_its_cancellation_is_abandoned(system: ActorSystem, facts: list[Any]) -> None:
    """A fact names it; its asker learns it; the life ends once; the tree comes down all the same."""
    parent = system.spawn(DynamicSupervisor)
    ref = system.spawn(Swallower, under=parent)
    ask = ref.ask("stay", block=False)
    await asyncio.sleep(1)
    await parent.stop()
    with pytest.raises(ActorDeadError):
        await ask
    assert ends_of(ref, facts) == [
        "HandlerAbandoned",
        "ActorStopped",
    ]
    assert now() == 7.0  # five seconds of patience, one of grace
    assert_conservation(system)


@pytest.mark.allow_abandoned
async def test_a_hook_that_swallows_its_cancellation_ends_once(system: ActorSystem, facts: list[Any]) -> None:
    """The burial is held once, and the watchers are told once."""

    class Stubborn(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            await cling()

    parent = system.spawn(DynamicSupervisor)
    ref = system.spawn(Stubborn, under=parent)
    await asyncio.sleep(1)
    await parent.stop()
    assert ends_of(ref, facts) == [
        "HandlerAbandoned",
        "ActorStopped",
    ]


@pytest.mark.allow_abandoned
@pytest.mark.allow_failures("RuntimeError")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_handler_that_swallows_even_being_closed_does_not_run_on(system: ActorSystem) -> None:
    """It is let go: nothing steps it any more, and no task is left behind."""
    steps: list[float] = []
    over: list[bool] = []

    class Undead(Actor):
        async def on_receive(self, message: Any) -> None:
            while True:
                try:
                    await asyncio.sleep(1)
                except BaseException:
                    if over:
                        raise
                    steps.append(now())

    parent = system.spawn(DynamicSupervisor)
    system.spawn(Undead, under=parent).tell("go")
    await asyncio.sleep(0.5)
    await parent.stop()
    ended, so_far = now(), len(steps)
    await asyncio.sleep(60)
    over.append(True)  # whenever it is collected, it goes in peace
    assert len(steps) == so_far
    assert ended < 10


async def test_a_handler_that_leaves_on_cancellation_is_not_abandoned(system: ActorSystem) -> None:
    """Cleaning up within the grace is the normal case."""
    parent = system.spawn(DynamicSupervisor)
    ref = system.spawn(Swallower, under=parent)
    ref.tell("leave")
    await asyncio.sleep(1)
    await parent.stop()
    assert not ref.is_alive()


async def test_a_grandchild_that_is_stuck_does_not_keep_the_tree(system: ActorSystem) -> None:
    """A supervisor waits without limit, because its children bring theirs."""
    ends: list[Any] = []
    top = system.spawn(DynamicSupervisor)
    middle = system.spawn(DynamicSupervisor, under=top)
    system.spawn(Sleeper, ends, under=middle, name="stuck").tell(3600.0)
    system.spawn(Sleeper, ends, under=middle, name="slow").tell(4.0)
    await asyncio.sleep(0.5)
    await top.stop()
    assert ends == [("slow", 4.0), ("stuck", 5.5)]


async def test_the_tree_is_down_before_on_stop_of_its_parent(system: ActorSystem) -> None:
    """Children first."""
    seen: list[Any] = []

    class Parent(Actor):
        def on_stop(self) -> None:
            seen.append([child.is_alive() for child in self.actor_ref.children()])

    parent = system.spawn(Parent)
    child = system.spawn(Sleeper, [], under=parent)
    await parent.stop()
    assert (seen, child.is_alive()) == ([[]], False)


async def test_two_kills_are_one(system: ActorSystem) -> None:
    """The second does not cut short the `on_stop` that the first one owes; a later one does."""
    ends: list[Any] = []
    ref = system.spawn(Sleeper, ends, 2.0, name="a", spec=ChildSpec("temporary"))
    ref.tell(3600.0)
    await asyncio.sleep(1)
    ref.kill()
    ref.kill()
    await ref.terminated
    assert ends == [("a", 3.0)]


async def test_nobody_is_spawned_under_the_dying(system: ActorSystem) -> None:
    """A parent that is gone, or going, takes no children."""
    parent = system.spawn(Sleeper, [], 4.0)
    stopping = parent.stop()
    await asyncio.sleep(1)
    with pytest.raises(ActorDeadError, match="cannot spawn"):
        system.spawn(Sleeper, [], under=parent)
    await stopping


def test_a_system_exit_in_a_handler_is_raised_once_on_leaving() -> None:
    """It fails that actor alone; the others run on; whoever leaves the system gets it."""
    answers: list[Any] = []

    async def main() -> None:
        async with ActorSystem() as system:
            other, leaver = system.spawn(Sleeper, []), system.spawn(Exiting)
            leaver.tell("go")
            await leaver.request("again")
            answers.append((await other.request("up"), leaver.info().restarts))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(SystemExit) as caught:
        runner.run(main())
    assert caught.value.code == 3
    assert answers == [(None, 1)]


class Exiting(Actor):
    def on_receive(self, message: Any) -> None:
        if message == "go":
            raise SystemExit(3)


@pytest.mark.actors
async def test_a_system_is_started_once() -> None:
    """Two systems are two objects; one is not revived."""
    system = ActorSystem("once")
    with pytest.raises(ActorDeadError, match="once"):
        system.spawn(Exiting)
    async with system:
        pass
    with pytest.raises(RuntimeError, match="once"):
        await system.start()
    await system.stop()  # a second stop finds nothing to do


@pytest.mark.actors
async def test_two_systems_live_side_by_side() -> None:
    """Nothing is shared: names, counts, ends."""
    async with ActorSystem("one") as one, ActorSystem("two") as two:
        first, second = one.spawn(Sleeper, [], name="same"), two.spawn(Sleeper, [], name="same")
        first.tell("a")
        await one.stop()
        assert not first.is_alive()
        assert await second.request("b") is None
    assert (one.counts().accepted, two.counts().accepted) == (2, 2)
