"""Siblings that are restarted with the one that failed: what they keep, finish, and are not charged for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import ActorDeadError, ActorSystem, ChildSpec
from actors.events import ActorFailed, HandlerAbandoned
from actors.testkit import TestProbe, assert_conservation
from tests.support.patience import cling
from tests.support.team import TOGETHER, Strategy, Team, Worker, spec

pytestmark = [
    pytest.mark.allow_failures("ValueError", "NotCharged", "RestartsExceeded", "Injected"),
    pytest.mark.allow_dead_letters("stopped", "shutdown", "failed", "killed", "gave_up"),
]


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
            await cling()

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


@pytest.mark.allow_failures("CancelledError")
@pytest.mark.parametrize("shutdown", [0.0, 1.0])
async def test_a_deadline_of_its_own_is_kept_by_a_sibling_that_waits_for_its_children(
    system: ActorSystem, shutdown: float
) -> None:
    """Its children are hurried up then, and nobody asks without end meanwhile whether they are gone."""

    class Late(Worker):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(4)

    team = Team(system, spec(strategy="one_for_all"))
    failing, sibling = team.add("a"), team.add("b", shutdown=shutdown)
    child = system.spawn(Late, team.diary, under=sibling, spec=ChildSpec(shutdown=60.0))
    await team.settle()
    began = asyncio.get_running_loop().time()
    failing.tell(ValueError())
    await child.terminated
    assert asyncio.get_running_loop().time() - began == shutdown
    assert await sibling.request("up") == "up"


@pytest.mark.allow_abandoned
async def test_an_instance_that_is_on_its_way_out_has_its_last_hook_once(system: ActorSystem) -> None:
    """It was killed, and hangs there, when siblings are to go with it: the hook is let go, and not begun again."""
    begun: list[object] = []

    class Stubborn(Worker):
        async def pre_restart(self, reason: BaseException | None) -> None:
            begun.append(self)
            await cling()

    team = Team(system, spec(strategy="one_for_all"))
    failing, sibling = team.add("a"), team.add("b", cls=Stubborn, shutdown=0.5)
    await team.settle()
    failing.kill()
    sibling.kill()
    assert await sibling.request("up", timeout=60) == await failing.request("up") == "up"
    assert len(begun) == 1
