"""A silent peer is closed after 45 s and one slot at most; one that answers never is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.pulse.heartbeat import Close, Heartbeat, HeartbeatConfig, Ping, Wait
from gateway.pulse.wheel import TimerWheel

SLOT = 1.0
ROUNDING = 1e-6

configs = st.builds(
    HeartbeatConfig,
    ping_interval=st.floats(2.0, 60.0),
    ping_timeout=st.floats(1.5, 30.0),
    max_missed_pings=st.integers(1, 4),
)


def close_of_a_silent_peer(config: HeartbeatConfig, last_seen: float, origin: float, phase: float) -> float:
    """Runs one silent connection on a wheel that is advanced every slot from `origin` on; returns when it closes."""
    heartbeat, wheel = Heartbeat(config, slot=SLOT), TimerWheel[str](SLOT, now=origin)
    last_ping: float | None = None
    missed = ticks = 0
    wheel.add("peer", last_seen)
    while True:
        ticks += 1
        now = origin + ticks * SLOT
        if wheel.advance(now) != ["peer"]:
            continue
        decision = heartbeat.after(now, last_seen, last_ping, missed, phase=phase)
        if isinstance(decision, Close):
            return now
        if isinstance(decision, Ping):
            missed, last_ping = decision.missed, decision.at
        wheel.add("peer", decision.until)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1e5))
def test_the_default_closes_within_45_seconds_and_a_slot(phase_of_ticks: float, last_seen: float) -> None:
    """25 + 2 * 10 s, plus one slot of the wheel, whatever the phase of its ticks; not earlier."""
    origin = last_seen - phase_of_ticks
    closed = close_of_a_silent_peer(HeartbeatConfig(), last_seen, origin, 0.0) - last_seen
    assert 45.0 - ROUNDING <= closed <= 45.0 + SLOT + ROUNDING


@given(configs, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_every_configuration_keeps_its_promise(config: HeartbeatConfig, phase_of_ticks: float, phase: float) -> None:
    """`detects_within` and one slot; a phase makes it earlier by no more than itself."""
    closed = close_of_a_silent_peer(config, 100.0, 100.0 - phase_of_ticks, phase) - 100.0
    assert config.detects_within - phase - ROUNDING <= closed <= config.detects_within + SLOT + ROUNDING


@given(configs, st.lists(st.floats(0.01, 80.0), min_size=5, max_size=60), st.lists(st.booleans(), min_size=60))
def test_a_ping_has_time_for_its_answer_however_late_we_look(
    config: HeartbeatConfig, gaps: list[float], answers: list[bool]
) -> None:
    """Between a ping and what follows from its silence is the timeout, less one slot; an answered one never closes."""
    heartbeat = Heartbeat(config, slot=SLOT)
    now, last_seen, last_ping, missed, sent = 0.0, 0.0, None, 0, None
    for gap, answered in zip(gaps, answers, strict=False):
        if sent is not None and answered:
            last_seen, sent = now + min(gap, 0.01), None
        now += gap
        decision = heartbeat.after(now, last_seen, last_ping, missed)
        if isinstance(decision, Wait):
            assert decision.until > now
            continue
        if sent is not None:
            assert now - sent >= config.ping_timeout - SLOT - ROUNDING
        if isinstance(decision, Close):
            assert sent is not None, "closed although the last ping was answered"
            assert now - last_seen >= config.detects_within - ROUNDING
            return
        missed, last_ping, sent = decision.missed, decision.at, now


@given(configs, st.floats(0.0, 5.0))
def test_a_peer_that_answers_is_never_closed(config: HeartbeatConfig, delay: float) -> None:
    """Answers within the timeout, less one slot, keep a connection for as long as one looks."""
    delay = min(delay, config.ping_timeout - SLOT)
    heartbeat, wheel = Heartbeat(config, slot=SLOT), TimerWheel[str](SLOT, now=0.0)
    last_seen, last_ping, missed, answer_at = 0.0, None, 0, None
    wheel.add("peer", 0.0)
    for tick in range(1, 400):
        now = tick * SLOT
        if answer_at is not None and answer_at <= now:
            last_seen, answer_at = answer_at, None
        if not wheel.advance(now):
            continue
        decision = heartbeat.after(now, last_seen, last_ping, missed)
        assert not isinstance(decision, Close)
        if isinstance(decision, Ping):
            missed, last_ping, answer_at = decision.missed, decision.at, now + delay
        wheel.add("peer", decision.until)
