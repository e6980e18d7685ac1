"""Who sits at a table, and how a game there ended."""

from __future__ import annotations

from typing import Literal

import attrs

from .rules import Side


@attrs.define
class Seat:
    """Who plays a side. The key is the player's secret: with it the same person sits down again after a reload."""

    key: str
    name: str
    client: str | None
    """The connection of now; None while away."""
    wins: int = 0


@attrs.frozen
class Outcome:
    winner: Side | None
    why: Literal["four", "full", "time"]
    line: tuple[int, ...] = ()
