"""One table: seats, board, clock. Plain values, so that it can be kept across a crash; decides, and sends nothing."""

from __future__ import annotations

from typing import Any

import attrs

from .rules import SIDES, Board, IllegalMove, Side, other
from .seat import Outcome, Seat


@attrs.define
class Match:
    """`now` is monotonic seconds, `turn` the seconds of one move. Methods raise IllegalMove with words for people."""

    seats: dict[Side, Seat] = attrs.Factory(dict)
    board: Board = attrs.Factory(Board)
    to_move: Side = "red"
    opened_by: Side = "red"
    deadline: float | None = None
    """When the one to move has lost; None while nobody plays."""
    outcome: Outcome | None = None
    last: int | None = None
    rematch: set[Side] = attrs.Factory(set)

    def side_of(self, client: str) -> Side | None:
        return next((side for side, seat in self.seats.items() if seat.client == client), None)

    def sit(self, client: str, key: str, name: str, now: float, turn: float) -> Side | None:
        """The seat of that key, else a free one (nobody's, or left by somebody who is not playing); None if none is."""
        side = next((side for side, seat in self.seats.items() if seat.key == key), self.side_of(client))
        if side is None:
            side = next((side for side in SIDES if self._is_free(side)), None)
            if side is None:
                return None
            self.seats[side] = Seat(key, name, client)
            self.board, self.last, self.outcome = Board(), None, None
        self.seats[side].client, self.seats[side].name = client, name
        if self.deadline is None and self.outcome is None and self._are_both_here:
            self._begin(now, turn)
        return side

    def stand_up(self, client: str) -> bool:
        """Its connection is gone; the seat is kept while a game runs. Whether it had one."""
        side = self.side_of(client)
        if side is not None:
            self.seats[side].client = None
        return side is not None

    def move(self, side: Side, column: int, now: float, turn: float) -> None:
        if self.deadline is None:
            raise IllegalMove("nobody plays just now; wait for an opponent or ask for a rematch")
        if side != self.to_move:
            raise IllegalMove(f"it is not your turn; wait for {self.seats[self.to_move].name}")
        self.board, self.last = self.board.drop(column, side)
        line = self.board.line_through(self.last)
        self.to_move, self.deadline = other(side), now + turn
        if line or self.board.is_full:
            self._end(Outcome(side, "four", line) if line else Outcome(None, "full"))

    def time_is_up(self) -> None:
        self._end(Outcome(other(self.to_move), "time"))

    def ask_rematch(self, side: Side, now: float, turn: float) -> None:
        """Starts when both want it; the one who did not begin the last game begins this one."""
        if self.outcome is None:
            raise IllegalMove("a rematch comes after the game; play this one to its end")
        self.rematch.add(side)
        if len(self.rematch) == len(SIDES):
            self.opened_by = other(self.opened_by)
            self._begin(now, turn)

    def view(self, now: float) -> dict[str, Any]:
        """What everybody may know: all but the keys. `left` in seconds, since clocks of browsers differ."""
        return {
            "cells": self.board.cells, "to_move": self.to_move, "last": self.last, "rematch": sorted(self.rematch),
            "left": None if self.deadline is None else max(0.0, self.deadline - now),
            "outcome": None if self.outcome is None else attrs.asdict(self.outcome),
            "seats": {side: {"name": seat.name, "client": seat.client, "wins": seat.wins}
                      for side, seat in self.seats.items()},
        }  # fmt: skip

    def _is_free(self, side: Side) -> bool:
        return side not in self.seats or (self.seats[side].client is None and self.deadline is None)

    @property
    def _are_both_here(self) -> bool:
        return sum(seat.client is not None for seat in self.seats.values()) == len(SIDES)

    def _begin(self, now: float, turn: float) -> None:
        self.board, self.last, self.outcome, self.rematch = Board(), None, None, set()
        self.to_move, self.deadline = self.opened_by, now + turn

    def _end(self, outcome: Outcome) -> None:
        self.outcome, self.deadline = outcome, None
        if outcome.winner is not None:
            self.seats[outcome.winner].wins += 1
