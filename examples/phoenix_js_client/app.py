"""The app: the board of the Centrifuge example, and a page on which another client reads and writes it."""

from __future__ import annotations

from pathlib import Path

from gateway import Gateway
from gateway.demo import PAGES

from ..centrifuge_js_client.app import KEPT, PAGE, TOPIC, Board, Ticker, by_name


def create_app(interval: float = 1.0) -> Gateway:
    """A fresh one each time; tests tick faster. The other client's page is at `/centrifuge/`: one topic, two wires."""
    app = Gateway(title="phoenix client", authenticators=[by_name])
    app.topic(TOPIC, history=KEPT, presence=True)(Board)
    app.actor(Ticker, interval, name="ticker")
    app.static("/", Path(__file__).parent / "page")
    app.static("/look", PAGE / "look")
    app.static("/centrifuge", PAGE)
    app.static("/assets", PAGES)
    return app
