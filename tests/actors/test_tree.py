"""The tree, `info`, `top` and the metrics: what is shown is what is, and only when asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorSystem, DynamicSupervisor, TreeNode
from actors.testkit import TestProbe
from actors.tree import PORTION

pytestmark = [pytest.mark.allow_failures("ValueError"), pytest.mark.allow_dead_letters("shutdown")]


class Worker(Actor):
    """Fails on errors, sleeps over floats."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message


class Other(Worker):
    """Another class for the metrics."""


def paths(node: TreeNode) -> list[str]:
    return [node.info.path, *(path for child in node.children for path in paths(child))]


async def test_the_tree_is_shown_in_start_order(system: ActorSystem) -> None:
    """Parents first; restarts do not change places, ends leave none."""
    top = system.spawn(DynamicSupervisor, name="top")
    refs = {name: system.spawn(Worker, under=top, name=name) for name in "abc"}
    system.spawn(Other, name="last")
    refs["a"].tell(ValueError())
    await refs["a"].request("up")
    await refs["b"].stop()
    assert paths(system.tree()) == ["/", "/top", "/top/a", "/top/c", "/last"]


async def test_a_crowd_is_cut_and_counted(system: ActorSystem) -> None:
    """A hundred thousand connections are not a tree to look at."""
    top = system.spawn(DynamicSupervisor, name="top")
    for number in range(10):
        system.spawn(Worker, under=top, name=str(number))
    node = system.tree(max_children=3).children[0]
    assert (paths(node), node.hidden) == (["/top", "/top/0", "/top/1", "/top/2"], 7)
    assert system.tree().children[0].hidden == 0


async def test_info_follows_an_actor_through_its_life(system: ActorSystem) -> None:
    """Phase, incarnation, counts, message in hand, last error."""
    ref = system.spawn(Worker, name="one")
    assert (ref.info().phase, ref.info().path, ref.info().actor_class) == ("running", "/one", "Worker")
    ref.tell(2.0)
    ref.tell("waits")
    await asyncio.sleep(1)
    info = ref.info()
    assert (info.doing, info.counts.queued, info.counts.accepted) == ("float", 2, 2)
    await asyncio.sleep(2)
    assert (ref.info().doing, ref.info().counts.handled) == (None, 2)
    for _ in range(2):
        ref.tell(ValueError("boom"))
    await asyncio.sleep(0.01)
    assert ref.info().phase == "restarting"
    await asyncio.sleep(1)
    info = ref.info()
    assert (info.phase, info.incarnation, info.restarts, info.counts.failed) == ("running", 3, 2, 2)
    assert info.last_error == "ValueError: boom"
    await ref.stop()
    assert ref.info().phase == "dead"


async def test_info_knows_relations(system: ActorSystem) -> None:
    """How many children, how many watchers, how many restarts are left."""
    parent = system.spawn(Worker)
    child = system.spawn(Worker, under=parent)
    probe = await TestProbe.start(system)
    probe.watch(parent)
    assert (parent.info().children, parent.info().watchers) == (1, 1)
    before = child.info().budget_left
    child.tell(ValueError())
    await child.request("up")
    assert before is not None
    assert child.info().budget_left == before - 1
    assert system.root.info().budget_left is None


async def test_top_names_the_worst_first(system: ActorSystem) -> None:
    """By what waits, was handled, failed, or was restarted; no more than asked for."""
    calm, busy, failing = (system.spawn(Worker, name=name) for name in ("calm", "busy", "failing"))
    await calm.request("m")
    busy.tell(1.0)
    for _ in range(5):
        busy.tell("waits")
    failing.tell(ValueError())
    await asyncio.sleep(0.5)
    assert [info.path for info in system.top(1)] == ["/busy"]
    assert [info.path for info in system.top(1, by="failed")] == ["/failing"]
    assert [info.path for info in system.top(1, by="restarts")] == ["/failing"]
    assert [info.path for info in system.top(1, by="handled")] == ["/calm"]
    assert len(system.top(2)) == 2
    await asyncio.sleep(1)


async def test_metrics_are_per_class(system: ActorSystem) -> None:
    """Sums over its actors; names of instances never appear."""
    refs = [system.spawn(Worker, name=name) for name in "ab"]
    other = system.spawn(Other)
    for ref in refs:
        await ref.request("m")
    refs[0].tell(ValueError())
    await refs[0].request("m")
    other.tell(1.0)
    other.tell("waits")
    await asyncio.sleep(0.5)
    workers, others = system.metrics()["Worker"], system.metrics()["Other"]
    assert (workers.actors, workers.handled, workers.failed, workers.restarts, workers.queued) == (2, 3, 1, 1, 0)
    assert (others.actors, others.queued) == (1, 2)
    await asyncio.sleep(1)


async def test_what_is_gone_stays_counted(system: ActorSystem) -> None:
    """A counter that goes down is none: the living go, what they did stays."""
    ref = system.spawn(Worker)
    ref.tell(ValueError())
    await ref.request("m")
    before = system.metrics()["Worker"]
    await ref.stop()
    after = system.metrics()["Worker"]
    assert (before.actors, after.actors) == (1, 0)
    assert (after.failed, after.restarts) == (before.failed, before.restarts) == (1, 1)
    assert after.handled == before.handled + 1  # the stop


# --- in portions


class Idle(Actor):
    """Takes anything."""

    def on_receive(self, message: Any) -> Any:
        return message


async def grown(system: ActorSystem, count: int) -> list[Any]:
    """A tree of so many actors, two levels deep; each has handled one message."""
    top = system.spawn(DynamicSupervisor, name="many")
    refs = [system.spawn(Idle, under=top) for _ in range(count)]
    for ref in refs:
        await ref.request("m")
    return refs


async def test_a_survey_says_what_the_metrics_say(system: ActorSystem) -> None:
    """Of a tree in which nothing happens; the busiest as well."""
    refs = await grown(system, 2 * PORTION + 3)
    await refs[7].request("m")
    assert await system.survey() == system.metrics()
    assert [info.path for info in await system.survey_top(1, "handled")] == [refs[7].path]
    assert [info.path for info in await system.survey_top(PORTION + 5)] == [
        info.path for info in system.top(PORTION + 5)
    ]


async def test_others_have_turns_while_a_survey_is_made(system: ActorSystem) -> None:
    """One between two portions, however many actors there are."""
    await grown(system, 3 * PORTION)
    surveying, turns = asyncio.create_task(system.survey()), 0
    while not surveying.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    assert surveying.result()["Idle"].actors == 3 * PORTION


async def test_what_ends_during_a_survey_counts_once(system: ActorSystem) -> None:
    """Looked at already or not: what it did is in the sums, and it is not among the living that were looked at."""
    refs = await grown(system, 9 * PORTION)
    before = system.metrics()["Idle"]
    surveying = asyncio.create_task(system.survey())
    await asyncio.sleep(0)  # the first portion has been looked at
    for ref in (refs[0], refs[-1]):
        ref.stop_now()
        await ref.terminated
    assert not surveying.done()
    found, after = (await surveying)["Idle"], system.metrics()["Idle"]
    assert found == after
    assert (found.actors, found.handled) == (before.actors - 2, before.handled)
