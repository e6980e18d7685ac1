"""How late the loop is, as ten timers a second find out."""

from __future__ import annotations

import asyncio

import pytest

from gateway.telemetry.lag import EVERY, KEPT, SAMPLES, LoopLag


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock can be pushed, as a handler that blocks would."""

    pushed = 0.0

    def time(self) -> float:
        return super().time() + self.pushed


@pytest.mark.actors
async def test_a_loop_in_time_has_no_lag() -> None:
    """In virtual time nothing is late."""
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(10 * SAMPLES * EVERY)
    lag.stop()
    assert (lag.last, lag.worst) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.0, abs=1e-9))


def test_a_stall_is_measured_and_kept_for_as_long_as_a_scrape_may_take() -> None:
    """`last` forgets it within two seconds, `worst` only when as many came after it as are kept."""
    loop = Loop()
    try:
        lag = _stalled_once(loop)
        assert lag.last == pytest.approx(7.0, abs=1.0)
        _seconds(loop, lag, 2)
        assert lag.last < 1.0
        _seconds(loop, lag, KEPT - 2)
        assert lag.worst == pytest.approx(7.0, abs=1.0)
        _seconds(loop, lag, 1)
        assert lag.worst < 1.0
        lag.stop()
    finally:
        loop.close()


def test_a_stall_of_a_fifth_of_a_second_is_seen_whenever_it_comes() -> None:
    """At least half of it. One sample a second would meet one such stall in five."""
    loop = Loop()
    try:
        lag = LoopLag()
        loop.run_until_complete(_start(lag))
        for begins in (0.0, 0.03, 0.06, 0.09):
            loop.pushed += begins
            _run_due(loop)
            loop.pushed += 0.2
            _run_due(loop)
            assert lag.last >= 0.099
            _seconds(loop, lag, 2)
        lag.stop()
    finally:
        loop.close()


def _stalled_once(loop: Loop) -> LoopLag:
    lag = LoopLag()
    loop.run_until_complete(_start(lag))
    loop.pushed += EVERY + 7.0
    _run_due(loop)
    return lag


def _seconds(loop: Loop, lag: LoopLag, count: int) -> None:
    """So many go by in which nothing is late."""
    for _ in range(count * SAMPLES):
        loop.pushed += lag._due - loop.time()
        _run_due(loop)


def _run_due(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


async def _start(lag: LoopLag) -> None:
    lag.start()


@pytest.mark.actors
async def test_after_stop_no_timer_is_left() -> None:
    """A gateway that ended keeps no loop awake; stopping twice does no harm."""
    lag = LoopLag()
    lag.start()
    lag.stop()
    lag.stop()
    await asyncio.sleep(5 * EVERY)
    assert lag._taken == 0
