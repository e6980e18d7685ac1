"""The app: the rooms and their page."""

from __future__ import annotations

from pathlib import Path

from gateway import Gateway
from gateway.demo import PAGES

from .room import Game


def create_app(game: type[Game] = Game) -> Gateway:
    """A fresh one each time; tests give a game with a faster clock."""
    app = Gateway(title="game")
    app.topic("game:{game_id}", presence=True, max_members=100)(game)
    app.static("/", Path(__file__).parent / "page")
    app.static("/assets", PAGES)
    return app
