"""Strategies as in OTP: who is restarted with whom, and in which order."""

from __future__ import annotations

from typing import Literal

import pytest

from actors import ActorSystem, NotCharged
from actors.testkit import TestProbe, explore
from tests.support.laws import seeds
from tests.support.team import STRATEGIES, TOGETHER, Strategy, Team, spec

pytestmark = [
    pytest.mark.allow_failures("ValueError", "NotCharged", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters("stopped", "shutdown", "failed", "killed", "gave_up"),
]

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


async def test_a_failure_that_is_not_charged_restarts_siblings_too(system: ActorSystem) -> None:
    """`NotCharged` says who pays, not who is concerned."""
    team = Team(system, spec(strategy="one_for_all", intensity=0))
    for name in "ab":
        team.add(name)
    await team.settle()
    team.refs["b"].tell(NotCharged())
    assert await team.settle() == ["-b", "-a", "+a", "+b"]


@pytest.mark.hypothesis  # more seeds with the thorough profile
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

    explore(scenario, seeds=seeds(30))
