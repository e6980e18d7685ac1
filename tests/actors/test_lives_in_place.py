"""To start and to stop in place: quicker, and otherwise not to be told from doing it in a turn."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from actors import Actor, ActorRef, ActorSystem, ChildSpec, Terminated, handles
from actors.life.departure import stop_in_place
from actors.life.grace import abandon

VOICE: ContextVar[str] = ContextVar("VOICE", default="nobody's")
TEMPORARY = ChildSpec(restart="temporary")


class Child(Actor):
    """Notes what happens to it, and in whose context."""

    starts_in_place = True

    def __init__(self, notes: list[Any]) -> None:
        super().__init__()
        self.notes = notes

    def on_start(self) -> Any:
        self._note("started")
        VOICE.set("its own")

    @handles(str)
    def heard(self, message: str) -> None:
        self._note(message)

    def on_stop(self) -> Any:
        self._note("stopped")

    def _note(self, what: str) -> None:
        self.notes.append((what, VOICE.get(), self.actor_ref._env.dispatcher.current is self.actor_ref))


class Later(Child):
    """Its hooks wait."""

    async def on_start(self) -> None:  # type: ignore[override]
        self.runner = asyncio.current_task()
        await asyncio.sleep(1)
        super().on_start()

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(1)
        super().on_stop()


class Failing(Child):
    """Its hooks raise."""

    def on_start(self) -> None:
        raise ValueError("start")


class Ungrateful(Child):
    def on_stop(self) -> None:
        raise ValueError("stop")


class Parent(Actor):
    """Has children and stops them; whatever it is asked to do happens in a turn of its own."""

    def __init__(self, spec: ChildSpec = TEMPORARY) -> None:
        super().__init__()
        self.spec = spec
        self.child: ActorRef[Any] | None = None
        self.told: list[Terminated] = []

    @handles(tuple)
    def act(self, asked: tuple[str, Any]) -> Any:
        return getattr(self, asked[0])(asked[1])

    def bear(self, made: tuple[type[Child], list[Any]]) -> ActorRef[Any]:
        self.child = self.spawn(*made, spec=self.spec)
        self.watch(self.child)
        return self.child

    def part(self, message: str | None) -> tuple[bool, bool]:
        assert self.child is not None
        if message is not None:
            self.child.tell(message)
        return self.stop_in_place(self.child), self.child.is_alive()

    def on_signal(self, signal: object) -> None:
        if isinstance(signal, Terminated):
            self.told.append(signal)


async def _family(system: ActorSystem, kind: type[Child], spec: ChildSpec = TEMPORARY) -> tuple[Any, Any, list[Any]]:
    notes: list[Any] = []
    parent = system.spawn(Parent, spec)
    child = await parent.request(("bear", (kind, notes)))
    return parent, child, notes


async def test_it_has_started_when_spawn_returns(system: ActorSystem) -> None:
    """In a context of its own, as the actor that runs; what comes later sees what it has set."""
    notes: list[Any] = []
    child = system.spawn(Child, notes)
    assert notes == [("started", "nobody's", True)]
    assert (VOICE.get(), system.env.dispatcher.current) == ("nobody's", None)
    assert child.info().phase == "running"
    child.tell("hello")
    await asyncio.sleep(1)
    assert notes[1:] == [("hello", "its own", True)]


@pytest.mark.actors(in_place="never")
async def test_never_means_in_its_first_turn(system: ActorSystem) -> None:
    """The setting of the system decides; the result is the same."""
    notes: list[Any] = []
    system.spawn(Child, notes).tell("hello")
    assert notes == []
    await asyncio.sleep(1)
    assert notes == [("started", "nobody's", True), ("hello", "its own", True)]


async def test_on_another_thread_it_starts_in_its_first_turn(system: ActorSystem) -> None:
    """Hooks run on the loop's thread, wherever `spawn` was called."""
    threads: list[threading.Thread] = []

    class Noting(Child):
        def on_start(self) -> None:
            threads.append(threading.current_thread())

    await asyncio.to_thread(system.spawn, Noting, [])
    await asyncio.sleep(1)
    assert threads == [threading.current_thread()]


async def test_a_start_that_waits_is_not_stepped_on_the_stack_of_its_maker(system: ActorSystem) -> None:
    """`current_task` is the one that hosts it; its messages wait."""
    notes: list[Any] = []
    child = system.spawn(Later, notes)
    child.tell("hello")
    assert (notes, child.info().phase) == ([], "starting")
    await asyncio.sleep(2)
    assert [note[0] for note in notes] == ["started", "hello"]
    assert child._actor.runner is not asyncio.current_task()


@pytest.mark.allow_abandoned
async def test_what_an_abandoned_one_would_have_awaited_is_closed(system: ActorSystem) -> None:
    """Forgotten, it would be a warning: that of its start as that of its end."""
    notes: list[Any] = []
    starting = system.spawn(Later, notes, spec=TEMPORARY)
    abandon(starting)
    ending = system.spawn(Later, notes, spec=TEMPORARY)
    await asyncio.sleep(2)
    assert not stop_in_place(ending)
    abandon(ending)
    assert [ref.info().phase for ref in (starting, ending)] == ["dead", "dead"]
    assert [note[0] for note in notes] == ["started"]


@pytest.mark.allow_failures("ValueError")
async def test_a_start_that_fails_is_heard_of_as_any(system: ActorSystem) -> None:
    """`spawn` returns; the watcher is told."""
    parent, child, notes = await _family(system, Failing)
    await asyncio.sleep(1)
    assert [(signal.ref, signal.reason) for signal in parent._actor.told] == [(child, "failed")]
    assert notes == []


async def test_an_idle_child_is_gone_when_it_is_stopped_in_place(system: ActorSystem) -> None:
    """`on_stop` has run as in a turn of its own; the watcher is told, and everybody who waits."""
    parent, child, notes = await _family(system, Child)
    assert await parent.request(("part", None)) == (True, False)
    assert notes[1:] == [("stopped", "its own", True)]
    await asyncio.wait_for(child.terminated, 1)
    await asyncio.sleep(1)
    assert [(signal.ref, signal.reason) for signal in parent._actor.told] == [(child, "stopped")]
    assert parent.children() == ()


async def test_a_child_with_mail_is_left_alone(system: ActorSystem) -> None:
    """What it was told before is handled."""
    parent, _, notes = await _family(system, Child)
    assert await parent.request(("part", "hello")) == (False, True)
    await asyncio.sleep(1)
    assert [note[0] for note in notes] == ["started", "hello"]
    assert await parent.request(("part", None)) == (True, False)


async def test_a_child_that_would_be_restarted_is_left_alone(system: ActorSystem) -> None:
    """Its supervisor mends a stop; that is no end."""
    parent, child, notes = await _family(system, Child, ChildSpec(restart="permanent"))
    assert await parent.request(("part", None)) == (False, True)
    assert [note[0] for note in notes] == ["started"]
    assert child.info().incarnation == 1


async def test_a_child_with_children_is_left_alone(system: ActorSystem) -> None:
    """They end before it, which may take its time."""
    parent, child, _ = await _family(system, Child)
    system.spawn(Child, [], under=child)
    assert await parent.request(("part", None)) == (False, True)


@pytest.mark.actors(in_place="never")
async def test_never_means_left_alone(system: ActorSystem) -> None:
    """Who asks for it stops it in a turn, then."""
    parent, _, _ = await _family(system, Child)
    await asyncio.sleep(1)
    assert await parent.request(("part", None)) == (False, True)


async def test_a_last_hook_that_waits_ends_in_a_turn(system: ActorSystem) -> None:
    """It is not alive from now on, and gone when it has been awaited; its parent waits for it if it ends meanwhile."""
    parent, child, notes = await _family(system, Later)
    await asyncio.sleep(2)
    assert await parent.request(("part", None)) == (False, False)
    assert [note[0] for note in notes] == ["started"]
    await parent.stop()
    assert [note[0] for note in notes] == ["started", "stopped"]
    assert child.info().phase == "dead"


@pytest.mark.allow_failures("ValueError")
async def test_what_a_last_hook_raises_is_a_fact(system: ActorSystem) -> None:
    """It is gone all the same, and who stopped it notices nothing."""
    parent, _, _ = await _family(system, Ungrateful)
    assert await parent.request(("part", None)) == (True, False)
    assert parent.is_alive()
