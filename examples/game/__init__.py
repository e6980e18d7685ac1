"""
Connect four for two and any number of spectators, with a move clock, by link, and a referee that may crash.

    hubbub serve examples.game:app
    python -m examples.game

Open the page in two windows, the second by the link it shows. Then press *Crash the referee* in the middle of a game.
"""

from __future__ import annotations

from .room import Game
from .table import create_app

app = create_app()

__all__ = ["Game", "app", "create_app"]
