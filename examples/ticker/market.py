"""The app: a channel with history, a feed that is started with the gateway, and a page."""

from __future__ import annotations

import time
from pathlib import Path

from gateway import Gateway, History, Member, Refused
from gateway.demo import PAGES

from .desk import Desk, Pace
from .feed import PriceFeed

KEPT = History(size=1_200, ttl=600.0)
"""Five minutes at four a second: who is cut off for as long misses nothing."""


def create_app(pace: Pace | None = None) -> Gateway:
    """A fresh one each time."""
    app = Gateway(title="ticker")
    desk = Desk(pace or Pace())
    prices = app.channel("prices", history=KEPT)

    @prices.on("crash")
    def crash(member: Member, data: object) -> None:
        desk.crash(time.monotonic())

    for event in ("price", "failed", "restarted"):
        prices.on(event)(forged)

    app.actor(PriceFeed, desk, name="feed", restart="permanent")
    app.static("/", Path(__file__).parent / "page")
    app.static("/assets", PAGES)
    return app


def forged(member: Member, data: object) -> None:
    """An event with a handler is not fanned out by itself: so nobody but the feed can quote prices."""
    raise Refused("permission_denied", "only the feed publishes this")
