"""Heartbeat and wheel: the decisions one by one, and deadlines in slots."""

from __future__ import annotations

import pytest

from gateway.pulse.heartbeat import Close, Heartbeat, HeartbeatConfig, Ping, TimerWheel, Wait

EXACT = Heartbeat(HeartbeatConfig(), slot=0.0)
ON_A_WHEEL = Heartbeat(HeartbeatConfig())


def test_a_connection_that_speaks_is_left_alone() -> None:
    """Nothing to do until 25 s after the last inbound byte."""
    assert EXACT.after(10.0, 5.0, None, 0) == Wait(30.0)


def test_silence_is_pinged_and_two_unanswered_pings_are_the_end() -> None:
    """25 s, 10 s, 10 s: at most 45 s in all."""
    assert EXACT.after(25.0, 0.0, None, 0) == Ping(0, 25.0, 35.0)
    assert EXACT.after(34.9, 0.0, 25.0, 0) == Wait(35.0)
    assert EXACT.after(35.0, 0.0, 25.0, 0) == Ping(1, 35.0, 45.0)
    assert EXACT.after(44.9, 0.0, 35.0, 1) == Wait(45.0)
    assert EXACT.after(45.0, 0.0, 35.0, 1) == Close()
    assert HeartbeatConfig().detects_within == 45.0


def test_any_inbound_byte_is_an_answer() -> None:
    """What came after the ping starts the silence anew, and missed pings are forgotten."""
    assert EXACT.after(45.0, 36.0, 35.0, 1) == Wait(61.0)
    assert EXACT.after(61.0, 36.0, 35.0, 1) == Ping(0, 61.0, 71.0)


def test_a_late_wheel_does_not_add_up() -> None:
    """A ping counts as sent when it was due, by at most one slot; a stall longer than that shifts the rest."""
    assert ON_A_WHEEL.after(25.8, 0.0, None, 0) == Ping(0, 25.0, 35.0)
    assert ON_A_WHEEL.after(40.0, 0.0, None, 0) == Ping(0, 39.0, 49.0)


def test_a_phase_only_makes_the_ping_earlier() -> None:
    """Connections that came at once are pinged at different times, none of them later."""
    assert EXACT.after(0.0, 0.0, None, 0, phase=7.0) == Wait(18.0)
    assert EXACT.after(30.0, 0.0, 18.0, 0, phase=7.0) == Ping(1, 28.0 + 2.0, 40.0)


@pytest.mark.parametrize("slot", [-1.0, 10.0])
def test_a_slot_must_be_shorter_than_the_timeout(slot: float) -> None:
    """Otherwise a ping could be judged before it was sent."""
    with pytest.raises(ValueError, match="use a timeout longer than a slot"):
        Heartbeat(HeartbeatConfig(), slot=slot)


@pytest.mark.parametrize("wrong", [{"ping_interval": 0}, {"ping_timeout": -1}, {"max_missed_pings": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    """A setting that cannot be meant fails where it is written."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HeartbeatConfig(**wrong)  # type: ignore[arg-type]


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
