"""A flood of equal facts is a few lines, and no fact is forgotten."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.sampled import INTERVAL, Sampled

# times in sixteenths: exact in binary, so that the edge of the interval means the same to both sides
gaps = st.lists(st.integers(0, 32).map(lambda n: n / 16), max_size=100)


def test_the_first_is_said_at_once() -> None:
    """Whoever follows a log sees the beginning of it, not its end."""
    assert Sampled().take("a", 1000.0) == 1


def test_one_that_waited_is_said_with_the_next_line_however_late() -> None:
    """Nothing runs to flush it: an idle gateway has no timer for its log."""
    sampled = Sampled()
    assert [sampled.take("a", 0.0), sampled.take("a", 0.5), sampled.take("a", 3600.0)] == [1, 0, 2]


def test_kinds_do_not_wait_for_each_other() -> None:
    """A flood of one must not hide the first of another."""
    sampled = Sampled()
    assert [sampled.take("a", 0.0), sampled.take("a", 0.1), sampled.take("b", 0.1)] == [1, 0, 1]


@given(gaps=gaps)
def test_lines_are_apart_and_add_up(gaps: list[float]) -> None:
    """Two lines are at least an interval apart, and all lines together stand for all facts up to the last of them."""
    sampled, now, said, seen = Sampled(), 0.0, [], 0
    for taken, gap in enumerate(gaps, 1):
        now += gap
        stands_for = sampled.take("a", now)
        seen += stands_for
        if stands_for:
            said.append(now)
            assert seen == taken
    assert all(later - earlier >= INTERVAL for earlier, later in pairwise(said))
