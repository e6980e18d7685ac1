"""Real time that a test moves on: timers in order, sockets in between, and nothing by itself."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time

import pytest

from actors import Actor, ActorSystem
from actors.testkit.movable_time import MovableClock, MovableTimeLoop

pytestmark = pytest.mark.actors(real_time=True, loop=MovableTimeLoop)

HOUR = 3600.0


@pytest.fixture
def clock(actor_loop: MovableTimeLoop) -> MovableClock:
    return MovableClock(actor_loop)


async def test_timers_run_one_after_the_other_each_at_its_time(clock: MovableClock) -> None:
    """Those that a timer sets on its way have their turn before later ones."""
    loop, ran, began = asyncio.get_running_loop(), list[tuple[str, int]](), clock.now()

    def note(name: str, again: float = 0.0) -> None:
        ran.append((name, round(clock.now() - began)))
        if again:
            loop.call_later(again, note, f"{name}+")

    loop.call_later(30, note, "late")
    loop.call_later(10, note, "early", 5.0)
    loop.call_later(61, note, "never")
    await clock.advance(60)
    assert ran == [("early", 10), ("early+", 15), ("late", 30)]
    assert 60 <= clock.now() - began < 61


async def test_an_hour_takes_no_hour_and_the_wall_moves_with_it(clock: MovableClock) -> None:
    """Wall time is the machine's and what was added."""
    before, machine = clock.wall(), time.time()
    await clock.advance(HOUR)
    assert clock.wall() - before == pytest.approx(HOUR, abs=60)
    assert clock.wall() - time.time() == pytest.approx(HOUR, abs=1)
    assert time.time() - machine < 60


async def test_time_passes_once_the_test_waits(clock: MovableClock) -> None:
    """The call itself changes nothing, so what is said before it has a turn first."""
    began = clock.now()
    passing = clock.advance(HOUR)
    assert clock.now() - began < HOUR
    await passing
    assert clock.now() - began >= HOUR


async def test_moves_add_up(clock: MovableClock) -> None:
    """Each of two that are under way is done at the end of both."""
    began = clock.now()
    await asyncio.gather(asyncio.ensure_future(clock.advance(10)), asyncio.ensure_future(clock.advance(20)))
    assert 30 <= clock.now() - began < 31


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
async def test_time_only_goes_on(clock: MovableClock, seconds: float) -> None:
    """And ends."""
    with pytest.raises(ValueError, match="time only goes on"):
        clock.advance(seconds)


async def test_what_a_socket_brings_is_handled_before_time_passes(clock: MovableClock) -> None:
    """Both ways: a request that is under way has its answer long before the hour is over."""
    left, right = socket.socketpair()
    echo_reader, echo_writer = await asyncio.open_connection(sock=right)
    reader, writer = await asyncio.open_connection(sock=left)

    async def answer() -> None:
        echo_writer.write(await echo_reader.readexactly(4))

    answering, began = asyncio.ensure_future(answer()), clock.now()
    writer.write(b"ping")
    passing = clock.advance(HOUR)
    assert await reader.readexactly(4) == b"ping"
    assert clock.now() - began < 1
    await passing
    await answering
    for one in (writer, echo_writer):
        one.close()
        await one.wait_closed()


async def test_it_stands_still_while_a_thread_works_for_the_loop(clock: MovableClock) -> None:
    """A deadline does not pass because a test moves the clock while a call is under way."""
    loop, began, was_heard = asyncio.get_running_loop(), clock.now(), threading.Event()
    left, right = socket.socketpair()

    def work() -> bool:
        left.send(b"x")
        return was_heard.wait(5.0)

    loop.add_reader(right, was_heard.set)
    call = loop.run_in_executor(None, work)
    clock.advance(HOUR)
    assert await call
    assert clock.now() - began < HOUR
    loop.remove_reader(right)
    left.close()
    right.close()


async def test_a_wait_of_the_machine_s_time_is_not_over_because_the_clock_moves(clock: MovableClock) -> None:
    """Neither by what was added nor by what it took to pass."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MovableTimeLoop)
    for _ in range(5):  # a machine that stands still for 0.2 s makes it right to give up
        answer: asyncio.Future[None] = loop.create_future()
        loop.call_later(HOUR - 1, answer.set_result, None)
        clock.advance(HOUR)
        began = time.monotonic()
        if await loop.finishes(answer, 0.2):  # looks five times a second, which takes longer than that in all
            break
    else:
        pytest.fail("the time that an hour takes to pass was counted, five times")
    assert time.monotonic() - began > 0.1  # timers are rounded
    assert not await loop.finishes(loop.create_future(), 0.0)
    assert not await loop.finishes(loop.create_future(), 0.01)


async def test_a_system_s_timers_move_with_it(system: ActorSystem, clock: MovableClock) -> None:
    """Actors need know nothing of it."""
    ticks: list[object] = []

    class Ticking(Actor):
        def on_start(self) -> None:
            self.timers.fixed_delay("tick", "tick", 10.0)

        def on_receive(self, message: object) -> None:
            ticks.append(message)

    system.spawn(Ticking)
    await asyncio.sleep(0)
    await clock.advance(59)
    assert len(ticks) == 5
