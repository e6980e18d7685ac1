"""What the silence of one connection means so far: pings that were missed, and what excuses them."""

from __future__ import annotations

from gateway.pulse.heartbeat import Close, Heartbeat, HeartbeatConfig, Ping, Wait
from gateway.pulse.pinging import Pinging

CONFIG = HeartbeatConfig(ping_interval=25.0, ping_timeout=10.0, max_missed_pings=2)


def silent(pinging: Pinging, until: float, since: float = 0.0) -> list[object]:
    """What is decided while nothing comes in, each second."""
    decided = [pinging.after(since + second, since) for second in range(int(until))]
    return [one for one in decided if isinstance(one, Ping | Close)]


def test_a_first_look_in_the_second_half_of_the_interval_pings_whoever_is_silent() -> None:
    """First looks are spread so that those who came together are not pinged together: each ping is at its own look."""
    for look in (12.5, 17.0, 24.9):
        assert isinstance(Pinging(Heartbeat(CONFIG), CONFIG).after(look, 0.0), Ping)
    assert isinstance(Pinging(Heartbeat(CONFIG), CONFIG).after(12.4, 0.0), Wait)
    pinging = Pinging(Heartbeat(CONFIG), CONFIG)
    pinging.after(12.5, 0.0)
    assert pinging.after(20.0, 13.0) == Wait(13.0 + CONFIG.ping_interval)


def test_who_stays_silent_is_pinged_and_given_up() -> None:
    """As the heartbeat's rules say it; the pings without an answer are counted, with the last one."""
    pinging = Pinging(Heartbeat(CONFIG), CONFIG)
    decided = silent(pinging, 34)
    assert [type(one) for one in decided[:3]] == [Ping, Ping, Close]
    assert pinging.missed == 2


def test_what_is_excused_is_not_held_against_it() -> None:
    """While we did not read, or app code had it stopped: it has all its time again."""
    pinging = Pinging(Heartbeat(CONFIG), CONFIG)
    silent(pinging, 24)
    assert pinging.missed == 1
    pinging.excuse()
    assert pinging.missed == 0
    assert [type(one) for one in silent(pinging, 30, since=36.0)] == [Ping]


def test_only_a_change_of_the_switch_is_one() -> None:
    """Stopping what is stopped does nothing; starting begins anew."""
    pinging = Pinging(Heartbeat(CONFIG), CONFIG)
    assert pinging.is_on
    assert not pinging.switch(is_on=True)
    silent(pinging, 36)
    assert pinging.switch(is_on=False)
    assert (pinging.is_on, pinging.missed) == (False, 0)
    assert pinging.switch(is_on=True)
