"""The bucket: what it grants, and what it says to who is above."""

from __future__ import annotations

from math import inf

import pytest

from gateway.limits.token_bucket import TokenBucket


def test_a_full_bucket_grants_its_burst_and_then_its_rate() -> None:
    """100 at once, then one every 20 ms."""
    bucket = TokenBucket(50.0, 100)
    assert [bucket.take(7.0) for _ in range(100)] == [0.0] * 100
    assert bucket.take(7.0) == pytest.approx(0.02)
    assert bucket.take(7.02) == 0.0
    assert bucket.take(7.02) > 0.0


def test_a_refusal_says_when_and_takes_nothing() -> None:
    """However often one asks in vain, the advised time stays."""
    bucket = TokenBucket(2.0, 1)
    bucket.take(0.0)
    assert [bucket.take(0.25) for _ in range(3)] == [pytest.approx(0.25)] * 3
    assert bucket.take(0.5) == 0.0


def test_a_bucket_does_not_fill_above_its_burst() -> None:
    """A quiet day saves up nothing."""
    bucket = TokenBucket(1.0, 3)
    assert bucket.take(86_400.0, 3) == 0.0
    assert bucket.take(86_400.0) == pytest.approx(1.0)


def test_several_tokens_are_all_or_none() -> None:
    """Two of a bucket that has one are refused, and the one stays; more than a burst never comes."""
    bucket = TokenBucket(1.0, 2)
    bucket.take(0.0)
    assert bucket.take(0.0, 2) == pytest.approx(1.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0, 3) == inf


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_without_rate_or_burst_is_refused(rate: float, burst: float) -> None:
    """It would never grant anything."""
    with pytest.raises(ValueError, match="could not make a token bucket"):
        TokenBucket(rate, burst)
