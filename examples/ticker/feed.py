"""The feed: an actor of the app. Its supervisor brings it back; what it published is the channel's and stays."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import attrs

from actors import Actor, handles

if TYPE_CHECKING:
    from gateway import Gateway

    from .desk import Desk

OPENING = {"ORCH": 96.0, "BROOK": 100.0, "LUMEN": 104.0}
"""Where the walk begins: invented symbols, near each other so that one axis serves all."""


class FeedLost(ConnectionError):
    """What happens to real feeds."""


@attrs.frozen
class Open:
    """The connection to the exchange is up."""


@attrs.frozen
class Next:
    """Time for the next prices."""


@attrs.frozen
class Crash:
    """Somebody wants to see it fail."""


class PriceFeed(Actor):
    """
    Publishes `price` several times a second; `failed` and `restarted` around each of its deaths.

    `gateway` is filled in by the gateway that runs it, also for the instances that come after a crash.
    """

    def __init__(self, desk: Desk, gateway: Gateway) -> None:
        super().__init__()
        self.desk = desk
        self.channel = gateway.channel("prices")
        self.prices = dict(OPENING)
        self.published = 0

    async def on_start(self) -> None:  # type: ignore[override]  # pykka knows no coroutine here
        """An instance knows nothing of the one before: what must go on is read from the channel's history."""
        self.desk.feed = self.actor_ref
        kept = await self.channel.history(limit=20, reverse=True)
        last = next((one.publication for one in kept.entries if one.publication.event == "price"), None)
        if last is not None:
            self.prices = json.loads(last.payload)["prices"]
        self.timers.once("open", Open(), self.desk.pace.connect)

    def pre_restart(self, reason: BaseException | None) -> None:
        self.channel.publish("failed", {"reason": str(reason)})

    def post_restart(self) -> None:
        self.channel.publish("restarted", {"incarnation": self.incarnation})

    @property
    def incarnation(self) -> int:
        return self.actor_ref.info().incarnation

    @handles(Open)
    def open(self, _: Open) -> None:
        self.timers.fixed_delay("next", Next(), self.desk.pace.interval)

    @handles(Next)
    def publish(self, _: Next) -> None:
        if self.published == self.desk.pace.lasts:
            raise FeedLost("the exchange hung up")
        self.published += 1
        self.prices = {symbol: walk(price) for symbol, price in self.prices.items()}
        self.channel.publish("price", {"incarnation": self.incarnation, "prices": self.prices})

    @handles(Crash)
    def crash(self, _: Crash) -> None:
        raise FeedLost("somebody pressed the button")


def walk(price: float) -> float:
    """One step, drawn back to 100 a little, so that a chart of an hour still fits its axis."""
    return round(price + random.gauss(0, 0.22) + (100 - price) * 0.004, 2)
