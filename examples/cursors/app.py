"""The app: one topic without history, whose slow readers get the latest position of each pointer and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import Gateway, Member, Refused, Room, on
from gateway.demo import PAGES

from .guests import TOPIC, Guests
from .robots import Robots
from .slow_reader import SlowReader

if TYPE_CHECKING:
    from gateway import Receipt

MAX_PEOPLE = 100
"""Everybody hears of everybody: n people are n * n positions."""


class Canvas(Room):
    """Checks positions and passes them on in the name of who sent them, who is their key when nothing else is said."""

    guests: Guests

    def on_join(self, member: Member, params: object) -> dict[str, bool]:
        return self.guests.view()

    def on_leave(self, member: Member, reason: str) -> None:
        """Nobody has to be shown anything once the last person is gone."""
        if all(isinstance(one.info, dict) and one.info.get("reader") for one in self.members()):
            self.guests.want(robots=False, slow=False)

    @on("at")
    def move(self, member: Member, payload: Any) -> Receipt[Any]:
        """`x` and `y` are parts of the page's width and height; `n` counts, so that readers notice what they skip."""
        fields = payload if isinstance(payload, dict) else {}
        at = {"x": part(fields, "x"), "y": part(fields, "y"), "n": fields.get("n")}
        if type(at["n"]) is not int:
            raise Refused("bad_request", 'a position is {"x": 0.5, "y": 0.5, "n": 1}')
        return self.broadcast(at, event="at", sender=member, exclude=member, save_history=False)

    @on("robots")
    def robots(self, member: Member, payload: Any) -> None:
        self.guests.want(robots=yes_or_no(payload))
        self.broadcast(self.guests.view(), event="guests", save_history=False)

    @on("slow")
    def slow(self, member: Member, payload: Any) -> None:
        self.guests.want(slow=yes_or_no(payload))
        self.broadcast(self.guests.view(), event="guests", save_history=False)

    @on("robot", "seen", "guests")
    def forged(self, member: Member, payload: Any) -> None:
        raise Refused("permission_denied", "only the server says this")


def part(fields: dict[str, Any], name: str) -> float:
    """Raises Refused for what is no number from 0 to 1."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN is not, either
        raise Refused("bad_request", f"{name} is a number from 0 to 1")
    return round(value, 4)


def yes_or_no(payload: Any) -> bool:
    if not isinstance(payload, bool):
        raise Refused("bad_request", "whether there should be any is true or false")
    return payload


def create_app() -> Gateway:
    """A fresh one each time."""
    app, ours = Gateway(title="cursors"), Guests()

    @app.topic(TOPIC, slow="conflate", presence=True, max_members=MAX_PEOPLE)
    class Ours(Canvas):
        guests = ours

    app.actor(Robots, ours, name="robots")
    app.actor(SlowReader, ours, name="slow_reader")
    app.static("/", Path(__file__).parent / "page")
    app.static("/assets", PAGES)
    return app
