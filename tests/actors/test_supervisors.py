"""Supervisors: what becomes of a child, by restart type, exit reason and budget."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import pytest

from actors import (
    Actor,
    ActorSystem,
    Backoff,
    Child,
    ChildFailed,
    ChildSpec,
    DynamicSupervisor,
    RestartsExceeded,
    Supervisor,
    SupervisorSpec,
    SystemFailed,
)
from actors.clock import VirtualClock
from actors.testkit import TestProbe, fail_start

pytestmark = [
    pytest.mark.allow_failures("ValueError", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters(),
]

NO_WAIT = Backoff(min=0.0, jitter=0.0)


class Worker(Actor):
    """Fails on errors, echoes the rest."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message


class Watching(Actor):
    """A parent that records what it is told of its children."""

    def __init__(self) -> None:
        super().__init__()
        self.signals: list[Any] = []

    def on_signal(self, signal: Any) -> None:
        self.signals.append(signal)


Exit = Literal["stopped", "failed", "killed", "shutdown"]
SURVIVES: dict[tuple[str, Exit], bool] = {
    ("permanent", "stopped"): True,
    ("permanent", "failed"): True,
    ("permanent", "killed"): True,
    ("permanent", "shutdown"): False,
    ("transient", "stopped"): False,
    ("transient", "failed"): True,
    ("transient", "killed"): True,
    ("transient", "shutdown"): False,
    ("temporary", "stopped"): False,
    ("temporary", "failed"): False,
    ("temporary", "killed"): False,
    ("temporary", "shutdown"): False,
}


@pytest.mark.parametrize(("restart", "exit_reason"), SURVIVES)
@pytest.mark.parametrize("supervisor", [Supervisor, DynamicSupervisor])
async def test_restart_type_and_exit_reason_decide(
    system: ActorSystem, supervisor: type[Actor], restart: Any, exit_reason: Exit
) -> None:
    """Permanent: always, but for a shutdown; transient: after failures and kills; temporary: never."""
    parent = system.spawn(supervisor)
    probe = await TestProbe.start(system)
    ref = system.spawn(Worker, under=parent, spec=ChildSpec(restart))
    await ref.request("up")
    probe.watch(ref)
    if exit_reason == "stopped":
        await ref.stop()
    elif exit_reason == "failed":
        ref.tell(ValueError())
    elif exit_reason == "killed":
        ref.kill()
    else:
        await parent.stop()
    survives = SURVIVES[restart, exit_reason]
    if survives:
        assert await ref.request("again") == "again"
        assert ref.info().incarnation == 2
    else:
        assert (await probe.expect_terminated(ref)).reason == exit_reason
        assert not ref.is_alive()


async def test_a_permanent_child_is_restarted_after_a_normal_stop(system: ActorSystem) -> None:
    """As in OTP: its mailbox is kept, and the stop is answered."""
    ref = system.spawn(Worker, spec=ChildSpec("permanent"))
    ref.tell("before")
    stopped = ref.stop()
    after = ref.ask("after", block=False)
    assert await stopped is True
    assert await after == "after"
    assert ref.is_alive()


async def test_a_parent_is_told_of_a_child_s_failure(system: ActorSystem) -> None:
    """`ChildFailed` carries the error; supervision has been decided already."""
    parent = system.spawn(Watching)
    ref = system.spawn(Worker, under=parent)
    error = ValueError("boom")
    ref.tell(error)
    await asyncio.sleep(0.1)
    assert parent._actor.signals == [ChildFailed(ref, error)]


def spec(**changes: Any) -> SupervisorSpec:
    return SupervisorSpec(**{"intensity": 2, "period": 10.0, "backoff": NO_WAIT, **changes})


def parent_of(supervision_: SupervisorSpec) -> type[Watching]:
    return cast("type[Watching]", type("Parent", (Watching,), {"supervision": supervision_}))


async def test_a_supervisor_s_budget_is_shared_by_its_children(system: ActorSystem, facts: list[Any]) -> None:
    """Scope `supervisor`: the third failure of any of them within the period is one too many."""
    parent = system.spawn(parent_of(spec(on_exceeded="stop_child")))
    first, second = (system.spawn(Worker, under=parent) for _ in range(2))
    for ref in (first, second):
        ref.tell(ValueError())
        await ref.request("up")
    second.tell(ValueError())
    await second.terminated
    assert await first.request("up") == "up"
    gave_up = next(fact for fact in facts if type(fact).__name__ == "SupervisorGaveUp")
    assert (gave_up.supervisor, gave_up.child, gave_up.then) == (parent, second, "stop_child")


async def test_a_child_s_budget_is_its_own(system: ActorSystem) -> None:
    """Scope `child`: two crashing children do not stop a third, nor each other early."""
    parent = system.spawn(parent_of(spec(scope="child", on_exceeded="stop_child", strategy="dynamic")))
    refs = [system.spawn(Worker, under=parent) for _ in range(3)]
    for _ in range(2):
        for ref in refs[:2]:
            ref.tell(ValueError())
            await ref.request("up")
    refs[0].tell(ValueError())
    await refs[0].terminated
    assert await refs[1].request("up") == await refs[2].request("up") == "up"


async def test_restarts_are_forgotten_after_the_period(system: ActorSystem) -> None:
    """The window slides: two per ten seconds, for ever."""
    parent = system.spawn(parent_of(spec(on_exceeded="stop_child")))
    ref = system.spawn(Worker, under=parent)
    for _ in range(6):
        ref.tell(ValueError())
        assert await ref.request("up") == "up"
        await asyncio.sleep(5.0)
    assert ref.info().restarts == 6


async def test_a_spent_budget_escalates(system: ActorSystem) -> None:
    """The supervisor fails with RestartsExceeded and is itself restarted by its own."""
    parent = system.spawn(parent_of(spec(intensity=0)))
    ref = system.spawn(Worker, under=parent, name="child")
    error = ValueError("boom")
    ref.tell(error)
    await ref.terminated
    await parent.request("up")
    assert parent.info().restarts == 1
    assert parent.children() == ()


async def test_escalation_waits_for_the_message_in_hand(system: ActorSystem) -> None:
    """A supervisor that is in the middle of a message finishes it, then fails."""

    class Busy(Worker):
        supervision = spec(intensity=0)

    parent = system.spawn(Busy)
    ref = system.spawn(Worker, under=parent)
    busy = parent.ask(2.0, block=False)
    await asyncio.sleep(1)
    ref.tell(ValueError())
    assert await busy == 2.0
    assert await parent.request("restarted") == "restarted"
    assert parent.info().restarts == 1


@pytest.mark.actors
async def test_a_root_whose_budget_is_spent_ends_the_system() -> None:
    """Nobody is left to escalate to: leaving the system raises the failure, with its causes."""
    system = ActorSystem(
        clock=VirtualClock(asyncio.get_running_loop()), supervision=spec(intensity=1, on_exceeded="exit")
    )
    error = ValueError("boom")
    await system.start()
    bystander, ref = system.spawn(Worker), system.spawn(Worker)
    ref.tell(ValueError("forgiven"))
    ref.tell(error)
    await system.root.terminated
    assert not bystander.is_alive()
    with pytest.raises(SystemFailed) as caught:
        await system.stop()
    exceeded = caught.value.__cause__
    assert isinstance(exceeded, RestartsExceeded)
    assert exceeded.__cause__ is error


async def test_static_children_start_in_order_and_stop_in_reverse(system: ActorSystem) -> None:
    """OTP's order, both ways."""
    diary: list[str] = []

    class Writing(Worker):
        def on_start(self) -> None:
            diary.append(f"start {self.actor_ref._name}")

        def on_stop(self) -> None:
            diary.append(f"stop {self.actor_ref._name}")

    parent = system.spawn(Supervisor, [Child(Writing, name=name) for name in "abc"])
    await parent.request("up")
    await parent.children()[-1].request("up")
    await parent.stop()
    assert diary == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_a_start_that_waits_holds_up_nobody_but_who_asks(system: ActorSystem) -> None:
    """All stand before the first `on_start`; a sibling that needs what another sets up asks, and waits for it."""
    diary: list[str] = []

    class Store(Worker):
        async def on_start(self) -> None:
            diary.append("store starts")
            await asyncio.sleep(1)
            diary.append("store is up")

    class Reader(Worker):
        async def on_start(self) -> None:
            store, *_ = parent.children()
            diary.append("reader starts")
            await store.request("up")
            diary.append("reader is up")

    parent = system.spawn(Supervisor, [Child(Store, name="store"), Child(Reader, name="reader")])
    await asyncio.sleep(2)
    assert diary == ["store starts", "reader starts", "store is up", "reader is up"]


async def test_a_restarted_supervisor_starts_its_children_again(system: ActorSystem) -> None:
    """Its list survives in its arguments."""
    parent = system.spawn(Supervisor, [Child(Worker, name="a"), Child(Worker, name="b")])
    await parent.request("up")
    before = parent.children()
    parent.kill()
    await parent.request("up")
    after = parent.children()
    assert [ref.path for ref in after] == [ref.path for ref in before]
    assert not set(after) & set(before)


async def test_a_child_that_fails_to_start_too_often_is_given_up(system: ActorSystem) -> None:
    """Failing starts are charged to the budget as any failure."""
    parent = system.spawn(parent_of(spec(on_exceeded="stop_child")))
    ref = system.spawn(fail_start(Worker, 100), under=parent)
    probe = await TestProbe.start(system)
    assert (await probe.expect_terminated(ref)).reason == "gave_up"
    assert ref.info().incarnation == 3


async def test_a_kill_during_back_off_does_not_build_two_instances(system: ActorSystem) -> None:
    """The rebuild that was under way and the one after the kill are one."""
    built: list[int] = []

    class Counting(Worker):
        def __init__(self) -> None:
            super().__init__()
            built.append(1)

    ref = system.spawn(Counting)
    ref.tell(ValueError())
    ref.tell(ValueError())
    await asyncio.sleep(0.05)
    assert ref.info().phase == "restarting"
    ref.kill()
    await ref.request("up")
    await asyncio.sleep(60)
    assert len(built) == ref.info().incarnation == 3
