"""Who is told to come again later and does so is served, and is never closed for it, whoever else is there."""

from __future__ import annotations

import heapq
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.gate import Gate
from gateway.limits.limits import Limits
from gateway.limits.message_limit import Limit
from gateway.limits.quotas import Quotas
from gateway.limits.shared_buckets import NOBODY
from gateway.limits.token_bucket import TokenBucket, too_many
from tests.support.laws import examples

HERE = "192.0.2.1"
CLOSE = Limit(3, per=60.0)
FAST = Limit(200, per=1.0)

messages = st.sampled_from([None, CLOSE, FAST])
steps = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 3), messages), min_size=20, max_size=200)


def asked(gate: Gate, limit: Limit | None, now: float) -> float:
    return gate.wait(now) if limit is None else gate.wait_for(limit, now)


def advised(wait: float) -> float:
    """What a client is told of that."""
    told: float = too_many(wait).details["retry_after"]
    return told


@examples(100)
@given(
    steps=steps,
    burst=st.integers(1, 20),
    rate=st.sampled_from([0.3, 7.0, 50.0]),
    multiples=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_what_is_told_is_true(
    steps: list[tuple[float, int, Limit | None]], burst: int, rate: float, multiples: tuple[int, int]
) -> None:
    """The same message is let through after `retry_after`, unless somebody else was there meanwhile."""
    limits = Limits(
        burst=burst, messages_per_second=rate, principal_multiple=multiples[0], address_multiple=multiples[1]
    )
    shared = Quotas(limits)
    gates = [Gate(limits, shared, HERE, name) for name in ("ada", "ada", "bob", "")]
    now = 1_000_000.0
    for pause, who, limit in steps:
        now += pause
        wait = asked(gates[who], limit, now)
        if wait > 0.0:
            now += advised(wait)
            assert asked(gates[who], limit, now) == 0.0


@pytest.mark.parametrize("limit", [None, FAST])
@pytest.mark.parametrize("whose", ["principal", "address"])
def test_tabs_that_heed_what_they_are_told_stay(whose: str, limit: Limit | None) -> None:
    """Ten of one principal, or of one office, each at its own rate: together too many, and none is closed for it."""
    limits = Limits(**{f"{whose}_multiple": 4})
    shared = Quotas(limits)
    tabs = [Gate(limits, shared, HERE, "ada" if whose == "principal" else "") for _ in range(10)]
    pace = 1 / limits.messages_per_second if limit is None else limit.per / limit.messages
    served, due = 0, [(0.0, number) for number in range(len(tabs))]
    while due[0][0] < 30.0:
        now, number = heapq.heappop(due)
        wait = asked(tabs[number], limit, now)
        served += wait == 0.0
        assert wait == 0.0 or not tabs[number].is_deaf(now), f"tab {number} was closed after {now} s"
        heapq.heappush(due, (now + (advised(wait) if wait else pace), number))
    assert served >= 0.9 * 4 * limits.messages_per_second * 30.0


def test_what_others_have_used_up_costs_nothing_of_a_message_s_own_limit() -> None:
    """Three a minute are three that were taken."""
    limits = Limits(burst=30, messages_per_second=30, principal_multiple=1)
    shared = Quotas(limits)
    hog, quiet = (Gate(limits, shared, NOBODY, "ada") for _ in range(2))
    while hog.wait(0.0) == 0.0:
        pass
    hog.wait(0.0)
    refused = [quiet.wait_for(CLOSE, 0.0) for _ in range(9)]
    assert all(0.0 < wait < 1.0 for wait in refused)
    assert [quiet.wait_for(CLOSE, 10.0) for _ in range(3)] == [0.0] * 3
    assert quiet.wait_for(CLOSE, 10.0) > 1.0


def test_a_flood_that_meets_a_spent_quota_is_a_flood() -> None:
    """Whatever it sends: what was refused counts for the rate of its connection."""
    for limit in (None, FAST, CLOSE):
        limits = Limits(burst=30, messages_per_second=1, principal_multiple=1)
        shared = Quotas(limits)
        hog, flood = (Gate(limits, shared, NOBODY, "ada") for _ in range(2))
        while hog.wait(0.0) == 0.0:
            pass
        deaf = [flood.is_deaf(0.0) for _ in range(60) if asked(flood, limit, 0.0) > 0.0]
        assert deaf.index(True) == 30 + 9, limit


def test_a_look_at_a_bucket_takes_nothing() -> None:
    """It says what `take` would."""
    bucket = TokenBucket(1.0, 2.0)
    assert [bucket.wait(0.0), bucket.take(0.0), bucket.wait(0.0), bucket.take(0.0)] == [0.0] * 4
    assert bucket.wait(0.0) == bucket.wait(0.0) == bucket.take(0.0) == pytest.approx(1.0)


@given(st.floats(1e-6, 1e5))
def test_a_wait_is_told_in_milliseconds_and_never_less(wait: float) -> None:
    """Rounded down, who heeds it would be refused again."""
    told: Any = too_many(wait).details["retry_after"]
    assert 0.0 < told == round(told, 3)
    assert wait - 1e-6 <= told <= wait + 0.001
