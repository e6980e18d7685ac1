"""Connect four, and nothing else: a board in, a board out. No clock, no players, no wire."""

from __future__ import annotations

from typing import Literal

import attrs

from gateway import Refused

Side = Literal["red", "yellow"]
SIDES: tuple[Side, Side] = ("red", "yellow")
COLUMNS, ROWS, FOUR = 7, 6, 4
EMPTY = "."
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Along a row, down a column, and the two diagonals, as (rows, columns)."""


class IllegalMove(Refused):
    """The rules do not allow it; the message is for the player."""

    def __init__(self, message: str) -> None:
        super().__init__("illegal_move", message)


def other(side: Side) -> Side:
    return "yellow" if side == "red" else "red"


@attrs.frozen
class Board:
    """42 cells, row by row from the top: `r`, `y` or `.`."""

    cells: str = EMPTY * (COLUMNS * ROWS)

    def drop(self, column: int, side: Side) -> tuple[Board, int]:
        """The board after that move, and the cell in which the disc came to rest. Raises IllegalMove."""
        if not 0 <= column < COLUMNS:
            raise IllegalMove(f"there is no column {column + 1}; choose one from 1 to {COLUMNS}")
        free = [cell for cell in range(column, COLUMNS * ROWS, COLUMNS) if self.cells[cell] == EMPTY]
        if not free:
            raise IllegalMove(f"column {column + 1} is full; choose another")
        cell = free[-1]
        return Board(self.cells[:cell] + side[0] + self.cells[cell + 1 :]), cell

    def line_through(self, cell: int) -> tuple[int, ...]:
        """The cells of a row of four or more that this disc completes; empty if it completes none."""
        for down, right in STEPS:
            line = sorted({*self._run(cell, down, right), *self._run(cell, -down, -right)})
            if len(line) >= FOUR:
                return tuple(line)
        return ()

    @property
    def is_full(self) -> bool:
        return EMPTY not in self.cells

    def _run(self, cell: int, down: int, right: int) -> list[int]:
        """Cells of the same side from this one in one direction, this one included."""
        row, column = divmod(cell, COLUMNS)
        found = []
        while 0 <= row < ROWS and 0 <= column < COLUMNS and self.cells[row * COLUMNS + column] == self.cells[cell]:
            found.append(row * COLUMNS + column)
            row, column = row + down, column + right
        return found
