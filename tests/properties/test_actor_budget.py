"""The restart budget agrees with a naive count over the whole history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.supervision import Budget

# times in sixteenths: exact in binary, so that the edge of the window means the same to both sides
gaps = st.lists(st.integers(0, 64).map(lambda n: n / 16), max_size=60)


@given(intensity=st.integers(0, 5), period=st.integers(1, 160).map(lambda n: n / 16), gaps=gaps)
def test_a_budget_grants_what_a_naive_count_grants(intensity: int, period: float, gaps: list[float]) -> None:
    """A restart is granted if fewer than `intensity` were granted within the last `period` seconds."""
    budget, now = Budget(intensity, period), 0.0
    granted: list[float] = []
    for gap in gaps:
        now += gap
        recent = [at for at in granted if now - at < period]
        assert budget.left(now) == intensity - len(recent)
        expected = len(recent) < intensity
        assert budget.spend(now) is expected
        if expected:
            granted.append(now)
