"""The future: any thread sets it, any loop awaits it, a plain thread may block on it."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pykka
import pytest

from actors import LoopFuture, WouldBlockLoop
from actors.testkit import run


def settled(value: Any) -> LoopFuture[Any]:
    future: LoopFuture[Any] = LoopFuture()
    future.set(value)
    return future


def failed(error: BaseException) -> LoopFuture[Any]:
    future: LoopFuture[Any] = LoopFuture()
    future.fail(error)
    return future


def test_two_loops_await_one_future() -> None:
    """Each is woken on its own thread, with the same value."""
    future: LoopFuture[int] = LoopFuture()
    waiting = threading.Barrier(3)

    async def wait() -> int:
        asyncio.get_running_loop().call_later(0, lambda: waiting.wait(10))
        return await future

    with ThreadPoolExecutor(2) as pool:
        loops = [pool.submit(asyncio.run, wait()) for _ in range(2)]
        waiting.wait(10)
        future.set(7)
        assert [loop.result(10) for loop in loops] == [7, 7]


@pytest.mark.parametrize("error", [None, LookupError("no")])
def test_get_blocks_a_plain_thread_until_the_result_is_in(error: Exception | None) -> None:
    """Settled during the wait, and before it."""
    future: LoopFuture[int] = LoopFuture()
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(future.get, timeout=10)
        if error is None:
            future.set(1)
            assert got.result(10) == future.get() == 1
        else:
            future.fail(error)
            with pytest.raises(LookupError):
                got.result(10)
            with pytest.raises(LookupError):
                future.get()


def test_get_gives_up_after_its_timeout() -> None:
    """With pykka's error; a result that comes later can still be had."""
    future: LoopFuture[int] = LoopFuture()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    future.set(2)
    assert future.get(timeout=0) == 2


@pytest.mark.actors
async def test_get_refuses_a_running_loop_unless_the_result_is_there() -> None:
    """It would block everybody; a settled one costs nothing."""
    with pytest.raises(WouldBlockLoop, match="await"):
        LoopFuture[int]().get()
    assert settled(3).get() == 3


@pytest.mark.actors
async def test_awaiting_does_not_block_the_loop() -> None:
    """Trap 1 of pykka: others run while one waits."""
    future: LoopFuture[str] = LoopFuture()
    asyncio.get_running_loop().call_later(5, future.set, "in time")
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while not future.done():
            await asyncio.sleep(0.1)
            ticks += 1

    assert (await asyncio.gather(future_of(future), ticking()))[0] == "in time"
    assert ticks == pytest.approx(50, abs=1)


async def future_of(future: LoopFuture[Any]) -> Any:
    return await future


def test_a_future_is_settled_once() -> None:
    """`set` says so as pykka does; `resolve` and `fail` say whether they were first."""
    future = settled(1)
    with pytest.raises(queue.Full):
        future.set(2)
    with pytest.raises(queue.Full):
        future.set_exception((None, LookupError(), None))
    assert (future.resolve(3), future.fail(LookupError())) == (False, False)
    assert future.get() == 1


def test_set_exception_takes_the_error_being_handled() -> None:
    """pykka's way to use it, in an except block; without any there is nothing to set."""
    future: LoopFuture[Any] = LoopFuture()
    with pytest.raises(TypeError, match="none is being handled"):
        future.set_exception()
    try:
        raise LookupError("here")
    except LookupError:
        future.set_exception()
    with pytest.raises(LookupError, match="here"):
        future.get()


def test_map_filter_reduce_and_join_settle_with_their_sources() -> None:
    """Before and after, in the order given."""
    source: LoopFuture[Any] = LoopFuture()
    derived: list[Any] = [
        source.map(len),
        source.filter(lambda number: number % 2 == 1),
        source.reduce(lambda a, b: a + b),
        source.reduce(lambda a, b: a + b, 10),
        source.join(settled("x"), settled("y")),
    ]
    source.set([1, 2, 3])
    assert [future.get() for future in derived] == [3, [1, 3], 6, 16, [[1, 2, 3], "x", "y"]]
    assert source.map(len).get() == 3


def test_an_error_passes_through_what_is_derived() -> None:
    """The source's, or that of the function; of several joined ones the first in order."""
    assert_raises(LookupError, failed(LookupError()).map(len))
    assert_raises(ZeroDivisionError, settled(0).map(lambda number: 1 // number))
    assert_raises(KeyError, settled(0).join(failed(KeyError()), failed(LookupError())))


def assert_raises(kind: type[BaseException], future: Any) -> None:
    with pytest.raises(kind):
        future.get(timeout=10)


def test_a_callback_runs_once_whoever_meets_whom() -> None:
    """Setter and adder race; each callback is claimed by exactly one side."""
    calls: list[int] = []
    for _ in range(300):
        future: LoopFuture[None] = LoopFuture()
        start = threading.Barrier(2)

        def add(future: LoopFuture[None] = future, start: threading.Barrier = start) -> None:
            start.wait(10)
            future.add_done_callback(lambda: calls.append(1))

        thread = threading.Thread(target=add)
        thread.start()
        start.wait(10)
        future.set(None)
        thread.join(10)
    assert len(calls) == 300


def test_a_waiter_that_left_is_not_missed() -> None:
    """A loop that was closed, a task that was cancelled: settling finds nobody and goes on."""
    future: LoopFuture[int] = LoopFuture()

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future_of(future), 1)

    run(leave())
    future.set(5)
    assert future.get() == 5


@pytest.mark.actors
async def test_a_callback_that_raises_is_reported_to_the_loop_and_keeps_nothing_from_the_others() -> None:
    """Neither from the other callbacks, nor from who settles the future; the same for one that is added afterwards."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    future: LoopFuture[int] = LoopFuture()
    called: list[str] = []
    for callback in (lambda: called.append("first"), raising(asyncio.CancelledError()), lambda: called.append("last")):
        future.add_done_callback(callback)
    assert future.resolve(1)
    future.add_done_callback(raising(ZeroDivisionError()))
    assert sorted(called) == ["first", "last"]
    assert [type(error) for error in reported] == [asyncio.CancelledError, ZeroDivisionError]


def test_where_no_loop_runs_a_callback_that_raises_is_reported_as_a_thread_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To `threading.excepthook`, with the thread on which the future was settled."""
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    future: LoopFuture[int] = LoopFuture()
    error = LookupError("mine")
    future.add_done_callback(raising(error))
    future.set(1)
    assert [(one.exc_value, one.thread) for one in reported] == [(error, threading.current_thread())]


def raising(error: BaseException) -> Any:
    def callback() -> None:
        raise error

    return callback


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(), LookupError()])
def test_a_derived_future_settles_whatever_its_function_raises(error: BaseException) -> None:
    """The error is for who reads it, not for who settled the source."""
    source: LoopFuture[int] = LoopFuture()
    mapped, joined = source.map(lambda _: raising(error)()), source.join(failed(error))
    source.set(1)
    assert_raises(type(error), mapped)
    assert_raises(type(error), joined)


@pytest.mark.parametrize("last", [0, 9_999])
def test_any_number_of_futures_can_be_joined(last: int) -> None:
    """Ten thousand, whether the first or the last of them comes in when all others are settled."""
    futures = [LoopFuture[int]() if number == last else settled(number) for number in range(10_000)]
    joined = futures[0].join(*futures[1:])
    futures[last].set(last)
    assert joined.get(timeout=10) == list(range(10_000))


@pytest.mark.actors
async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    """A thread whose timeout passed, a task that was cancelled; the others are still called, once each."""
    future: LoopFuture[int] = LoopFuture()
    calls: list[str] = []
    future.add_done_callback(lambda: calls.append("first"))
    waiting = asyncio.ensure_future(future_of(future))
    await asyncio.sleep(0)
    before = list(future._callbacks or ())
    for _ in range(100):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future_of(future), 1)
    await asyncio.to_thread(give_up, future, 100)
    assert future._callbacks == before
    future.set(1)
    assert (await waiting, calls) == (1, ["first"])


def give_up(future: LoopFuture[Any], times: int) -> None:
    for _ in range(times):
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0)


@pytest.mark.parametrize("timeout", [-0.5, -1, float("-inf")])
def test_a_timeout_that_has_passed_is_one(timeout: float) -> None:
    """Minus one, too, which locks take for no limit."""
    future: LoopFuture[int] = LoopFuture()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=timeout)


def test_a_timeout_may_be_without_end() -> None:
    """Infinity is longer than a lock can wait."""
    future: LoopFuture[int] = LoopFuture()
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(future.get, timeout=float("inf"))
        while not future._callbacks and not got.done():
            pass
        future.set(1)
        assert got.result(10) == 1


@pytest.mark.parametrize("error", [None, LookupError("no")])
def test_pykka_s_own_futures_can_be_joined(error: Exception | None) -> None:
    """Before they are set, and after; in the order given, with the error of the first that has one."""
    for is_set_before in (True, False):
        theirs: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        joined = None if is_set_before else settled(1).join(theirs, settled(3))
        theirs.set(2) if error is None else theirs.set_exception((type(error), error, None))
        joined = joined or settled(1).join(theirs, settled(3))
        if error is None:
            assert joined.get(timeout=10) == [1, 2, 3]
        else:
            assert_raises(LookupError, joined)


@pytest.mark.actors(real_time=True)
async def test_what_comes_of_a_lazy_result_settles() -> None:
    """`set_get_hook` is asked once, on a thread, when something is made of it: nobody else would ask."""
    asked: list[Any] = []
    lazy: LoopFuture[int] = LoopFuture()
    lazy.set_get_hook(lambda timeout: asked.append(timeout) or 20)
    mapped, joined = lazy.map(lambda value: value + 1), settled(1).join(lazy)
    both = await asyncio.wait_for(asyncio.gather(future_of(mapped), future_of(joined)), 10)
    assert both == [21, [1, 20]]
    with pytest.raises(WouldBlockLoop):
        LoopFuture[int].get(_lazy_forever())


def _lazy_forever() -> LoopFuture[int]:
    future: LoopFuture[int] = LoopFuture()
    future.set_get_hook(lambda _: threading.Event().wait())
    return future
