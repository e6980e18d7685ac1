"""How long each has to end: a worker, a supervisor, who waits for its children, and who stops together with others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorSystem, ChildSpec, DynamicSupervisor
from tests.support.patience import Sleeper, now, timers_from_now_on


@pytest.mark.allow_dead_letters("shutdown")
async def test_past_its_time_the_handler_is_cancelled(system: ActorSystem) -> None:
    """Five seconds for a worker; then its handler is cancelled, its hook still runs, the rest is dead letters."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    ref = system.spawn(Sleeper, ends, under=parent, name="stuck")
    ref.tell(3600.0)
    ref.tell("never")
    await asyncio.sleep(1)
    await parent.stop()
    assert now() == 6.0
    assert ends == [("stuck", 6.0)]
    assert [letter.message for letter in system.dead_letters.recent] == ["never"]


@pytest.mark.parametrize(("shutdown", "ended"), [(0.0, 0.0), (2.0, 2.0)])
async def test_a_child_brings_its_own_patience(system: ActorSystem, shutdown: float, ended: float) -> None:
    """`shutdown` of its spec; 0 kills at once."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    ref = system.spawn(Sleeper, ends, under=parent, spec=ChildSpec(shutdown=shutdown))
    ref.tell(3600.0)
    await asyncio.sleep(0)
    await parent.stop()
    assert now() == ended


class Parent(Sleeper):
    """A worker that happens to have a child."""

    def __init__(self, ends: list[Any], pause: float = 0.0, of_child: float = 0.0) -> None:
        super().__init__(ends, pause)
        self.of_child = of_child

    def on_start(self) -> None:
        self.spawn(Sleeper, self.ends, self.of_child, name="child", spec=ChildSpec(shutdown=20.0))


async def test_a_worker_with_a_child_has_the_time_of_a_worker(system: ActorSystem) -> None:
    """Its handler is cancelled after five seconds as any; that it has a child makes it no supervisor."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    system.spawn(Parent, ends, name="worker", under=parent).tell(3600.0)
    await asyncio.sleep(1)
    await parent.stop()
    assert ends == [("child", 6.0), ("worker", 6.0)]


async def test_who_waits_for_its_children_is_not_killed_meanwhile(system: ActorSystem) -> None:
    """They bring their deadlines; then its own hook has its time."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    system.spawn(Parent, ends, 4.0, 12.0, name="worker", under=parent)
    await asyncio.sleep(0)
    await parent.stop()
    assert ends == [("child", 12.0), ("worker", 16.0)]


@pytest.mark.allow_failures("CancelledError")
async def test_a_deadline_of_its_own_is_kept_by_who_waits_for_its_children(system: ActorSystem) -> None:
    """Its child spec says so: its children are killed with it."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    system.spawn(Parent, ends, 0.0, 12.0, name="worker", under=parent, spec=ChildSpec(shutdown=2.0))
    await asyncio.sleep(0)
    await parent.stop()
    assert ends == [("worker", 2.0)]


@pytest.mark.allow_abandoned
async def test_who_is_killed_while_its_children_stop_in_turn_hurries_up_the_rest(system: ActorSystem) -> None:
    """In their order still, and each by its own hook; none begins to wait when the time is up."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    static = system.spawn(Sleeper, ends, name="static", under=parent, spec=ChildSpec(shutdown=2.0))
    for name in "abc":
        system.spawn(Sleeper, ends, name=name, under=static).tell(3600.0)
    await asyncio.sleep(0)
    await parent.stop()
    assert ends == [("c", 2.0), ("b", 2.0), ("a", 2.0), ("static", 2.0)]


async def test_who_is_killed_in_its_handler_takes_its_children_along(system: ActorSystem) -> None:
    """Its time was theirs: they do not begin to wait when it is over."""
    ends: list[Any] = []

    class Busy(Parent):
        def on_start(self) -> None:
            super().on_start()
            self.actor_ref.children()[0].tell(3600.0)

    parent = system.spawn(DynamicSupervisor)
    system.spawn(Busy, ends, name="worker", under=parent).tell(3600.0)
    await asyncio.sleep(1)
    await parent.stop()
    assert ends == [("child", 6.0), ("worker", 6.0)]


async def test_a_supervisor_by_its_class_has_no_deadline(system: ActorSystem) -> None:
    """What it does itself takes as long as it takes."""
    ends: list[Any] = []

    class Patient(Sleeper):
        is_supervisor = True

    parent = system.spawn(DynamicSupervisor)
    system.spawn(Patient, ends, name="supervisor", under=parent).tell(60.0)
    await asyncio.sleep(1)
    await parent.stop()
    assert ends == [("supervisor", 60.0)]


async def test_each_of_those_who_stop_together_keeps_its_own_deadline(system: ActorSystem) -> None:
    """A patient sibling does not lengthen the time of the others; 0 kills at once beside it, too."""
    ends: list[Any] = []
    parent = system.spawn(DynamicSupervisor)
    for name, shutdown in (("none", 0.0), ("short", 0.5), ("two", 2.0), ("long", 20.0), ("five", None)):
        ref = system.spawn(Sleeper, ends, name=name, under=parent, spec=ChildSpec(shutdown=shutdown))
        ref.tell(10.0 if name == "long" else 3600.0)
    await asyncio.sleep(0)
    await parent.stop()
    assert ends == [("none", 0.0), ("short", 0.5), ("two", 2.0), ("five", 5.0), ("long", 10.0)]


async def test_a_crowd_that_stops_together_needs_one_timer(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are: those with one deadline share it."""
    parent = system.spawn(DynamicSupervisor)
    for index in range(500):
        system.spawn(Actor, under=parent, spec=ChildSpec(shutdown=2.0 if index % 2 else None))
    await asyncio.sleep(1)
    timers = timers_from_now_on(monkeypatch)
    await parent.stop()
    assert sorted(delay for delay in timers if delay >= 2.0) == [2.0, 5.0]
