"""The slow reader: a client that reads fewer positions than there are, and tells everybody what it sees of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import attrs

from actors import Actor, handles

from .guests import TOPIC, Changed, Guests
from .sight import Sight
from .slow_socket import SlowSocket

if TYPE_CHECKING:
    from gateway import Gateway

PER_SECOND = 300
"""Frames it reads: half of what 24 robots send."""

AT_ONCE = 10
"""Frames between two pauses: a pause of a single frame would be shorter than timers are exact."""

JOIN = b'{"action":"join_room","room":"cursors","info":{"reader":true}}'

REPORT = 0.2
"""Seconds between two reports."""

AGAIN = 1.0
"""Seconds until it takes another connection."""


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
                for _ in range(AT_ONCE):
                    sight.see(json.loads(await self.socket.read()), time.time())
                await asyncio.sleep(AT_ONCE / PER_SECOND)
        finally:
            self.socket.abort()

    @handles(Over)
    def over(self, _: Over) -> None:
        self.sight = self.socket = None
        self.timers.cancel("report")
        self.timers.once("again", Changed(), AGAIN)

    @handles(Report)
    def report(self, _: Report) -> None:
        if self.sight is not None and self.socket is not None:
            self.room.broadcast(
                attrs.asdict(self.sight), event="seen", exclude=self.socket.client, save_history=False, conflate="seen"
            )
