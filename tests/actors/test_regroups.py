"""Regroups that something comes between: further failures, starts that fail, back-off, the end of the supervisor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import ActorSystem, Backoff, Child
from actors.events import ActorRestarted, HandlerAbandoned
from tests.support.team import Team, Worker, spec, supervising

pytestmark = [
    pytest.mark.allow_failures("ValueError", "NotCharged", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters("stopped", "shutdown", "failed", "killed", "gave_up"),
]


async def test_an_earlier_sibling_that_fails_meanwhile_widens_the_restart(system: ActorSystem) -> None:
    """rest_for_one: `a` is not part of what `c` brings about; it is charged, and takes everything along."""
    team = Team(system, spec(strategy="rest_for_one"))
    for name in "abc":
        team.add(name)
    await team.settle()
    team.refs["c"].tell(ValueError())
    team.refs["a"].tell(ValueError())
    await team.settle()
    assert team.phases() == dict.fromkeys("abc", "running")
    assert team.incarnations()[:2] == [2, 2]
    assert team.parent._family is not None
    assert team.parent._family.budget.left(asyncio.get_running_loop().time()) == 8


async def test_those_behind_one_that_does_not_come_up_wait_for_it(system: ActorSystem) -> None:
    """`c` needs `b`: it is not started before `b` runs, however long that takes."""
    team = Team(system, spec(strategy="rest_for_one", backoff=Backoff(initial=1.0, min=1.0, factor=1.0, jitter=0.0)))
    team.add("a")
    team.add("b", plan=["fine", "start", "init", "start"])
    team.add("c")
    await team.settle()
    team.refs["b"].tell(ValueError())
    assert await team.settle(3.5) == ["-b", "-c"]
    assert team.phases() == {"a": "running", "b": "restarting", "c": "restarting"}
    assert await team.settle(1) == ["+b", "+c"]
    assert team.incarnations() == [1, 4, 2]


async def test_those_behind_one_that_ends_instead_of_coming_up_come_without_it(system: ActorSystem) -> None:
    """It was stopped while it started; nobody waits for the dead."""

    class Slow(Worker):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(2)
            await super().on_start()

    team = Team(system, spec(strategy="one_for_all"))
    team.add("a")
    team.add("b", cls=Slow)
    team.add("c")
    await team.settle(5)
    team.refs["c"].tell(ValueError())
    await asyncio.sleep(1)
    team.refs["b"].stop_now()
    assert await team.settle(5) == ["-c", "-b", "-a", "+a", "+b", "-b", "+c"]
    assert team.phases() == {"a": "running", "b": "dead", "c": "running"}


async def test_siblings_come_back_when_the_one_that_cannot_start_is_given_up(system: ActorSystem) -> None:
    """`stop_child`: the group goes on without it."""
    team = Team(system, spec(strategy="one_for_all", intensity=2, on_exceeded="stop_child"))
    team.add("a")
    team.add("b", plan=["fine", "start", "start", "start"])
    team.add("c")
    await team.settle()
    team.refs["a"].tell(ValueError())
    await team.settle()
    assert team.phases() == {"a": "running", "b": "dead", "c": "running"}


async def test_a_group_in_back_off_waits_for_its_longest(system: ActorSystem) -> None:
    """Siblings restart after the delay of the one that failed, and the fact says how long that was."""
    restarted: list[Any] = []
    system.events.subscribe(ActorRestarted, restarted.append)
    team = Team(system, spec(strategy="one_for_all", backoff=Backoff(initial=2.0, jitter=0.0)))
    for name in "ab":
        team.add(name)
    await team.settle()
    team.refs["a"].tell(ValueError())
    assert await team.settle(1.9) == ["-a", "-b"]
    answer = team.refs["b"].ask("waits", block=False)
    assert await team.settle(0.2) == ["+a", "+b"]
    assert await answer == "waits"
    assert [fact.delay for fact in restarted] == [2.0, 2.0]


@pytest.mark.parametrize("what", ["kill", "failure", "stop_now"])
async def test_what_happens_to_a_sibling_in_back_off_concerns_it_alone(system: ActorSystem, what: str) -> None:
    """A kill changes nothing, as it comes back anyway; a message waits; a stop of a transient one is its end."""
    team = Team(system, spec(strategy="one_for_all", intensity=1, backoff=Backoff(initial=2.0, jitter=0.0)))
    for name in "ab":
        team.add(name)
    await team.settle()
    team.refs["a"].tell(ValueError())
    await asyncio.sleep(1)
    if what == "kill":
        team.refs["b"].kill()
    elif what == "stop_now":
        team.refs["b"].stop_now()
    else:
        team.refs["b"].tell("waits")
    assert await team.settle(10) == ["-a", "-b", "+a", *(["+b"] if what != "stop_now" else [])]
    assert team.parent.info().restarts == 0


async def test_a_supervisor_that_is_stopped_during_a_regroup_ends_with_all(system: ActorSystem) -> None:
    """Nobody comes back under the dead."""
    team = Team(system, spec(strategy="one_for_all", backoff=Backoff(initial=5.0, jitter=0.0)))
    for name in "abc":
        team.add(name)
    await team.settle()
    team.refs["a"].tell(ValueError())
    await asyncio.sleep(1)
    await team.parent.stop()
    assert await team.settle(60) == ["-a", "-c", "-b"]
    assert team.phases() == dict.fromkeys("abc", "dead")


async def test_a_supervisor_can_be_stopped_while_a_sibling_hangs_in_its_start(system: ActorSystem) -> None:
    """It does not wait for a start that takes for ever: the child's patience counts."""
    hangs = iter([False, True])

    class Hanging(Worker):
        async def on_start(self) -> None:  # type: ignore[override]
            if next(hangs):
                await asyncio.Event().wait()

    team = Team(system, spec(strategy="one_for_all"))
    team.add("a")
    team.add("b", cls=Hanging)
    await team.settle()
    team.refs["a"].tell(ValueError())
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    await team.parent.stop()
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)


async def test_a_supervisor_that_is_killed_while_siblings_go_comes_back_with_new_children(system: ActorSystem) -> None:
    """The regroup ends with the instance of the supervisor that ran it."""
    diary: list[str] = []
    children = [Child(Worker, (diary,), name=name) for name in "ab"]
    parent = system.spawn(supervising(spec(strategy="one_for_all")), children)
    await parent.request("up")
    first, second = parent.children()
    second.tell(3.0)
    await asyncio.sleep(1)
    first.tell(ValueError())
    await asyncio.sleep(1)  # it waits for the handler of the second
    parent.kill()
    await asyncio.sleep(10)
    assert not first.is_alive()
    assert not second.is_alive()
    assert [ref.info().phase for ref in parent.children()] == ["running", "running"]


@pytest.mark.allow_failures("CancelledError")
async def test_a_second_kill_of_a_supervisor_does_not_abandon_those_who_leave(
    system: ActorSystem, facts: list[Any]
) -> None:
    """Its children keep the grace that the first kill left them: each that started is stopped."""
    diary: list[str] = []

    class Careful(Worker):
        async def on_stop(self) -> None:  # type: ignore[override]
            await super().on_stop()
            await asyncio.sleep(0.5)

    workers = [Child(Careful, (diary,), name=name) for name in "ab"]
    inner = Child(supervising(spec(strategy="dynamic")), (workers,), name="inner")
    outer = system.spawn(supervising(spec()), [inner])
    await asyncio.sleep(1)
    outer.stop_now()
    for _ in range(3):
        await asyncio.sleep(0)
        outer.kill()
    await asyncio.sleep(5)
    assert diary.count("-a") == diary.count("-b") == 1
    assert [fact for fact in facts if isinstance(fact, HandlerAbandoned)] == []
