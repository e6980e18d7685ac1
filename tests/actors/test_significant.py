"""Significant children: the end of one by itself, or of the last of them, ends its supervisor normally."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import pytest

from actors import Actor, ActorRef, ActorSystem, ChildSpec, Supervisor, SupervisorSpec
from actors.testkit import TestProbe

pytestmark = [pytest.mark.allow_failures("ValueError", "RestartsExceeded"), pytest.mark.allow_dead_letters()]

Auto = Literal["never", "any_significant", "all_significant"]


class Worker(Actor):
    """Fails on errors, stops on "stop"."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if message == "stop":
            self.stop()
        return message


def supervising(**changes: Any) -> type[Supervisor]:
    return cast("type[Supervisor]", type("Parent", (Supervisor,), {"supervision": SupervisorSpec(**changes)}))


def team(
    system: ActorSystem, auto: Auto, restart: Any = "transient", **changes: Any
) -> tuple[Any, list[ActorRef[Any]]]:
    """A supervisor with two significant children and one that is not."""
    parent = system.spawn(supervising(auto_shutdown=auto, **changes))
    specs = [ChildSpec(restart, significant=True), ChildSpec(restart, significant=True), ChildSpec()]
    return parent, [system.spawn(Worker, under=parent, spec=spec) for spec in specs]


@pytest.mark.parametrize(("auto", "ends_after"), [("never", None), ("any_significant", 1), ("all_significant", 2)])
async def test_how_many_must_end_by_themselves(system: ActorSystem, auto: Auto, ends_after: int | None) -> None:
    """Never, at the first, or at the last; the supervisor takes the others along, as in any stop."""
    parent, refs = team(system, auto)
    alive = []
    for ref in refs[:2]:
        if ref.is_alive():
            ref.tell("stop")
        await asyncio.sleep(1)
        alive.append(parent.is_alive())
    assert alive == [ends_after is None or ended < ends_after for ended in (1, 2)]
    assert refs[2].is_alive() is (ends_after is None)


async def test_the_end_is_a_normal_one(system: ActorSystem) -> None:
    """Watchers of the supervisor read `stopped`; a transient supervisor is not restarted, its children end orderly."""
    probe = await TestProbe.start(system)
    parent, refs = team(system, "any_significant")
    probe.watch(parent)
    refs[0].tell("stop")
    assert (await probe.expect_terminated(parent)).reason == "stopped"


async def test_a_permanent_supervisor_is_restarted_by_its_own(system: ActorSystem) -> None:
    """A normal end is mended if its restart type says so."""
    parent = system.spawn(supervising(auto_shutdown="any_significant"), spec=ChildSpec("permanent"))
    child = system.spawn(Worker, under=parent, spec=ChildSpec(significant=True))
    child.tell("stop")
    await asyncio.sleep(1)
    assert (parent.info().phase, parent.info().restarts) == ("running", 1)


async def test_one_that_is_not_significant_ends_alone(system: ActorSystem) -> None:
    """Whatever the supervisor's `auto_shutdown`."""
    parent, refs = team(system, "any_significant")
    refs[2].tell("stop")
    await asyncio.sleep(1)
    assert parent.is_alive()


async def test_a_restart_is_no_end(system: ActorSystem) -> None:
    """A transient significant child that fails is mended, and its supervisor stays."""
    parent, refs = team(system, "any_significant")
    refs[0].tell(ValueError())
    assert await refs[0].request("up") == "up"
    assert parent.is_alive()


@pytest.mark.parametrize("how", ["fail", "kill", "stop"])
async def test_every_end_of_a_temporary_counts(system: ActorSystem, how: str) -> None:
    """As in OTP: it is never mended, so failing is an end by itself as well."""
    parent, refs = team(system, "any_significant", "temporary")
    if how == "kill":
        refs[0].kill()
    else:
        refs[0].tell(ValueError() if how == "fail" else "stop")
    await parent.terminated
    assert [ref.is_alive() for ref in refs] == [False] * 3


async def test_what_the_supervisor_stops_itself_does_not_count(system: ActorSystem) -> None:
    """one_for_all: a temporary significant sibling that is sent away has not ended by itself."""
    parent, refs = team(system, "any_significant", "temporary", strategy="one_for_all")
    refs[2].tell(ValueError())
    assert await refs[2].request("up") == "up"
    assert parent.is_alive()
    assert not refs[0].is_alive()


async def test_a_spent_budget_fails_the_supervisor_instead(system: ActorSystem) -> None:
    """Escalation is a failure, not a normal end: the supervisor comes back."""
    parent, refs = team(system, "any_significant", intensity=0)
    refs[0].tell(ValueError())
    await asyncio.sleep(1)
    assert (parent.info().phase, parent.info().restarts) == ("running", 1)


async def test_a_child_that_is_given_up_has_ended(system: ActorSystem) -> None:
    """With `stop_child` nobody fails, but a significant child is gone."""
    parent, refs = team(system, "any_significant", intensity=0, on_exceeded="stop_child")
    refs[0].tell(ValueError())
    await parent.terminated
    assert not refs[1].is_alive()


def test_significant_and_permanent_contradict_each_other() -> None:
    """A permanent child has no end by itself."""
    with pytest.raises(ValueError, match="contradict"):
        ChildSpec("permanent", significant=True)
