"""Blame: whose messages made app code fail pays; the room pays only for what several did."""

from __future__ import annotations

from gateway.limits.blame import LIMIT, PERIOD, Blame


def test_the_third_failure_within_the_period_closes() -> None:
    """Not the second, and none that comes when the first is over."""
    blame = Blame()
    assert [blame.charge(at, "c1", "ada").closes_connection for at in (0.0, 1.0)] == [False, False]
    assert not blame.charge(PERIOD, "c1", "ada").closes_connection
    assert blame.charge(PERIOD + 0.5, "c1", "ada").closes_connection


def test_a_connection_is_charged_for_its_own_messages() -> None:
    """Two of one user, and of the anonymous, count apart."""
    blame = Blame()
    for user in ("ada", ""):
        charges = [blame.charge(0.0, f"{user}{number % 2}", user) for number in range(2 * (LIMIT - 1))]
        assert not any(charge.closes_connection for charge in charges)


def test_a_room_pays_when_two_principals_make_it_fail() -> None:
    """However many connections one has; each anonymous one counts for itself."""
    blame = Blame()
    assert not any(blame.charge(0.0, client, "ada").room_pays for client in ("c1", "c2", "c3"))
    assert blame.charge(1.0, "c4", "").room_pays
    alone = Blame()
    assert [alone.charge(0.0, client, "").room_pays for client in ("c1", "c1", "c2")] == [False, False, True]
