"""Strikes: how many within which time are too many."""

from __future__ import annotations

import pytest

from gateway.limits.strikes import Strikes


def test_the_tenth_strike_within_a_minute_is_too_many() -> None:
    """Nine are forgiven; the tenth counts while the first of them is less than a minute old."""
    strikes = Strikes()
    assert [strikes.strike(float(second)) for second in range(10)] == [False] * 9 + [True]
    assert strikes.strike(10.0) is True


def test_old_strikes_are_forgiven() -> None:
    """The window slides: nine in its last second and one just outside are not ten."""
    strikes = Strikes(limit=3, window=60.0)
    assert [strikes.strike(at) for at in (0.0, 30.0, 60.0)] == [False, False, False]
    assert strikes.strike(89.9) is True


def test_one_strike_can_be_the_limit() -> None:
    """A limit of one means at once; none at all would mean nothing."""
    assert Strikes(limit=1).strike(0.0) is True
    with pytest.raises(ValueError, match="could not count strikes"):
        Strikes(limit=0)
