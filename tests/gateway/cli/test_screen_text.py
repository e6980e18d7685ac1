"""Texts of a screen: whatever comes from outside takes its columns, and is no command."""

from __future__ import annotations

import pytest

from gateway.cli.screen_text import cells, duration, fit, milliseconds, number, printable


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab~"), ("日本語", 5, "日本~"), ("日本語", 4, "日~"), ("a", 0, "")],
)
def test_a_text_is_cut_by_the_columns_it_takes(text: str, width: int, shown: str) -> None:
    """A wide character takes two."""
    assert fit(text, width) == shown
    assert cells(shown) <= width


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (59.9, "59s"), (65.0, "1m05s"), (7384.0, "2h03m"), (100_000.0, "1d03h")],
)
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    """Nobody reads the seconds of a day."""
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (999_999, "999,999"), (12_345_678, "12.3M"), (3_000_000_000, "3.0G")]
)
def test_numbers_take_seven_columns_at_most(value: int, shown: str) -> None:
    """A column keeps its width."""
    assert number(value) == shown
    assert len(shown) <= 7


def test_a_lag_is_said_in_the_unit_that_people_compare() -> None:
    """Milliseconds, until there are too many."""
    assert (milliseconds(0.0004), milliseconds(0.25), milliseconds(7.04)) == ("0 ms", "250 ms", "7.0 s")


def test_printable_keeps_what_people_write() -> None:
    """Letters of any script, and emoji, stay."""
    assert printable("café 日本 🎉") == "café 日本 🎉"
