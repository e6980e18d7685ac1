"""Strategies as in OTP: who is restarted with whom, in which order, how often, and what that does further up."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import pytest

from actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Backoff,
    Child,
    ChildSpec,
    NotCharged,
    RestartsExceeded,
    Supervisor,
    SupervisorSpec,
    SystemFailed,
)
from actors.clock import VirtualClock
from actors.events import ActorFailed, ActorRestarted, HandlerAbandoned, SupervisorGaveUp
from actors.testkit import Injected, TestProbe, assert_conservation, explore, fail_start

pytestmark = [
    pytest.mark.allow_failures("ValueError", "NotCharged", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters("stopped", "shutdown", "failed", "killed", "gave_up"),
]

NO_WAIT = Backoff(min=0.0, jitter=0.0)

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic"]
STRATEGIES: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one", "dynamic")
TOGETHER: tuple[Strategy, ...] = ("one_for_all", "rest_for_one")


def spec(**changes: Any) -> SupervisorSpec:
    return SupervisorSpec(**{"intensity": 10, "period": 100.0, "backoff": NO_WAIT, **changes})


def supervising(supervision: SupervisorSpec) -> type[Supervisor]:
    return cast("type[Supervisor]", type("Parent", (Supervisor,), {"supervision": supervision}))


class Worker(Actor):
    """Notes its starts (+) and stops (-); fails on errors, sleeps over floats, echoes the rest."""

    def __init__(self, diary: list[str], plan: list[str] | None = None) -> None:
        """`plan`: what goes wrong in the next instances, one word each: "init", "start", or "fine"."""
        super().__init__()
        self.diary, self.name = diary, self.actor_ref._name
        self.plan = plan.pop(0) if plan else "fine"
        if self.plan == "init":
            raise ValueError("__init__")

    async def on_start(self) -> None:  # type: ignore[override]
        if self.plan == "start":
            raise ValueError("on_start")
        self.diary.append(f"+{self.name}")

    async def on_stop(self) -> None:  # type: ignore[override]
        self.diary.append(f"-{self.name}")

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message


class Team:
    """A supervisor with children, and the diary of their starts and stops."""

    def __init__(self, system: ActorSystem, supervision: SupervisorSpec) -> None:
        self.system = system
        self.diary: list[str] = []
        self.parent = system.spawn(supervising(supervision))
        self.refs: dict[str, ActorRef[Any]] = {}

    def add(self, name: str, restart: Any = "transient", cls: type[Actor] = Worker, **more: Any) -> ActorRef[Any]:
        shutdown = more.pop("shutdown", None)
        child = ChildSpec(restart, shutdown)
        ref: ActorRef[Any] = self.system.spawn(cls, self.diary, under=self.parent, name=name, spec=child, **more)
        self.refs[name] = ref
        return ref

    async def settle(self, seconds: float = 1.0) -> list[str]:
        """Lets everything happen; returns what was noted since the last time."""
        await asyncio.sleep(seconds)
        noted, self.diary[:] = list(self.diary), []
        return noted

    def phases(self) -> dict[str, str]:
        return {name: ref.info().phase for name, ref in self.refs.items()}

    def incarnations(self) -> list[int]:
        return [ref.info().incarnation for ref in self.refs.values()]


Exit = Literal["stop", "stop_now", "failure", "kill", "shutdown", "failing on_start", "failing __init__"]
MENDED: dict[str, tuple[Exit, ...]] = {
    "permanent": ("stop", "stop_now", "failure", "kill", "failing on_start", "failing __init__"),
    "transient": ("failure", "kill", "failing on_start", "failing __init__"),
    "temporary": (),
}
EXITS: tuple[Exit, ...] = (*MENDED["permanent"], "shutdown")


def expected(strategy: Strategy, restart: str, exit_reason: Exit) -> list[str]:
    """OTP, written down: `b` of a, b, c ends for that reason."""
    if exit_reason == "shutdown":
        return ["-c", "-b", "-a"] if strategy != "dynamic" else ["-a", "-b", "-c"]
    if exit_reason not in MENDED[restart]:
        return ["-b"]
    before = ["a"] if strategy == "one_for_all" else []
    after = ["c"] if strategy in TOGETHER else []
    diary = ["-b", *(f"-{name}" for name in reversed(before + after))]
    if exit_reason.startswith("failing"):  # those before it come up, it does not; they go again, and all come
        diary += [f"+{name}" for name in before] + [f"-{name}" for name in before]
    return diary + [f"+{name}" for name in (*before, "b", *after)]


@pytest.mark.parametrize("exit_reason", EXITS)
@pytest.mark.parametrize("restart", MENDED)
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_who_is_restarted_and_in_which_order(
    system: ActorSystem, strategy: Strategy, restart: str, exit_reason: Exit
) -> None:
    """The matrix: strategy x restart type x exit reason; others go in reverse start order and come in start order."""
    plan = {"failing on_start": ["fine", "start"], "failing __init__": ["fine", "init"]}.get(exit_reason, [])
    team = Team(system, spec(strategy=strategy))
    for name in "abc":
        team.add(name, restart if name == "b" else "transient", plan=plan if name == "b" else [])
    assert await team.settle() == ["+a", "+b", "+c"]
    ref = team.refs["b"]
    if exit_reason == "stop":
        assert await ref.stop() is True
    elif exit_reason == "stop_now":
        ref.stop_now()
    elif exit_reason == "kill":
        ref.kill()
    elif exit_reason == "shutdown":
        await team.parent.stop()
    else:
        ref.tell(ValueError())
    assert await team.settle() == expected(strategy, restart, exit_reason)
    goes_on = exit_reason in MENDED[restart]
    gone = {"a", "b", "c"} if exit_reason == "shutdown" else set() if goes_on else {"b"}
    assert team.phases() == {name: "dead" if name in gone else "running" for name in "abc"}


@pytest.mark.parametrize(
    ("strategy", "failing", "diary"),
    [
        ("one_for_all", "a", ["-a", "-c", "-b", "+a", "+b", "+c"]),
        ("one_for_all", "c", ["-c", "-b", "-a", "+a", "+b", "+c"]),
        ("rest_for_one", "a", ["-a", "-c", "-b", "+a", "+b", "+c"]),
        ("rest_for_one", "c", ["-c", "+c"]),
    ],
)
async def test_the_place_of_the_one_that_fails_decides(
    system: ActorSystem, strategy: Strategy, failing: str, diary: list[str]
) -> None:
    """All, or it and those started after it; after several rounds the order is still that of the first start."""
    team = Team(system, spec(strategy=strategy))
    for name in "abc":
        team.add(name)
    await team.settle()
    for _ in range(3):
        team.refs[failing].tell(ValueError())
        assert await team.settle() == diary


@pytest.mark.parametrize("strategy", TOGETHER)
async def test_temporary_siblings_go_for_good(system: ActorSystem, strategy: Strategy) -> None:
    """They are stopped with the others and do not come back; their watchers are told."""
    team = Team(system, spec(strategy=strategy))
    team.add("a")
    gone = team.add("b", "temporary")
    team.add("c")
    probe = await TestProbe.start(system)
    probe.watch(gone)
    await team.settle()
    team.refs["a"].tell(ValueError())
    assert await team.settle() == ["-a", "-c", "-b", "+a", "+c"]
    assert (await probe.expect_terminated(gone)).reason == "shutdown"
    assert team.phases() == {"a": "running", "b": "dead", "c": "running"}


async def test_a_temporary_that_fails_takes_nobody_along(system: ActorSystem) -> None:
    """It is not restarted, so there is no restart that could concern siblings."""
    team = Team(system, spec(strategy="one_for_all"))
    team.add("a")
    team.add("b", "temporary").tell(ValueError())
    assert await team.settle() == ["+a", "+b", "-b"]


@pytest.mark.parametrize("strategy", TOGETHER)
async def test_refs_mailboxes_watchers_and_queued_asks_of_siblings_survive(
    system: ActorSystem, strategy: Strategy
) -> None:
    """For each that is restarted, not only for the one that failed: only the instance is replaced."""
    team = Team(system, spec(strategy=strategy))
    failing, sibling = team.add("a"), team.add("b")
    await team.settle()
    probe = await TestProbe.start(system)
    probe.watch(sibling)
    urn, instance = sibling.actor_urn, sibling._actor
    sibling.tell(2.0)  # in hand when the other fails
    failing.tell(ValueError())
    answers = [ref.ask(number, block=False) for number in range(3) for ref in (failing, sibling)]
    assert [await answer for answer in answers] == [0, 0, 1, 1, 2, 2]
    assert (sibling.actor_urn, sibling.path.rpartition("/")[2]) == (urn, "b")
    assert sibling._actor is not instance
    assert sibling.counts().handled == 4  # what was in hand was finished first
    assert sibling.counts().failed == 0
    await probe.expect_none(within=60)
    assert_conservation(system)


async def test_a_sibling_finishes_its_handler_first(system: ActorSystem) -> None:
    """Within its patience; whoever asked gets the answer."""
    team = Team(system, spec(strategy="one_for_all"))
    failing, sibling = team.add("a"), team.add("b")
    await team.settle()
    answer = sibling.ask(3.0, block=False)
    await asyncio.sleep(0.5)
    failing.tell(ValueError())
    assert await answer == 3.0
    assert await team.settle() == ["-a", "-b", "+a", "+b"]


async def test_a_sibling_that_takes_too_long_is_cut_short_and_charged_to_nobody(
    system: ActorSystem, facts: list[Any]
) -> None:
    """After its shutdown time its handler is cancelled: no failure of its own, and its asker learns it."""
    team = Team(system, spec(strategy="one_for_all", intensity=1))
    failing, sibling = team.add("a"), team.add("b", shutdown=2.0)
    await team.settle()
    answer = sibling.ask(3600.0, block=False)
    waiting = sibling.ask("waits", block=False)
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    failing.tell(ValueError())
    with pytest.raises(ActorDeadError) as caught:
        await answer
    assert caught.value.reason == "killed"
    assert await waiting == "waits"
    assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
    assert await team.settle() == ["-a", "-b", "+a", "+b"]
    assert [type(fact.error) for fact in facts if isinstance(fact, ActorFailed)] == [ValueError]


@pytest.mark.allow_abandoned
async def test_a_sibling_that_swallows_its_cancellation_is_restarted_all_the_same(
    system: ActorSystem, facts: list[Any]
) -> None:
    """Its handler is abandoned, its message lost; its ref, its mailbox and its watchers stay."""

    class Swallower(Worker):
        async def on_receive(self, message: Any) -> Any:
            while message == "swallow":
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue
            return message

    team = Team(system, spec(strategy="one_for_all"))
    failing, sibling = team.add("a"), team.add("b", cls=Swallower, shutdown=1.0)
    probe = await TestProbe.start(system)
    probe.watch(sibling)
    await team.settle()
    lost, kept = sibling.ask("swallow", block=False), sibling.ask("kept", block=False)
    await asyncio.sleep(0)
    failing.tell(ValueError())
    with pytest.raises(ActorDeadError, match="killed"):
        await lost
    assert await kept == "kept"
    assert await team.settle() == ["-a", "-b", "+a", "+b"]
    assert [fact.ref for fact in facts if isinstance(fact, HandlerAbandoned)] == [sibling]
    await probe.expect_none(within=60)
    assert_conservation(system)


@pytest.mark.allow_abandoned
async def test_a_sibling_whose_hook_swallows_its_cancellation_too_is_restarted(system: ActorSystem) -> None:
    """`pre_restart` is let go as well; the group does not wait for ever."""

    class Stubborn(Worker):
        async def pre_restart(self, reason: BaseException | None) -> None:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue

    team = Team(system, spec(strategy="one_for_all"))
    failing, sibling = team.add("a"), team.add("b", cls=Stubborn, shutdown=1.0)
    await team.settle()
    failing.tell(ValueError())
    assert await team.settle(10) == ["-a", "+a", "+b"]
    assert await sibling.request("up") == "up"
    assert sibling.info().incarnation == 2


async def test_siblings_that_are_just_starting_go_as_well(system: ActorSystem) -> None:
    """One in the middle of `on_start` is waited for, then restarted."""

    class Slow(Worker):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(2)
            await super().on_start()

    team = Team(system, spec(strategy="one_for_all"))
    failing = team.add("a")
    team.add("b", cls=Slow)
    await asyncio.sleep(1)
    failing.tell(ValueError())
    assert await team.settle(10) == ["+a", "-a", "+b", "-b", "+a", "+b"]


async def test_a_start_that_is_cut_short_is_no_failure(system: ActorSystem, facts: list[Any]) -> None:
    """A sibling that hangs in `on_start` is cancelled there, and started anew with the others."""
    hangs = iter([True, False])

    class Hanging(Worker):
        async def on_start(self) -> None:  # type: ignore[override]
            if next(hangs):
                await asyncio.Event().wait()
            await super().on_start()

    team = Team(system, spec(strategy="one_for_all", intensity=1))
    failing = team.add("a")
    team.add("b", cls=Hanging, shutdown=1.0)
    await asyncio.sleep(1)
    failing.tell(ValueError())
    assert await team.settle(10) == ["+a", "-a", "+a", "+b"]
    assert [fact.doing for fact in facts if isinstance(fact, ActorFailed)] == ["ValueError"]


@pytest.mark.parametrize("strategy", TOGETHER)
async def test_siblings_that_fail_together_are_one_restart(system: ActorSystem, strategy: Strategy) -> None:
    """One cause, one charge: as in OTP, where the exit of a child that is being terminated is not counted."""
    team = Team(system, spec(strategy=strategy, intensity=1))
    refs = [team.add(name) for name in "abcd"]
    await team.settle()
    for ref in refs:
        ref.tell(ValueError())
    await team.settle()
    assert team.phases() == dict.fromkeys("abcd", "running")
    assert team.incarnations() == [2, 2, 2, 2]
    assert team.parent.info().restarts == 0


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


async def test_a_failure_that_is_not_charged_restarts_siblings_too(system: ActorSystem) -> None:
    """`NotCharged` says who pays, not who is concerned."""
    team = Team(system, spec(strategy="one_for_all", intensity=0))
    for name in "ab":
        team.add(name)
    await team.settle()
    team.refs["b"].tell(NotCharged())
    assert await team.settle() == ["-b", "-a", "+a", "+b"]


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


# --- budgets and escalation


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_spent_budget_escalates_whatever_the_strategy(
    system: ActorSystem, facts: list[Any], strategy: Strategy
) -> None:
    """`intensity` restarts are forgiven; one more fails the supervisor, which comes back with new children."""
    children = [Child(Worker, ([],), name=name) for name in "abc"]
    parent = system.spawn(supervising(spec(strategy=strategy, intensity=2)), children)
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
    bottom = Child(supervising(spec(strategy=strategy, intensity=1)), ([leaf],), name="bottom")
    system.spawn(supervising(spec(strategy=strategy, intensity=2)), [bottom], name="middle")
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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_whoever_fails_when_the_rest_runs_again(strategy: Strategy) -> None:
    """Over orders of events: several fail, are killed or busy at once; all run in the end, and nothing is lost."""

    async def scenario(system: ActorSystem) -> None:
        team = Team(system, spec(strategy=strategy, intensity=100))
        refs = [team.add(name, "permanent") for name in "abcde"]
        refs[3].tell(0.5)
        for ref in (refs[2], refs[0], refs[4], refs[3]):
            ref.tell(ValueError())
        refs[1].kill()
        answers = [ref.ask(number, block=False) for number in range(3) for ref in refs]
        assert [await answer for answer in answers] == [number for number in range(3) for _ in refs]
        await team.settle(5)
        assert team.phases() == dict.fromkeys("abcde", "running")
        assert team.parent._family is not None
        assert team.parent._family.group is None
        assert team.parent.info().restarts == 0

    explore(scenario, seeds=30)
