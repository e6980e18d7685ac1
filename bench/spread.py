"""What several rounds say together: a median and how far it can be believed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import attrs


@attrs.frozen
class Spread:
    """Of one figure over the rounds: its median, and the least and the most that was seen."""

    median: float
    low: float
    high: float
    count: int


def spread_of(values: Sequence[float]) -> Spread | None:
    """None if there is no value: no clean round is not the same as nought."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratios(ours: Mapping[int, float], reference: Mapping[int, float]) -> list[float]:
    """
    One ratio for each round that has both, by number of round.

    A shared machine drifts by a quarter within minutes. The runs of one scenario in one round are seconds apart, so the
    drift mostly cancels in their ratio, which it would not between two medians.
    """
    both = sorted(ours.keys() & reference.keys())
    return [ours[number] / reference[number] for number in both if reference[number]]
