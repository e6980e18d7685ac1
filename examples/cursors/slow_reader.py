"""The slow reader: a client that reads fewer positions than there are, and tells everybody what it sees of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, handles

from .guests import TOPIC, Changed, Guests
from .slow_socket import SlowSocket

if TYPE_CHECKING:
    from gateway import Gateway

PER_SECOND = 150
"""Frames it reads: a quarter of what 24 robots send."""

JOIN = b'{"action":"join_room","room":"cursors","info":{"reader":true}}'

REPORT = 0.2
"""Seconds between two reports."""


@attrs.define
class Sight:
    """What it has read so far: the last position of each pointer, and how many it never saw."""

    read: int = 0
    skipped: int = 0
    late: float = 0.0
    """Seconds that the last one was on its way."""
    at: dict[str, dict[str, Any]] = attrs.Factory(dict)

    def see(self, frame: dict[str, Any], now: float) -> None:
        """Positions are counted by `n`, each pointer's own: what is left out of it was skipped."""
        if frame.get("event") not in ("at", "robot"):
            return
        place = frame["payload"]
        pointer = f"robot {place['robot']}" if "robot" in place else frame["sender"]["client"]
        before = self.at.get(pointer, {"n": place["n"] - 1})["n"]
        self.skipped += max(0, place["n"] - before - 1)
        self.read += 1
        self.late = round(max(0.0, now - frame["time"]), 2)
        self.at[pointer] = place


@attrs.frozen
class Report:
    """Time to say what it sees."""


@attrs.frozen
class Over:
    """Its connection has ended, for whatever reason."""

    error: BaseException | None = None


class SlowReader(Actor):
    """Reads while somebody wants it to; when it loses its connection, it takes another."""

    def __init__(self, guests: Guests, gateway: Gateway) -> None:
        super().__init__()
        self.guests, self.gateway, self.room = guests, gateway, gateway.room(TOPIC)
        self.sight: Sight | None = None
        self.socket: SlowSocket | None = None

    def on_start(self) -> None:
        self.guests.obeyed_by(self.actor_ref)
        self.obey(Changed())

    @handles(Changed)
    def obey(self, _: Changed) -> None:
        if self.guests.slow and self.sight is None:
            self.sight = Sight()
            self.pipe_to_self(self.look_on(self.sight), to=lambda _: Over(), failed=Over)
            self.timers.fixed_delay("report", Report(), REPORT)
        elif not self.guests.slow and self.socket is not None:
            self.socket.abort()

    async def look_on(self, sight: Sight) -> None:
        """On the side: the actor goes on handling messages meanwhile."""
        self.socket = await SlowSocket.connect(self.gateway.server.port)
        try:
            self.socket.send(JOIN)
            while self.guests.slow:
                sight.see(json.loads(await self.socket.read()), time.time())
                await asyncio.sleep(1 / PER_SECOND)
        finally:
            self.socket.abort()

    @handles(Over)
    def over(self, _: Over) -> None:
        self.sight = self.socket = None
        self.timers.cancel("report")
        self.timers.once("again", Changed(), 1.0)

    @handles(Report)
    def report(self, _: Report) -> None:
        if self.sight is not None and self.socket is not None:
            self.room.broadcast(
                attrs.asdict(self.sight), event="seen", exclude=self.socket.client, save_history=False, conflate="seen"
            )
