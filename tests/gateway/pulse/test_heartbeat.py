"""Heartbeat: the decisions one by one."""

from __future__ import annotations

import pytest

from gateway.pulse.heartbeat import Close, Heartbeat, HeartbeatConfig, Ping, Wait

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
