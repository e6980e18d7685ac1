"""Budgets and escalation: what a restart is charged, and what a spent budget does further up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import ActorSystem, Child, RestartsExceeded, SystemFailed
from actors.clock import VirtualClock
from actors.events import ActorFailed, SupervisorGaveUp
from actors.testkit import Injected, fail_start
from tests.support.team import STRATEGIES, TOGETHER, Strategy, Team, Worker, spec, supervising

pytestmark = [
    pytest.mark.allow_failures("ValueError", "NotCharged", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters("stopped", "shutdown", "failed", "killed", "gave_up"),
]


async def test_a_kill_whose_handler_raises_on_its_way_out_is_charged_once(system: ActorSystem) -> None:
    """The failure of an instance that was ended for another reason is a fact, and nothing more."""

    class Untidy(Worker):
        async def on_receive(self, message: Any) -> Any:
            try:
                return await super().on_receive(message)
            except asyncio.CancelledError:
                raise ValueError("clean-up") from None

    team = Team(system, spec(intensity=1))
    ref = team.add("a", cls=Untidy)
    ref.tell(3600.0)
    await asyncio.sleep(1)
    ref.kill()
    assert await ref.request("up") == "up"
    assert ref.info().restarts == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_spent_budget_escalates_whatever_the_strategy(
    system: ActorSystem, facts: list[Any], strategy: Strategy
) -> None:
    """`intensity` restarts are forgiven; one more fails the supervisor, which comes back with new children."""
    children = [Child(Worker, ([],), name=name) for name in "abc"]
    parent = system.spawn(supervising(spec(strategy=strategy, intensity=2, on_exceeded="escalate")), children)
    await parent.request("up")
    old = parent.children()
    for _ in range(3):
        old[1].tell(ValueError())
        await asyncio.sleep(1)
    assert parent.info().restarts == 1
    assert [ref.is_alive() for ref in old] == [False] * 3
    assert [ref.path for ref in parent.children()] == [ref.path for ref in old]
    gave_up = [fact for fact in facts if isinstance(fact, SupervisorGaveUp)]
    assert [(fact.supervisor, fact.child, fact.then) for fact in gave_up] == [(parent, old[1], "escalate")]


@pytest.mark.parametrize("strategy", TOGETHER)
async def test_a_restart_of_a_whole_group_is_charged_once(system: ActorSystem, strategy: Strategy) -> None:
    """The budget counts restarts, not children."""
    team = Team(system, spec(strategy=strategy, intensity=2))
    for name in "abc":
        team.add(name)
    await team.settle()
    for _ in range(2):
        team.refs["a"].tell(ValueError())
        await team.settle()
    assert team.incarnations() == [3, 3, 3]
    team.refs["a"].tell(ValueError())
    await team.settle()
    assert team.parent.info().restarts == 1


async def test_a_restarted_supervisor_has_a_new_budget(system: ActorSystem) -> None:
    """As in OTP: what its earlier children did is forgotten with them."""
    children = [Child(Worker, ([],), name="a")]
    parent = system.spawn(supervising(spec(intensity=1)), children)
    await parent.request("up")
    for _ in range(2):
        parent.children()[0].tell(ValueError())
        await asyncio.sleep(1)
    assert parent.info().restarts == 1
    parent.children()[0].tell(ValueError())
    await asyncio.sleep(1)
    assert (parent.info().restarts, parent.children()[0].info().restarts) == (1, 1)


@pytest.mark.actors
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_escalation_goes_up_three_levels_to_the_root(strategy: Strategy) -> None:
    """Intensities multiply: root 1, middle 2, bottom 1 make 2 x 3 x 2 starts; then the system ends by itself."""
    system = ActorSystem(
        clock=VirtualClock(asyncio.get_running_loop()), supervision=spec(intensity=1, on_exceeded="exit")
    )
    await system.start()
    tried: list[Any] = []
    system.events.subscribe(ActorFailed, lambda fact: tried.append(fact) if isinstance(fact.error, Injected) else None)
    leaf = Child(fail_start(Worker, 1000), ([],), name="leaf")
    bottom = Child(supervising(spec(strategy=strategy, intensity=1, on_exceeded="escalate")), ([leaf],), name="bottom")
    system.spawn(supervising(spec(strategy=strategy, intensity=2, on_exceeded="escalate")), [bottom], name="middle")
    await system.root.terminated
    assert len(tried) == 2 * 3 * 2
    with pytest.raises(SystemFailed) as caught:
        await system.stop()
    causes: list[Any] = [caught.value]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    assert [type(one).__name__ for one in causes] == ["SystemFailed", *["RestartsExceeded"] * 3, "Injected"]
    exceeded = [one for one in causes if isinstance(one, RestartsExceeded)]
    assert [one.child.partition("/")[2].rstrip(")") for one in exceeded] == [
        "middle",
        "middle/bottom",
        "middle/bottom/leaf",
    ]


async def test_what_escalates_under_one_for_all_restarts_the_uncles(system: ActorSystem) -> None:
    """A supervisor that gave up is a failed child to its own, with all that its strategy says."""
    diary: list[str] = []
    workers = [Child(Worker, (diary,), name="worker")]
    top = system.spawn(
        supervising(spec(strategy="one_for_all")),
        [
            Child(Worker, (diary,), name="uncle"),
            Child(supervising(spec(intensity=0)), (workers,), name="parent"),
        ],
    )
    await asyncio.sleep(1)
    diary.clear()
    parent = top.children()[1]
    parent.children()[0].tell(ValueError())
    await asyncio.sleep(1)
    assert diary == ["-worker", "-uncle", "+uncle", "+worker"]
    assert [ref.info().incarnation for ref in top.children()] == [2, 2]
