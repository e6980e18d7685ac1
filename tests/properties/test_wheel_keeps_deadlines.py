"""A timer wheel agrees with a sorted list."""

from __future__ import annotations

from math import floor

from hypothesis import given
from hypothesis import strategies as st

from gateway.pulse.wheel import TimerWheel

# Eighths are exact in floats, so that the list can be compared without a tolerance.
eighths = st.integers(0, 800).map(lambda number: number / 8)
steps = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 9), eighths),
    st.tuples(st.just("cancel"), st.integers(0, 9), st.just(0.0)),
    st.tuples(st.just("advance"), st.just(0), eighths),
)


def slot_end(at: float, origin: float, slot: float) -> float:
    """The first end of a slot that is not before `at`."""
    end = origin + round((at - origin) / slot) * slot
    while end - slot >= at:
        end -= slot
    while end < at:
        end += slot
    return end


@given(st.sampled_from([0.25, 1.0, 4.0]), eighths, st.lists(steps, max_size=300))
def test_the_wheel_agrees_with_a_sorted_list(slot: float, origin: float, played: list[tuple[str, int, float]]) -> None:
    """The same keys, in the same order, at the same advance, and the length as well."""
    wheel: TimerWheel[int] = TimerWheel(slot, now=origin)
    naive: dict[int, tuple[float, int]] = {}
    now = origin
    for number, (step, key, value) in enumerate(played):
        if step == "add":
            wheel.add(key, value)
            end = slot_end(value, origin, slot)
            if key not in naive or naive[key][0] != end:
                naive[key] = (end, number)
        elif step == "cancel":
            wheel.cancel(key)
            naive.pop(key, None)
        else:
            now += value / 10
            due = sorted((when, key) for key, when in naive.items() if when[0] <= now)
            assert wheel.advance(now) == [key for _, key in due]
            for _, key in due:
                del naive[key]
        assert len(wheel) == len(naive)
        assert set(naive) == {key for key in range(10) if key in wheel}


@given(
    st.floats(0.01, 10.0),
    st.floats(0.0, 1e6),
    st.lists(st.floats(0.0, 1e4), min_size=1, max_size=30),
)
def test_no_rounding_makes_a_deadline_early_or_lost(slot: float, origin: float, ats: list[float]) -> None:
    """Driven at the ends of slots, every key comes once, not before its time and less than one slot after it."""
    wheel: TimerWheel[int] = TimerWheel(slot, now=origin)
    for key, after in enumerate(ats):
        wheel.add(key, origin + after)
    came: list[int] = []
    numbers = {floor(after / slot) + near for after in ats for near in range(-1, 3)}
    for now in (origin + number * slot for number in sorted(numbers)):
        due = wheel.advance(now)
        assert all(origin + ats[key] <= now < origin + ats[key] + slot * (1 + 1e-6) for key in due)
        came.extend(due)
    assert sorted(came) == list(range(len(ats)))
