"""A token bucket never grants more than its burst and its rate, and keeps its word about when."""

from __future__ import annotations

from math import isinf

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.strikes import Strikes
from gateway.limits.token_bucket import TokenBucket

rates = st.sampled_from([0.1, 1.0, 3.0, 50.0, 1000.0])
bursts = st.sampled_from([1, 2, 7, 100])
starts = st.sampled_from([0.0, 0.1, 12_345.678, 1e6])
takes = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0.0, 0.1), st.floats(0.0, 20.0)), st.integers(1, 8)),
    min_size=1,
    max_size=60,
)


@given(rates, bursts, starts, takes)
def test_no_window_grants_more_than_burst_and_rate(
    rate: float, burst: int, start: float, played: list[tuple[float, int]]
) -> None:
    """In any window of T seconds: granted <= burst + rate * T (2 us for rounding)."""
    bucket, now = TokenBucket(rate, burst), start
    granted: list[tuple[float, int]] = []
    for gap, n in played:
        now += gap
        if bucket.take(now, n) == 0.0:
            granted.append((now, n))
    for first, (opened, _) in enumerate(granted):
        total = 0
        for at, n in granted[first:]:
            total += n
            assert total <= burst + rate * (at - opened + 2e-6)


@given(rates, bursts, starts, takes)
def test_who_waits_as_advised_is_granted(
    rate: float, burst: int, start: float, played: list[tuple[float, int]]
) -> None:
    """Exactly after `retry_after` the same take succeeds, a little earlier it does not; too much never does."""
    bucket, now = TokenBucket(rate, burst), start
    for gap, n in played:
        now += gap
        wait = bucket.take(now, n)
        if isinf(wait):
            assert n > burst
        elif wait:
            assert n <= burst
            assert bucket.take(now + wait * 0.9 - 1e-5, n) > 0.0
            now += wait
            assert bucket.take(now, n) == 0.0


@given(rates, bursts, takes, takes)
def test_asking_in_vain_costs_nothing(
    rate: float, burst: int, played: list[tuple[float, int]], extra: list[tuple[float, int]]
) -> None:
    """A bucket that was asked for too much in between grants what one does that was not."""
    asked, quiet, now = TokenBucket(rate, burst), TokenBucket(rate, burst), 0.0
    for number, (gap, n) in enumerate(played):
        now += gap
        for _ in extra[number : number + 2]:
            assert asked.take(now, burst + 1) > 0.0
        assert asked.take(now, n) == quiet.take(now, n)


@given(st.integers(1, 12), st.lists(st.integers(0, 40), max_size=60))
def test_strikes_agree_with_a_count(limit: int, gaps: list[int]) -> None:
    """True if and only if as many as the limit lie within the window that ends now."""
    strikes, now, times = Strikes(limit, 60.0), 0.0, []
    for gap in gaps:
        now += gap
        times.append(now)
        assert strikes.strike(now) == (sum(now - at < 60.0 for at in times) >= limit)
