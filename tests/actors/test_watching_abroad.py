"""Watching an actor whose loop runs on another thread: one notice per watch, whatever meets what between two lines."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest

from actors import Actor, ActorSystem, Terminated
from actors.life import death_watch

HARD_BOUND = 30
"""Real seconds after which a thread that should have gone on is given up."""

MOST_LINES = 80
"""More than any of what is stepped through has."""


class Target(Actor):
    def on_receive(self, message: Any) -> None:
        """Nothing."""


class Watcher(Actor):
    """Calls what it is told with itself, and keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def on_receive(self, act: Callable[[Watcher], Any]) -> Any:
        return act(self)

    def say(self, target: Any, ways: list[str]) -> int:
        """Returns how much it had heard before."""
        for way in ways:
            self.watch(target) if way == "watch" else self.unwatch(target)
        return len(self.heard)

    def on_signal(self, signal: Any) -> None:
        assert isinstance(signal, Terminated)
        self.heard.append(signal.ref)


class Saying:
    """A message: what a watcher is to say of somebody."""

    def __init__(self, target: Any, ways: list[str]) -> None:
        self._target, self._ways = target, ways

    def __call__(self, watcher: Watcher) -> int:
        return watcher.say(self._target, self._ways)


class Abroad:
    """A loop on a thread of its own, with a system."""

    def __init__(self) -> None:
        self.system = ActorSystem("abroad")
        self._up, self._finish = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._thread.start()
        assert self._up.wait(HARD_BOUND)

    async def _main(self) -> None:
        async with self.system:
            self.loop = asyncio.get_running_loop()
            self.loop.call_soon(self._up.set)
            await self._finish.wait()

    def trace(self, function: Any) -> None:
        """Has its thread traced from here on."""
        done = threading.Event()

        def begin() -> None:
            sys.settrace(function)
            frame: FrameType | None = sys._getframe()
            while frame is not None:
                frame.f_trace = function
                frame = frame.f_back
            done.set()

        self.loop.call_soon_threadsafe(begin)
        assert done.wait(HARD_BOUND)

    def end(self) -> None:
        """As one leaves a system; then its loop is closed."""
        self.loop.call_soon_threadsafe(self._finish.set)
        self._thread.join(HARD_BOUND)


@pytest.fixture
def abroad() -> Iterator[Abroad]:
    side = Abroad()
    yield side
    side.end()


class Interruption:
    """Calls something once, just before the n-th line that a thread comes to in the code of who watches whom."""

    def __init__(self, line: int, act: Callable[[], object]) -> None:
        self._left = line
        self._act = act

    @property
    def has_come(self) -> bool:
        return self._left < 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != death_watch.__file__:
            return self if event == "call" and not self.has_come else None
        if event == "line" and not self.has_come:
            self._left -= 1
            if self.has_come:
                self._act()
        return self


class Hold:
    """Where a thread is held until it is let go."""

    def __init__(self) -> None:
        self._held, self._go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._held.set()
        assert self._go_on.wait(HARD_BOUND)

    def wait_or_gone(self, target: Any) -> None:
        """Until a thread is held, or the end that it was to be held in is through."""
        target.terminated.add_done_callback(self._held.set)
        assert self._held.wait(HARD_BOUND)

    def let_go(self) -> None:
        self._go_on.set()


@pytest.mark.actors(real_time=True)
async def test_one_that_ends_while_it_is_being_watched_is_told_of_once(system: ActorSystem, abroad: Abroad) -> None:
    """Wherever in the watch that falls: on its own thread it is gone by the next line."""
    ref = system.spawn(Watcher)
    for line in range(MOST_LINES):
        target = abroad.system.spawn(Target)
        cut = Interruption(line, partial(_end, target))
        await ref.request(partial(_watch_traced, target=target, cut=cut))
        if not cut.has_come:
            _end(target)
        await _heard(ref, 1)
        assert ref._actor.heard == [target]
        ref._actor.heard.clear()
        if not cut.has_come:
            return
    raise AssertionError("a watch has more lines than that")


@pytest.mark.actors(real_time=True)
@pytest.mark.parametrize(
    ("ways", "more"), [("", None), ("watch", 1), ("unwatch", 0), ("unwatch watch", 1), ("watch unwatch", 0)]
)
async def test_what_a_watcher_says_while_its_target_ends_is_obeyed(
    system: ActorSystem, abroad: Abroad, ways: str, more: int | None
) -> None:
    """Wherever in the end that falls: the target's thread is held there. Others are told as well."""
    ref, other = system.spawn(Watcher), system.spawn(Watcher)
    for line in range(MOST_LINES):
        target, hold = abroad.system.spawn(Target), Hold()
        cut = Interruption(line, hold)
        for one in (other, ref):
            await one.request(Saying(target, ["watch"]))
        abroad.trace(cut)
        target.stop_now()
        await asyncio.to_thread(hold.wait_or_gone, target)
        before = await ref.request(Saying(target, ways.split()))
        hold.let_go()
        await target.terminated
        abroad.trace(None)
        expected = 1 if more is None else before + more
        await _heard(other, 1)
        await _heard(ref, expected)
        assert (ref._actor.heard, other._actor.heard) == ([target] * expected, [target])
        ref._actor.heard.clear()
        other._actor.heard.clear()
        if not cut.has_come:
            return
    raise AssertionError("an end has more lines than that")


@pytest.mark.actors(real_time=True)
async def test_who_stops_watching_or_ends_leaves_nothing_with_whom_it_watched(
    system: ActorSystem, abroad: Abroad
) -> None:
    """Its loop may go on for ever, and is not asked to keep who was there once."""
    target, ref = abroad.system.spawn(Target), system.spawn(Watcher)
    for _ in range(3):
        await ref.request(Saying(target, ["watch", "watch", "unwatch", "watch"]))
    assert len(target.terminated._callbacks or ()) == 1
    await ref.stop()
    assert target.terminated._callbacks == []


@pytest.mark.actors(real_time=True)
async def test_a_watcher_whose_loop_is_gone_is_no_harm_to_whom_it_watched(system: ActorSystem) -> None:
    """Nobody has stopped its system; the end of what was watched goes through."""
    target = system.spawn(Target)

    async def leave_standing() -> None:
        forgotten = ActorSystem()
        await forgotten.start()
        await forgotten.spawn(Watcher).request(Saying(target, ["watch"]))

    await asyncio.to_thread(asyncio.run, leave_standing())
    assert len(target.terminated._callbacks or ()) == 1
    await target.stop()
    await target.terminated


def _watch_traced(watcher: Watcher, target: Any, cut: Interruption) -> None:
    before = sys.gettrace()
    sys.settrace(cut)
    try:
        watcher.watch(target)
    finally:
        sys.settrace(before)


def _end(target: Any) -> None:
    """Ends it on its own thread before this returns."""
    done = threading.Event()
    target.terminated.add_done_callback(lambda: target._env.dispatcher.loop.call_soon(done.set))
    target.stop_now()
    assert done.wait(HARD_BOUND)


async def _heard(ref: Any, count: int) -> None:
    """Until it has heard so many; then a while in which it might hear more."""
    async with asyncio.timeout(HARD_BOUND):
        while len(ref._actor.heard) < count:  # noqa: ASYNC110  # what it waits for is on two threads
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
