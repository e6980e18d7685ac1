"""The rules of connect four: discs fall, four in a row win, and what cannot be is refused in words for people."""

from __future__ import annotations

import pytest

from examples.game.rules import COLUMNS, ROWS, Board, IllegalMove, Side


def board(*rows: str) -> Board:
    """From the bottom rows of a board."""
    return Board("".join(rows).rjust(COLUMNS * ROWS, "."))


@pytest.mark.parametrize(
    ("rows", "column", "side"),
    [
        (("rrr....",), 3, "red"),
        (("y......", "y......", "y......"), 0, "yellow"),
        (("..yr...", ".yrr...", "yrrr..."), 3, "yellow"),
        (("...ry..", "...rry.", "...rrry"), 3, "yellow"),
        (("rrr.rrr",), 3, "red"),
    ],
    ids=["row", "column", "rising", "falling", "from the middle"],
)
def test_four_in_a_row_wins_in_every_direction(rows: tuple[str, ...], column: int, side: Side) -> None:
    """The line is found from the disc that completes it, wherever in the line that is."""
    after, cell = board(*rows).drop(column, side)
    line = after.line_through(cell)
    assert len(line) >= 4
    assert cell in line
    assert {after.cells[one] for one in line} == {side[0]}


def test_a_line_does_not_go_around_the_edge() -> None:
    """Three at the right end of a row and one at the left of the next are no four."""
    after, cell = board(".....rr", "r......").drop(4, "red")
    assert after.line_through(cell) == ()
    after, cell = board("......r", "rr.....").drop(2, "red")
    assert after.line_through(cell) == ()


def test_a_disc_falls_on_what_is_there_until_the_column_is_full() -> None:
    """Six fit; the seventh, and columns that do not exist, are refused with words for people."""
    at = Board()
    cells = []
    for _ in range(ROWS):
        at, cell = at.drop(2, "red")
        cells.append(cell)
    assert cells == [37, 30, 23, 16, 9, 2]
    with pytest.raises(IllegalMove, match="column 3 is full; choose another"):
        at.drop(2, "yellow")
    for column in (-1, COLUMNS):
        with pytest.raises(IllegalMove, match=f"there is no column {column + 1}"):
            at.drop(column, "red")
