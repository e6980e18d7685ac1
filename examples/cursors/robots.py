"""Robots: pointers that move by themselves, for who is alone, and to have more than a slow reader can read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from actors import Actor, handles

from .guests import TOPIC, Changed, Guests

if TYPE_CHECKING:
    from gateway import Gateway

ROBOTS = 24
"""600 positions a second at `PACE`: visibly more than a slow reader reads, and little for the gateway."""

PACE = 0.04
"""Seconds between two positions of a robot. 25 a second are smooth, and what the page does with a mouse."""


@attrs.frozen
class Step:
    """Time to move all of them."""


class Robots(Actor):
    """Each robot draws its own curve. Its positions share a key, which app code names: a robot is no client."""

    def __init__(self, guests: Guests, gateway: Gateway) -> None:
        super().__init__()
        self.guests, self.room, self.steps = guests, gateway.room(TOPIC), 0

    def on_start(self) -> None:
        self.guests.obeyed_by(self.actor_ref)
        self.obey(Changed())

    @handles(Changed)
    def obey(self, _: Changed) -> None:
        self.timers.cancel("step")
        if self.guests.robots:
            self.timers.fixed_delay("step", Step(), PACE)

    @handles(Step)
    def step(self, _: Step) -> None:
        self.steps += 1
        for robot in range(ROBOTS):
            at = {"robot": robot, "n": self.steps, **place(robot, self.steps * PACE)}
            self.room.broadcast(at, event="robot", save_history=False, conflate=f"robot {robot}")


def place(robot: int, seconds: float) -> dict[str, float]:
    """A curve of Lissajous, another one for each."""
    across, down = 0.35 + robot % 5 * 0.07, 0.28 + robot % 7 * 0.06
    x = 0.5 + 0.42 * math.sin(across * seconds + robot)
    y = 0.5 + 0.40 * math.sin(down * seconds + robot * 2.4)
    return {"x": round(x, 4), "y": round(y, 4)}
