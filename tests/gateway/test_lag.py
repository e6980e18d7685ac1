"""How late the loop is, as one timer a second finds out."""

from __future__ import annotations

import asyncio

import pytest

from gateway.lag import EVERY, KEPT, LoopLag


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
    await asyncio.sleep(10 * EVERY)
    lag.stop()
    assert (lag.last, lag.worst) == (0.0, 0.0)


def test_a_stall_is_measured_and_kept_for_as_long_as_a_scrape_may_take() -> None:
    """The last sample forgets it at once; the worst one when as many came after it as are kept."""
    loop = Loop()
    try:
        lag = _stalled_once(loop)
        assert lag.last == pytest.approx(7.0, abs=1.0)
        for _ in range(KEPT - 1):
            _tick(loop, lag)
        assert lag.last < 1.0
        assert lag.worst == pytest.approx(7.0, abs=1.0)
        _tick(loop, lag)
        assert lag.worst < 1.0
        lag.stop()
    finally:
        loop.close()


def _stalled_once(loop: Loop) -> LoopLag:
    lag = LoopLag()
    loop.run_until_complete(_start(lag))
    loop.pushed += EVERY + 7.0
    _run_due(loop)
    return lag


def _tick(loop: Loop, lag: LoopLag) -> None:
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
    assert len(lag._samples) == 1
