"""Blocking actors: a thread each, and everything else as with any actor."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    BadActor,
    BlockingActor,
    ChildSpec,
    handles,
    run_blocking,
)
from actors.events import ActorFailed
from actors.testkit import assert_conservation

HARD_BOUND = 20
"""Real seconds after which a thread that should have been released is given up."""


class Loopy(Actor):
    """Runs on the loop; answers after a while."""

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(1)
        return ("loop", message)


class Threaded(BlockingActor):
    """Calls what it is told with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def on_start(self) -> None:
        self.threads.append(threading.get_ident())

    def on_receive(self, message: Any) -> Any:
        self.threads.append(threading.get_ident())
        return message(self) if callable(message) else message


async def test_handlers_and_hooks_run_on_one_thread_of_its_own(system: ActorSystem) -> None:
    """Never on the loop's, always the same for one instance."""
    ref = system.spawn(Threaded)
    threads = await ref.request(lambda self: self.threads)
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


async def test_it_may_block_for_an_answer_from_the_loop(system: ActorSystem) -> None:
    """Even when that answer takes its time: the loop runs on, the clock jumps on."""
    loopy, ref = system.spawn(Loopy), system.spawn(Threaded)
    assert await ref.request(lambda _: loopy.ask("hello", timeout=HARD_BOUND), timeout=60) == ("loop", "hello")
    assert asyncio.get_running_loop().time() == 1.0


@pytest.mark.allow_failures("ValueError")
async def test_it_is_restarted_like_any_actor(system: ActorSystem) -> None:
    """The ref stays, the thread is a new one, the old one ends."""

    def fail(_: Any) -> None:
        raise ValueError

    ref = system.spawn(Threaded)
    before = await ref.request(lambda _: threading.current_thread())
    ref.tell(fail)
    after = await ref.request(lambda _: threading.current_thread())
    assert (before is after, ref.info().restarts) == (False, 1)
    await asyncio.to_thread(before.join, HARD_BOUND)
    assert not before.is_alive()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit(), SystemError(), StopIteration(1)])
@pytest.mark.allow_failures("CancelledError", "GeneratorExit", "SystemError", "RuntimeError")
async def test_whatever_a_handler_raises_the_next_instance_waits_for_the_hooks_of_the_last(
    system: ActorSystem, error: BaseException
) -> None:
    """Also for a cancellation of its own, such as of a loop that it ran there: that is none of its wait."""
    order: list[str] = []

    class Slow(Threaded):
        def on_start(self) -> None:
            order.append("on_start")

        def on_stop(self) -> None:
            order.append(loopy.ask("on_stop", timeout=HARD_BOUND)[1])

    def fail(_: Any) -> None:
        raise error

    loopy, ref = system.spawn(Loopy), system.spawn(Slow)
    ref.tell(fail)
    assert await ref.request("up") == "up"
    assert order == ["on_start", "on_stop", "on_start"]


async def test_a_stop_releases_the_thread(system: ActorSystem) -> None:
    """An actor that is gone keeps nothing."""
    ref = system.spawn(Threaded)
    thread = await ref.request(lambda _: threading.current_thread())
    await ref.stop()
    await asyncio.to_thread(thread.join, HARD_BOUND)
    assert not thread.is_alive()


@pytest.mark.actors(real_time=True)
async def test_a_kill_does_not_wait_for_the_thread(system: ActorSystem) -> None:
    """The actor is gone at once; the call runs out in the background, `on_stop` after it, on its thread."""
    release, entered, order = threading.Event(), threading.Event(), []

    class Stuck(Threaded):
        def on_stop(self) -> None:
            order.append(("on_stop", threading.current_thread()))

    def hang(_: Any) -> None:
        entered.set()
        release.wait(HARD_BOUND)
        order.append(("call", threading.current_thread()))

    ref = system.spawn(Stuck, spec=ChildSpec("temporary"))
    answer = ref.ask(hang, block=False)
    await asyncio.to_thread(entered.wait, HARD_BOUND)
    ref.kill()
    await asyncio.wait_for(_wait(ref.terminated), HARD_BOUND)
    assert not release.is_set()
    with pytest.raises(ActorDeadError):
        await answer
    release.set()
    thread = next(one for one in threading.enumerate() if one.name.startswith("Stuck"))
    await asyncio.to_thread(thread.join, HARD_BOUND)
    assert order == [("call", thread), ("on_stop", thread)]


def test_what_outlives_its_loop_is_still_stopped() -> None:
    """The call runs out after the loop has been closed, and `on_stop` after it: what it opened is closed."""
    release, entered, order = threading.Event(), threading.Event(), []
    threads: list[threading.Thread] = []

    class Stuck(Threaded):
        def on_stop(self) -> None:
            order.append("on_stop")

    def hang(_: Any) -> None:
        threads.append(threading.current_thread())
        entered.set()
        release.wait(HARD_BOUND)
        order.append("call")

    async def main() -> None:
        async with ActorSystem() as system:
            ref = system.spawn(Stuck, spec=ChildSpec("temporary"))
            ref.tell(hang)
            await asyncio.to_thread(entered.wait, HARD_BOUND)
            ref.kill()
            await ref.terminated

    asyncio.run(main())
    release.set()
    threads[0].join(HARD_BOUND)
    assert order == ["call", "on_stop"]


@pytest.mark.allow_failures("ValueError")
async def test_what_a_hook_raises_that_nobody_waits_for_any_more_is_a_fact(
    system: ActorSystem, facts: list[Any]
) -> None:
    """As in any actor; asyncio said at some later time that an exception of a future was never retrieved."""
    release, entered = threading.Event(), threading.Event()
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))

    class Stuck(Threaded):
        def on_stop(self) -> None:
            raise ValueError

    def hang(_: Any) -> None:
        entered.set()
        release.wait(HARD_BOUND)

    ref = system.spawn(Stuck, spec=ChildSpec("temporary"))
    ref.tell(hang)
    await asyncio.to_thread(entered.wait, HARD_BOUND)
    ref.kill()
    await asyncio.wait_for(_wait(ref.terminated), HARD_BOUND)
    release.set()
    thread = next(one for one in threading.enumerate() if one.name.startswith("Stuck"))
    await asyncio.to_thread(thread.join, HARD_BOUND)
    await asyncio.sleep(0)
    gc.collect()
    failed = [(fact.ref, fact.doing) for fact in facts if isinstance(fact, ActorFailed)]
    assert (failed, said) == ([(ref, "on_stop")], [])


async def _wait(future: Any) -> Any:
    return await future


async def test_virtual_time_waits_for_a_thread_at_work(system: ActorSystem) -> None:
    """A deadline of the loop does not strike while the thread is computing."""
    ref = system.spawn(Threaded)
    assert await ref.request(lambda _: sum(range(2_000_000)), timeout=0.001) == 1999999000000


async def test_signals_and_typed_handlers_run_on_the_thread(system: ActorSystem) -> None:
    """Whatever comes, it may block."""
    seen: list[Any] = []

    class Handling(Threaded):
        @handles(int)
        def number(self, message: int) -> int:
            seen.append(("int", threading.get_ident()))
            return message + 1

        def on_signal(self, signal: Any) -> None:
            seen.append((type(signal).__name__, threading.get_ident()))

    ref, other = system.spawn(Handling), system.spawn(Loopy)
    assert await ref.request(1) == 2
    await ref.request(lambda self: system.env.dispatcher.loop.call_soon_threadsafe(self.watch, other))
    await other.stop()
    assert await ref.request(2) == 3
    assert [name for name, _ in seen] == ["int", "Terminated", "int"]
    assert len({thread for _, thread in seen}) == 1


class Keeping(Threaded):
    """Keeps what it will not handle; `undelivered` does that."""

    def __init__(self, undelivered: Any) -> None:
        super().__init__()
        self.undelivered = undelivered

    def on_undelivered(self, messages: list[object]) -> None:
        self.undelivered(messages)


@pytest.mark.parametrize("has_child", [False, True])
async def test_what_it_will_not_handle_it_takes_on_its_thread(system: ActorSystem, has_child: bool) -> None:
    """It may write it down there; it is gone only when it has, and nothing becomes a dead letter."""
    taken: list[Any] = []
    running, go_on = threading.Event(), threading.Event()

    def begin(_: Threaded) -> int:
        running.set()
        go_on.wait(HARD_BOUND)
        return threading.get_ident()

    ref = system.spawn(Keeping, lambda messages: taken.append((messages, threading.get_ident())))
    if has_child:
        system.spawn(Loopy, under=ref)
    asked = ref.ask(begin, block=False)
    for number in range(3):
        ref.tell(number)
    await asyncio.to_thread(running.wait, HARD_BOUND)
    ref.stop_now()
    go_on.set()
    await ref.terminated
    assert taken == [([0, 1, 2], await asked)]
    assert len(system.dead_letters) == 0
    assert_conservation(system)


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("stopped")
async def test_what_it_fails_to_take_is_a_dead_letter(system: ActorSystem, facts: list[Any]) -> None:
    """As with any actor: a fact says why, and each is counted once."""

    def refuse(_: list[object]) -> None:
        raise ValueError

    ref = system.spawn(Keeping, refuse)
    ref.tell("one")
    ref.stop_now()
    await ref.terminated
    assert [fact.doing for fact in facts if isinstance(fact, ActorFailed)] == ["on_undelivered"]
    assert [letter.message for letter in system.dead_letters.recent] == ["one"]
    assert_conservation(system)


@pytest.mark.parametrize("name", ["number", "on_receive", "on_start"])
def test_a_coroutine_in_a_blocking_actor_is_refused(name: str) -> None:
    """Its thread runs no loop: the coroutine would never be awaited."""

    async def coroutine(*_: Any) -> None: ...

    coroutine.__qualname__ = name
    marked = handles(int)(coroutine) if name == "number" else coroutine
    with pytest.raises(BadActor, match=name):
        type("Wrong", (BlockingActor,), {name: marked})


async def test_a_single_blocking_call_needs_no_actor(system: ActorSystem) -> None:
    """`run_blocking` uses a pool thread."""

    class Once(Actor):
        async def on_receive(self, message: int) -> int:
            return await run_blocking(pow, message, 2)

    assert await system.spawn(Once).request(7) == 49
