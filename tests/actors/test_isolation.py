"""Isolation: nothing of one actor leaks into another, whatever its handlers do to their task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import structlog

from actors import Actor, ActorRef, ActorSystem, BadActor, ChildSpec, handles, run_now, tell_many
from actors.clock import VirtualClock
from actors.testkit import TestProbe

if TYPE_CHECKING:
    from actors.turns.dispatcher import InPlace

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")


class Doing(Actor):
    """Calls what it is told with itself; coroutines are awaited in its handler."""

    async def on_receive(self, message: Any) -> Any:
        result = message(self)
        return await result if asyncio.iscoroutine(result) else result


class Plain(Actor):
    """The same with a plain function: runs on the owner's own task."""

    def on_receive(self, message: Any) -> Any:
        return message(self)


async def test_context_variables_stay_with_their_actor(system: ActorSystem) -> None:
    """Across plain handlers, suspended handlers and tasks; set in one message, seen in the next."""
    first, second, third = system.spawn(Doing), system.spawn(Plain), system.spawn(Doing)

    async def in_a_task(_: Any) -> str:
        VARIABLE.set("task")
        await asyncio.sleep(1)
        return await asyncio.create_task(read())

    async def read() -> str:
        return VARIABLE.get()

    await first.request(lambda _: VARIABLE.set("first"))
    waiting = third.ask(in_a_task, block=False)
    await asyncio.sleep(0.5)
    assert await second.request(lambda _: VARIABLE.get()) == "unset"
    assert await first.request(lambda _: VARIABLE.get()) == "first"
    assert await waiting == "task"
    assert await third.request(lambda _: VARIABLE.get()) == "task"
    assert VARIABLE.get() == "unset"


async def test_a_child_does_not_inherit_what_its_parent_bound(system: ActorSystem) -> None:
    """An actor begins with the system's context, whoever spawned it."""
    parent = system.spawn(Plain)

    def spawn(self: Actor) -> Any:
        VARIABLE.set("parent")
        return self.spawn(Plain)

    child = await parent.request(spawn)
    assert await child.request(lambda _: VARIABLE.get()) == "unset"


@pytest.mark.actors
@pytest.mark.parametrize("in_place", ["always", "never"])
async def test_whoever_first_runs_an_actor_leaves_it_nothing(in_place: InPlace) -> None:
    """Told, started, stopped or called in place or in a turn of its own: it begins with the system's context."""
    VARIABLE.set("of who started the system")
    seen: list[tuple[str, str]] = []
    async with ActorSystem(clock=VirtualClock(asyncio.get_running_loop()), in_place=in_place) as system:
        VARIABLE.set("of who came later")
        system.spawn(Leaky, seen).tell("go")
        await asyncio.sleep(1)
        called = system.spawn(Noting, seen)
        if not run_now(called, Noting.noted, Note("called")):
            called.tell(Note("called"))
        await asyncio.sleep(1)
    whats, contexts = zip(*seen, strict=True)
    assert set(whats) == {"started", "told", "called", "stopped"}
    assert set(contexts) == {"of who started the system"}


@attrs.frozen
class Note:
    what: str


class Noting(Actor):
    """Notes whose context it runs in."""

    def __init__(self, seen: list[tuple[str, str]]) -> None:
        super().__init__()
        self.seen = seen

    @handles(Note, in_place=True)
    def noted(self, note: Note) -> None:
        self.seen.append((note.what, VARIABLE.get()))

    def on_stop(self) -> None:
        self.noted(Note("stopped"))


class Started(Noting):
    starts_in_place = True

    def on_start(self) -> None:
        self.noted(Note("started"))


class Leaky(Actor):
    """Tells, starts and stops others while its own context says something else."""

    def __init__(self, seen: list[tuple[str, str]]) -> None:
        super().__init__()
        self.seen = seen
        self.told: tuple[ActorRef[Any], ...] = ()

    def on_receive(self, _: object) -> None:
        VARIABLE.set("leaked")
        self.told = (self.spawn(Noting, self.seen), self.spawn(Started, self.seen))
        stopped = self.spawn(Noting, self.seen, spec=ChildSpec(restart="temporary"))
        if not self.stop_in_place(stopped):
            stopped.stop_now()

    def on_turn_end(self) -> None:
        tell_many(self.told, Note("told"))


async def test_structlog_s_context_does_not_leak(system: ActorSystem) -> None:
    """What one actor binds is in its own log lines only."""
    refs: list[Any] = [system.spawn(Plain), system.spawn(Doing)]
    for number, ref in enumerate(refs):
        await ref.request(lambda _, number=number: structlog.contextvars.bind_contextvars(number=number))
    assert [await ref.request(lambda _: structlog.contextvars.get_contextvars()) for ref in refs] == [
        {"number": 0},
        {"number": 1},
    ]
    assert structlog.contextvars.get_contextvars() == {}


async def test_timeouts_and_task_groups_mean_what_they_say(system: ActorSystem) -> None:
    """`asyncio.timeout`, `TaskGroup` and `current_task()` work inside handlers."""
    ref = system.spawn(Doing)

    async def timed(_: Any) -> str:
        try:
            async with asyncio.timeout(1.0):
                await asyncio.sleep(10)
        except TimeoutError:
            return f"timed out at {asyncio.get_running_loop().time()}"
        return "never"

    async def grouped(_: Any) -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(1, number)) for number in range(3)]
        return [task.result() for task in tasks]

    async def failing_group(_: Any) -> Any:
        async def fail() -> None:
            raise LookupError

        caught = "nothing"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.sleep(10)
        except* LookupError:
            caught = "caught"
        return caught

    async def same_task(_: Any) -> bool:
        before = asyncio.current_task()
        await asyncio.sleep(1)
        return before is not None and asyncio.current_task() is before

    assert await ref.request(timed) == "timed out at 1.0"
    assert await ref.request(grouped) == [0, 1, 2]
    assert await ref.request(failing_group) == "caught"
    assert await ref.request(same_task) is True
    assert await ref.request(lambda _: "alive") == "alive"


def cancel_now(_: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def test_a_plain_handler_that_cancels_its_task_harms_nobody(system: ActorSystem) -> None:
    """The queue is handed over before the next turn; no other actor sees the cancellation."""
    probe = await TestProbe.start(system)
    refs: list[Any] = [system.spawn(Plain), system.spawn(Doing), system.spawn(Doing)]
    refs[0].tell(cancel_now)

    async def wait_and_tell(_: Any) -> None:
        await asyncio.sleep(1)
        probe.ref.tell("whole")

    for ref in refs[1:]:
        ref.tell(wait_and_tell)
    await probe.expect("whole")
    await probe.expect("whole")
    assert await refs[0].request(lambda _: "alive") == "alive"


@pytest.mark.parametrize("storing", [Plain, Doing])
async def test_a_task_kept_by_one_actor_and_cancelled_later_is_not_another_s(
    system: ActorSystem, storing: type[Actor]
) -> None:
    """`current_task()` stored in a handler that did not wait: its cancellation hits a finished task."""
    ref, other = system.spawn(storing), system.spawn(Doing)
    kept: list[asyncio.Task[Any]] = []

    def keep(_: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        kept.append(task)

    async def wait(_: Any) -> str:
        await asyncio.sleep(2)
        return "whole"

    ref.tell(keep)
    answer = other.ask(wait, block=False)
    await asyncio.sleep(1)
    kept[0].cancel()
    assert await answer == "whole"
    assert await ref.request(lambda _: "alive") == "alive"


@pytest.mark.allow_failures("CancelledError")
async def test_a_suspended_handler_that_cancels_itself_fails_alone(system: ActorSystem) -> None:
    """Its actor fails and is mended; the run queue keeps its owner."""
    ref, other = system.spawn(Doing), system.spawn(Doing)

    async def cancel_and_wait(_: Any) -> None:
        await asyncio.sleep(1)
        cancel_now(None)
        await asyncio.sleep(1)

    ref.tell(cancel_and_wait)
    await asyncio.sleep(3)
    assert ref.info().restarts == 1
    assert await other.request(lambda _: "alive") == await ref.request(lambda _: "alive") == "alive"


@pytest.mark.allow_failures("Base")
@pytest.mark.parametrize("cls", [Plain, Doing])
async def test_a_base_exception_fails_one_actor(system: ActorSystem, cls: type[Actor]) -> None:
    """Whatever is raised, the others run on."""

    class Base(BaseException):
        pass

    def explode(_: Any) -> None:
        raise Base

    ref, other = system.spawn(cls), system.spawn(cls)
    ref.tell(explode)
    assert await other.request(lambda _: "alive") == await ref.request(lambda _: "alive") == "alive"
    assert (ref.info().restarts, other.info().restarts) == (1, 0)


async def test_kill_of_an_actor_on_the_stack_only_marks_it(system: ActorSystem) -> None:
    """The handler that kills its own actor runs on; a wait in it is cancelled."""
    said: list[str] = []
    ref = system.spawn(Doing, spec=ChildSpec("temporary"))

    async def kill_myself(self: Actor) -> None:
        self.actor_ref.kill()
        said.append("still here")
        try:
            await asyncio.sleep(10)
        finally:
            said.append("cancelled")

    ref.tell(kill_myself)
    await ref.terminated
    assert said == ["still here", "cancelled"]
    assert asyncio.get_running_loop().time() == 0.0


def test_a_coroutine_cannot_run_in_place() -> None:
    """Its timeouts would bind to the sender's task: refused when the class is made."""
    with pytest.raises(BadActor, match="coroutine"):

        class Wrong(Actor):
            @handles(int, in_place=True)
            async def number(self, message: int) -> None: ...


@pytest.mark.parametrize("hook", ["on_turn_end", "on_undelivered"])
def test_hooks_that_cannot_wait_are_refused_as_coroutines(hook: str) -> None:
    """They would be created and never run; the class says so instead."""

    async def coroutine(*_: Any) -> None: ...

    with pytest.raises(BadActor, match=hook):
        type("Wrong", (Actor,), {hook: coroutine})
