"""Deadlines in slots: never early, once, in order."""

from __future__ import annotations

import pytest

from gateway.pulse.wheel import TimerWheel


def test_keys_come_when_their_slot_has_ended_and_once() -> None:
    """Never early, at most one slot late, then forgotten."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.5)
    wheel.add("a", 1.0)
    assert wheel.advance(1.4) == []
    assert wheel.advance(1.5) == ["a"]
    assert wheel.advance(9.0) == []
    assert len(wheel) == 0


def test_earlier_slots_come_first() -> None:
    """Between slots by time, within a slot in the order of adding."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    for key, at in (("late", 9.5), ("second", 2.9), ("third", 2.1), ("first", 0.1)):
        wheel.add(key, at)
    assert wheel.advance(100.0) == ["first", "second", "third", "late"]


def test_a_key_that_is_added_again_moves() -> None:
    """One deadline per key: the last one."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    wheel.add("a", 5.0)
    wheel.add("a", 2.0)
    wheel.add("a", 8.0)
    assert len(wheel) == 1
    assert wheel.advance(7.9) == []
    assert wheel.advance(8.0) == ["a"]


def test_a_cancelled_key_does_not_come() -> None:
    """Cancelling is idempotent."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    wheel.add("a", 5.0)
    wheel.add("b", 7.0)
    wheel.cancel("a")
    wheel.cancel("a")
    assert ("a" in wheel, "b" in wheel) == (False, True)
    assert wheel.advance(10.0) == ["b"]


def test_a_deadline_that_has_passed_is_due_at_once() -> None:
    """A key added late is not lost in a slot that is over."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    wheel.advance(50.0)
    wheel.add("late", 10.0)
    assert wheel.advance(50.0) == ["late"]


def test_a_key_that_is_added_again_to_its_slot_keeps_its_place() -> None:
    """Only another slot is a move."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    for key, at in (("a", 5.0), ("b", 5.0), ("a", 4.5)):
        wheel.add(key, at)
    assert wheel.advance(5.0) == ["a", "b"]


def test_a_division_that_rounds_down_makes_nothing_early() -> None:
    """(782.8000000000001 - 189.8) / 1.0 is 593.0 in floats, and the end of that slot is one ulp too early."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=189.8)
    wheel.add("a", 782.8000000000001)
    assert wheel.advance(782.8) == []
    assert wheel.advance(783.8) == ["a"]


def test_keys_that_keep_moving_leave_no_slots_behind() -> None:
    """What the wheel holds is bounded by its keys, not by its history, and the order stays that of time."""
    wheel: TimerWheel[str] = TimerWheel(1.0, now=0.0)
    wheel.add("last", 30_000.0)
    wheel.add("first", 5.0)
    for second in range(10_000):
        wheel.add("moving", 10_000.0 + second)
    assert len(wheel._slots) < 100
    assert len(wheel._slots) == len(wheel._due)
    assert wheel.advance(5.0) == ["first"]
    assert wheel.advance(19_998.9) == []
    assert wheel.advance(19_999.0) == ["moving"]
    assert wheel.advance(30_000.0) == ["last"]


def test_a_wheel_needs_a_slot() -> None:
    """Zero would be an endless number of slots."""
    with pytest.raises(ValueError, match="could not make a timer wheel"):
        TimerWheel(0.0, now=0.0)
