"""To forget a bucket that is full changes no answer; the table never outgrows its capacity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.shared_buckets import SharedBuckets
from gateway.limits.token_bucket import TokenBucket

keys = st.sampled_from("abcdef")
takes = st.lists(st.tuples(keys, st.floats(0.0, 3.0), st.integers(1, 4)), max_size=80)


@given(takes)
def test_they_answer_as_buckets_that_nobody_forgets(played: list[tuple[str, float, int]]) -> None:
    """With room for all keys, each answers as a bucket of its own."""
    shared, plain, now = SharedBuckets(2.0, 4), {key: TokenBucket(2.0, 4) for key in "abcdef"}, 0.0
    for key, gap, n in played:
        now += gap
        assert shared.take(key, now, n) == plain[key].take(now, n)


@given(takes, st.integers(1, 5))
def test_there_are_never_more_than_the_capacity(played: list[tuple[str, float, int]], capacity: int) -> None:
    """However many keys come, and a key that has just been asked for is still there."""
    shared, now = SharedBuckets(0.001, 4, capacity), 0.0
    for key, gap, _ in played:
        now += gap
        shared.take(key, now)
        assert 1 <= len(shared) <= capacity
