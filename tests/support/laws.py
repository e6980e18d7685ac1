"""How many examples a law is tried with: a quarter of them in the fast tests, all of them in the slow ones."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

QUICK: Final = "quick"
settings.register_profile(QUICK, deadline=None, max_examples=25)  # a law is right or wrong, not quick
settings.register_profile("thorough", deadline=None, max_examples=100)


def examples(most: int) -> settings:
    """`most` of them with the profile `thorough`, and the same share of them as of others with any other profile."""
    return settings(max_examples=max(1, round(most * settings.default.max_examples / 100)))


def seeds(most: int) -> int:
    """The same share of the seeds that `explore` is given."""
    return examples(most).max_examples
