"""Leaving a system: what belongs to it ends with it, also where nobody waits for that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from actors import Actor, ActorSystem
from actors.clock import VirtualClock

HARD_BOUND = 10
"""Real seconds after which a thread that should have ended is given up."""


class Slow(Actor):
    """Takes its time to end."""

    def __init__(self, seconds: float, ended: list[str]) -> None:
        super().__init__()
        self.seconds, self.ended = seconds, ended

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.seconds)
        self.ended.append("in its time")


def _system() -> ActorSystem:
    return ActorSystem(clock=VirtualClock(asyncio.get_running_loop()))


def watchdogs() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "actors-watchdog"}


@pytest.mark.actors
async def test_a_stop_that_is_cancelled_goes_on_and_can_be_waited_for_again() -> None:
    """Whoever stops it has a deadline, say; the tree has its own."""
    before, ended = asyncio.all_tasks(), list[str]()
    async with _system() as system:
        system.spawn(Slow, 3.0, ended)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await system.stop()
        assert ended == []
        assert not system.root.is_alive()
    assert ended == ["in its time"]
    assert asyncio.all_tasks() == before


@pytest.mark.actors
async def test_one_that_nobody_waits_for_leaves_no_task_behind() -> None:
    """Its runner had nothing to do any more, and waited for it as long as its loop lived."""
    before, ended = asyncio.all_tasks(), list[str]()
    system = _system()
    await system.start()
    system.spawn(Slow, 3.0, ended)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await system.stop()
    await asyncio.sleep(5)
    assert ended == ["in its time"]
    assert asyncio.all_tasks() == before


async def _cancelled_as_it_leaves() -> None:
    async with ActorSystem() as system:
        system.spawn(Slow, HARD_BOUND, [])
        asyncio.get_running_loop().call_later(0.01, asyncio.current_task().cancel)  # type: ignore[union-attr]


async def _never_left() -> None:
    await ActorSystem().start()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("main", [_cancelled_as_it_leaves, _never_left])
def test_a_loop_that_ends_before_its_system_leaves_no_thread_behind(main: Any) -> None:
    """It watched a loop that is closed, and kept the tree, as long as the process lived."""
    before = watchdogs()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
    for thread in watchdogs() - before:
        thread.join(HARD_BOUND)
    assert watchdogs() <= before


@pytest.mark.actors
async def test_it_is_stopped_on_its_own_loop() -> None:
    """Another one would change what only that one may; nothing is done, and it can be stopped where it runs."""
    async with _system() as system:
        with pytest.raises(RuntimeError, match=r"another loop.*run_coroutine_threadsafe"):
            await asyncio.to_thread(asyncio.run, system.stop())
        assert system.root.is_alive()
