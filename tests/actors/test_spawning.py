"""A `spawn` that raises leaves nothing behind, whatever `__init__` did before, and whoever ended meanwhile."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest
from pykka import ActorRegistry

from actors import Actor, ActorDeadError, ActorSystem, ChildSpec, Supervisor, SupervisorSpec
from actors.events import DeadLetter
from actors.testkit import TestProbe, assert_conservation

HARD_BOUND = 20
"""Real seconds after which a thread that should have been released is given up."""


class Echo(Actor):
    def __init__(self, ends: list[str] | None = None) -> None:
        super().__init__()
        self.ends = [] if ends is None else ends

    def on_receive(self, message: Any) -> Any:
        return message

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(1)
        self.ends.append("child")


class Unborn(Actor):
    """Does what it is given, then raises in its `__init__`."""

    def __init__(self, doing: Any = None) -> None:
        super().__init__()
        if doing is not None:
            doing(self)
        raise ValueError("no")


async def test_what_was_said_to_one_whose_init_raises_is_a_dead_letter(system: ActorSystem, tripwires: Any) -> None:
    """Its asker learns it, its tells are dead letters: accepted = handled + failed + lost + queued."""
    tripwires.allow_dead_letters("failed")
    asked: list[Any] = []
    letters: list[Any] = []
    system.events.subscribe(DeadLetter, lambda letter: letters.append((letter.message, letter.reason)))

    def talk(self: Actor) -> None:
        asked.append(self.actor_ref.ask("asked", block=False))
        self.actor_ref.tell("told")

    with pytest.raises(ValueError, match="no"):
        system.spawn(Unborn, talk)
    with pytest.raises(ActorDeadError):
        await asked[0]
    assert letters == [("asked", "failed"), ("told", "failed")]
    assert_conservation(system)


@pytest.mark.allow_dead_letters("failed")
@pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
async def test_the_children_of_one_whose_init_raises_are_stopped(system: ActorSystem, restart: Any) -> None:
    """Each by its own hook; nothing is made again in its place; its name is free at once."""
    ends: list[str] = []
    children: list[Any] = []

    def spawn(self: Actor) -> None:
        children.append(self.spawn(Echo, ends))
        self.actor_ref.tell("told")

    with pytest.raises(ValueError, match="no"):
        system.spawn(Unborn, spawn, name="one", spec=ChildSpec(restart))
    other = system.spawn(Echo, name="one")
    await asyncio.sleep(2)
    assert (children[0].is_alive(), ends) == (False, ["child"])
    assert [ref.path for ref in system.root.walk()][1:] == ["/one"]
    assert await other.request("up") == "up"


@pytest.mark.actors
async def test_a_system_is_left_only_when_the_children_of_one_whose_init_raised_are_gone() -> None:
    """They stay in the tree until then."""
    ends: list[str] = []
    async with ActorSystem() as system:
        with pytest.raises(ValueError, match="no"):
            system.spawn(Unborn, lambda self: self.spawn(Echo, ends))
    assert ends == ["child"]


async def test_who_watched_or_waited_in_an_init_that_raises_is_let_go(system: ActorSystem) -> None:
    """Neither its timers nor its watches live on; who watches it is told."""
    probe = await TestProbe.start(system)
    other = system.spawn(Echo)
    refs: list[Any] = []

    def relate(self: Actor) -> None:
        refs.append(self.actor_ref)
        self.watch(other)
        self.timers.once("late", "late", 5.0)
        probe.watch(self.actor_ref)

    with pytest.raises(ValueError, match="no"):
        system.spawn(Unborn, relate)
    await probe.expect_terminated(refs[0])
    await refs[0].terminated
    assert other.info().watchers == 0
    await asyncio.sleep(10)


async def test_the_significant_child_that_was_never_made_ends_nobody(system: ActorSystem) -> None:
    """Its maker has the error; a supervisor shuts down when a child that ran has ended."""

    class Shutting(Supervisor):
        supervision = SupervisorSpec(auto_shutdown="any_significant")

    parent = system.spawn(Shutting)
    with pytest.raises(ValueError, match="no"):
        system.spawn(Unborn, lambda self: self.spawn(Echo), under=parent, spec=ChildSpec("temporary", significant=True))
    await asyncio.sleep(5)
    assert (parent.is_alive(), parent.children()) == (True, ())


@pytest.mark.actors(real_time=True)
async def test_who_was_made_on_a_thread_that_outlives_its_parent_is_refused(system: ActorSystem) -> None:
    """No ref of the dead is returned, no instance is kept, and pykka's registry does not know it."""
    entered, release = threading.Event(), threading.Event()
    made: list[Any] = []

    class Slow(Actor):
        def __init__(self) -> None:
            super().__init__()
            made.append(weakref.ref(self))
            entered.set()
            release.wait(HARD_BOUND)

        def on_start(self) -> None:
            made.append("started")

    parent = system.spawn(Echo)
    spawning = asyncio.create_task(asyncio.to_thread(system.spawn, Slow, name="slow", under=parent))
    await asyncio.to_thread(entered.wait, HARD_BOUND)
    async with asyncio.timeout(HARD_BOUND):
        await parent.stop()
        release.set()
        with pytest.raises(ActorDeadError, match="cannot spawn Slow"):
            await spawning
    del spawning
    gc.collect()
    assert [one if isinstance(one, str) else one() for one in made] == [None]
    assert not [ref for ref in ActorRegistry.get_all() if ref.actor_class is Slow]
