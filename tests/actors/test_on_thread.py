"""What a blocking actor may do beside its messages: from its thread, and done on the loop's."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorSystem, BlockingActor, ChildSpec, ReceiveTimeout, Terminated
from actors.supervision import SupervisorSpec

HARD_BOUND = 20
"""Real seconds after which a thread that should have been released is given up."""

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")


class Threaded(BlockingActor):
    """Calls what it is told with itself; keeps everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.got.append(message)
        return None

    def on_signal(self, signal: Any) -> None:
        self.got.append(signal)
        if isinstance(signal, ReceiveTimeout):
            self.set_receive_timeout(None)


@pytest.fixture
def strict(actor_loop: asyncio.AbstractEventLoop) -> None:
    """A loop that raises when a thread that is not its own sets a timer."""
    actor_loop.set_debug(True)
    actor_loop.slow_callback_duration = HARD_BOUND  # type: ignore[attr-defined]


class Threads:
    """In the place of a class's `supervision`: notes on which threads it is looked at."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def __get__(self, _: object, __: type) -> SupervisorSpec:
        self.seen.add(threading.get_ident())
        return SupervisorSpec()


@pytest.mark.usefixtures("strict")
async def test_watches_are_kept_on_the_loop_s_thread(system: ActorSystem) -> None:
    """One notice each, of who ends later and of who is gone; none after `unwatch`."""
    threads = Threads()
    kind: type[Actor] = type("Target", (Actor,), {"supervision": threads})
    first, second, third = (system.spawn(kind) for _ in range(3))
    ref = system.spawn(Threaded)
    await ref.request(lambda self: (self.watch(first), self.watch_with(second, "gone"), self.watch(third)))
    await ref.request(lambda self: self.unwatch(third))
    for target in (first, second, third):
        await target.stop()
    await asyncio.sleep(1)
    assert await ref.request(lambda self: list(self.got)) == [Terminated(first, "stopped"), "gone"]
    await ref.request(lambda self: self.watch(third))
    await asyncio.sleep(1)
    assert await ref.request(lambda self: self.got[2:]) == [Terminated(third, "stopped")]
    assert threads.seen == {threading.get_ident()}


@pytest.mark.usefixtures("strict")
async def test_timers_can_be_set_from_the_thread(system: ActorSystem) -> None:
    """Once and again and again, asked for, replaced, cancelled one by one and together."""
    ref = system.spawn(Threaded)
    began = asyncio.get_running_loop().time()
    await ref.request(lambda self: (self.timers.once("a", "once", 5), self.timers.fixed_delay("b", "again", 2)))
    assert await ref.request(lambda self: (self.timers.is_active("a"), self.timers.is_active("c"))) == (True, False)
    await asyncio.sleep(5.5)
    assert asyncio.get_running_loop().time() == began + 5.5
    assert await ref.request(lambda self: list(self.got)) == ["again", "again", "once"]
    assert await ref.request(lambda self: (self.timers.cancel("b"), self.timers.cancel("b"))) == (True, False)
    await ref.request(lambda self: (self.timers.once("c", "never", 1), self.timers.cancel_all()))
    await asyncio.sleep(10)
    assert await ref.request(lambda self: len(self.got)) == 3


@pytest.mark.usefixtures("strict")
async def test_a_receive_timeout_can_be_set_from_the_thread(system: ActorSystem) -> None:
    """And switched off from its hook; a number that makes no sense is refused there."""
    ref = system.spawn(Threaded)
    await ref.request(lambda self: self.set_receive_timeout(5))
    await asyncio.sleep(20)
    assert await ref.request(lambda self: list(self.got)) == [ReceiveTimeout(5)]
    with pytest.raises(ValueError, match="more than 0"):
        await ref.request(lambda self: self.set_receive_timeout(0))


@pytest.mark.usefixtures("strict")
async def test_what_is_piped_is_awaited_on_the_loop_in_the_context_of_the_caller(system: ActorSystem) -> None:
    """The outcome is a message to oneself, on the thread again."""
    ref = system.spawn(Threaded)

    async def look() -> tuple[str, bool]:
        await asyncio.sleep(1)
        return VARIABLE.get(), threading.get_ident() == thread

    def pipe(self: Threaded) -> None:
        VARIABLE.set("mine")
        self.pipe_to_self(look())

    thread = threading.get_ident()
    await ref.request(pipe)
    await asyncio.sleep(2)
    assert await ref.request(lambda self: list(self.got)) == [("mine", True)]


@pytest.mark.usefixtures("strict")
async def test_what_was_put_aside_is_taken_up_from_the_thread(system: ActorSystem) -> None:
    """In front of what waits, in its old order."""

    class Stashing(Threaded):
        is_open = False

        def on_receive(self, message: Any) -> Any:
            if message == "open":
                self.is_open = True
                return self.unstash()
            if not self.is_open and isinstance(message, int):
                self.stash()
            return super().on_receive(message)

    ref = system.spawn(Stashing)
    for number in range(3):
        ref.tell(number)
    opened = ref.ask("open", block=False)
    ref.tell(3)
    assert await opened == 3
    assert await ref.request(lambda self: list(self.got)) == [0, 1, 2, 3]


async def test_all_of_it_can_be_done_in_init(system: ActorSystem) -> None:
    """On whichever thread it is spawned."""
    gone = system.spawn(Actor)
    await gone.stop()

    class Eager(Threaded):
        def __init__(self) -> None:
            super().__init__()
            self.timers.once("key", "tick", 1)
            self.watch(gone)

    for ref in (system.spawn(Eager), await asyncio.to_thread(system.spawn, Eager)):
        await asyncio.sleep(2)
        assert await ref.request(lambda self: list(self.got)) == [Terminated(gone, "stopped"), "tick"]


async def test_a_turn_that_came_before_it_was_up_is_made_good(system: ActorSystem) -> None:
    """Its loop had looked at the notice while a thread was still making it."""
    gone = system.spawn(Actor)
    await gone.stop()

    class Slow(Threaded):
        def __init__(self) -> None:
            super().__init__()
            self.watch(gone)
            self.timers.is_active("key")  # an iteration of the loop later

    ref = await asyncio.to_thread(system.spawn, Slow)
    assert await ref.request(lambda self: list(self.got)) == [Terminated(gone, "stopped")]


@pytest.mark.parametrize("restart", ["temporary", "transient"])
async def test_a_thread_that_runs_on_does_nothing_to_the_next_instance(system: ActorSystem, restart: Any) -> None:
    """Nor to an actor that is gone: each of these raises in it that it is dead."""
    is_running, may_go, ended = threading.Event(), threading.Event(), threading.Event()
    raised: list[type] = []

    def run_on(self: Threaded) -> None:
        is_running.set()
        may_go.wait(HARD_BOUND)
        for call in (
            lambda: self.timers.once("key", "never", 0),
            lambda: self.watch(gone),
            lambda: self.pipe_to_self(asyncio.sleep(0)),
        ):
            try:
                call()
            except Exception as error:
                raised.append(type(error))
        ended.set()

    gone = system.spawn(Actor)
    await gone.stop()
    ref = system.spawn(Threaded, spec=ChildSpec(restart))
    ref.tell(run_on)
    await asyncio.to_thread(is_running.wait, HARD_BOUND)
    ref.kill()
    await asyncio.sleep(1)
    may_go.set()
    await asyncio.to_thread(ended.wait, HARD_BOUND)
    assert raised == [ActorDeadError] * 3
    await asyncio.sleep(1)
    if restart == "transient":
        assert await ref.request(lambda self: list(self.got)) == []
    assert ref.is_alive() == (restart == "transient")


@pytest.mark.actors
async def test_a_thread_that_outlives_its_loop_is_told_so() -> None:
    """It does not wait for one that is closed."""
    loop = asyncio.new_event_loop()
    outcome: list[Any] = []
    is_running, may_go, ended = threading.Event(), threading.Event(), threading.Event()

    def run_on(self: Threaded) -> None:
        is_running.set()
        may_go.wait(HARD_BOUND)
        try:
            self.timers.once("key", "never", 0)
        except ActorDeadError as error:
            outcome.append(str(error))
        ended.set()

    async def serve() -> None:
        async with ActorSystem() as system:
            ref = system.spawn(Threaded, spec=ChildSpec("temporary"))
            ref.tell(run_on)
            await asyncio.to_thread(is_running.wait, HARD_BOUND)
            ref.kill()

    await asyncio.to_thread(loop.run_until_complete, serve())
    loop.close()
    may_go.set()
    await asyncio.to_thread(ended.wait, HARD_BOUND)
    assert ["its event loop has ended" in one for one in outcome] == [True]
