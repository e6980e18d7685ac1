"""Timers: exact in virtual time, one tick at a time, and none after their end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorSystem
from actors.testkit import TestProbe, assert_conservation


class Timing(Actor):
    """Calls what it is told with itself; hands everything else to the probe with the time."""

    def __init__(self, probe: TestProbe, pause: float = 0.0) -> None:
        super().__init__()
        self.probe, self.pause = probe, pause

    async def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.probe.ref.tell((message, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.pause)
        return None


@pytest.fixture
def timed(system: ActorSystem, actor_loop: asyncio.AbstractEventLoop) -> tuple[Any, TestProbe]:
    probe = actor_loop.run_until_complete(TestProbe.start(system))
    return system.spawn(Timing, probe), probe


async def test_once_ticks_once(timed: tuple[Any, TestProbe]) -> None:
    """After its delay, through the mailbox."""
    ref, probe = timed
    await ref.request(lambda self: self.timers.once("key", "tick", 2.5))
    await probe.expect(("tick", 2.5))
    assert await ref.request(lambda self: self.timers.is_active("key")) is False
    await probe.expect_none(within=60)


async def test_fixed_delay_counts_from_when_a_tick_was_taken(system: ActorSystem) -> None:
    """A slow actor gets fewer ticks; they never pile up."""
    probe = await TestProbe.start(system)
    ref = system.spawn(Timing, probe, 3.0)
    await ref.request(lambda self: self.timers.fixed_delay("key", "tick", 1.0))
    for at in (1.0, 4.0, 7.0, 10.0):
        await probe.expect(("tick", at), timeout=10)
    assert ref.counts().queued <= 2


async def test_a_key_names_one_timer(timed: tuple[Any, TestProbe]) -> None:
    """Setting it again replaces it, queued tick included; cancelling says whether there was one."""
    ref, probe = timed

    def replace(self: Actor) -> list[bool]:
        self.timers.once("key", "old", 1.0)
        self.timers.once("key", "new", 2.0)
        return [self.timers.cancel("other"), self.timers.is_active("key")]

    assert await ref.request(replace) == [False, True]
    await probe.expect(("new", 2.0))
    await probe.expect_none(within=60)


async def test_a_cancelled_tick_that_waits_already_is_dropped(
    system: ActorSystem, timed: tuple[Any, TestProbe]
) -> None:
    """It is counted as handled, so that the ledger adds up."""
    ref, probe = timed

    async def wait_and_cancel(self: Any) -> bool:
        await asyncio.sleep(2)
        return bool(self.timers.cancel("key"))

    class Waiting(Timing):
        async def on_receive(self, message: Any) -> Any:
            return await wait_and_cancel(self) if message == "wait" else await super().on_receive(message)

    ref = system.spawn(Waiting, probe)
    await ref.request(lambda self: self.timers.once("key", "tick", 1.0))
    assert await ref.request("wait") is True
    await probe.expect_none(within=60)
    assert_conservation(system)


async def test_timers_end_with_their_actor(system: ActorSystem, timed: tuple[Any, TestProbe]) -> None:
    """No tick, no dead letter, nothing left on the loop."""
    ref, probe = timed
    await ref.request(lambda self: self.timers.fixed_delay("key", "tick", 1.0))
    await ref.stop()
    await probe.expect_none(within=60)
    assert len(system.dead_letters) == 0


async def test_timers_are_bounded(timed: tuple[Any, TestProbe], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are made up anew each time are a leak, and refused."""
    ref, _ = timed
    monkeypatch.setattr("actors.cell.timers.MAX_TIMERS", 3)

    def leak(self: Actor) -> None:
        for key in range(4):
            self.timers.once(key, "tick", 1000.0)

    with pytest.raises(RuntimeError, match="reuse keys"):
        await ref.request(leak)


async def test_an_hour_of_heartbeats_takes_no_time(timed: tuple[Any, TestProbe]) -> None:
    """Virtual time: 3,600 ticks are 3,600 turns and nothing else."""
    ref, probe = timed
    await ref.request(lambda self: self.timers.fixed_delay("heartbeat", "beat", 1.0))
    await asyncio.sleep(3600.5)
    beats = [await probe.receive() for _ in range(3600)]
    assert beats[-1] == ("beat", 3600.0)


@pytest.mark.parametrize("delay", [float("nan"), "soon", None])
async def test_a_delay_that_is_none_starts_nothing(timed: tuple[Any, TestProbe], delay: Any) -> None:
    """It is refused where it is given, what ran under the key runs on, and every other timer comes due in time."""
    ref, probe = timed
    await ref.request(lambda self: self.timers.once("key", "tick", 1.0))
    for start in ("once", "fixed_delay"):
        with pytest.raises((TypeError, ValueError), match=r"cannot start timer 'key'.*number of seconds"):
            await ref.request(lambda self, start=start: getattr(self.timers, start)("key", "never", delay))
    await ref.request(lambda self: self.timers.once("other", "tock", 2.0))
    await probe.expect(("tick", 1.0))
    await probe.expect(("tock", 2.0))


@pytest.mark.parametrize("delay", [0, -1.0])
async def test_a_timer_without_a_delay_does_not_repeat(timed: tuple[Any, TestProbe], delay: float) -> None:
    """It would tick for as long as the process lives, and do nothing else; once, it is due at once."""
    ref, probe = timed
    with pytest.raises(ValueError, match=r"cannot start timer 'key'.*more than 0"):
        await ref.request(lambda self: self.timers.fixed_delay("key", "never", delay))
    await ref.request(lambda self: self.timers.once("key", "now", delay))
    await probe.expect(("now", 0.0))
