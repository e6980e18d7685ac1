"""The app: a topic with history and presence, somebody who publishes to it every second, and a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, handles
from gateway import Gateway, History, Member, Principal, Refused, Room, on
from gateway.demo import PAGES

if TYPE_CHECKING:
    from gateway import Handshake, Receipt

TOPIC = "public:board"
"""The one topic, called so on every wire."""

KEPT = History(size=600, ttl=600.0)
"""Ten minutes of ticks: who is away for longer is told that something is missing."""

MAX_NAME, MAX_TEXT = 24, 200
"""Characters."""

PAGE = Path(__file__).parent / "page"


class Board(Room):
    """What is on it is the machine's: history, offsets, who is here. This only checks what people write."""

    @on("message")
    def write(self, member: Member, payload: Any) -> Receipt[Any]:
        """Answered with its position, whatever wire it came on."""
        text = payload.get("text") if isinstance(payload, dict) else None
        if not isinstance(text, str) or not 0 < len(text.strip()) <= MAX_TEXT:
            raise Refused("bad_request", f'a message is {{"text": ...}} of 1 to {MAX_TEXT} characters')
        name = json.loads(member.principal.info or b"{}").get("name", "somebody")
        return self.broadcast({"name": name, "text": text.strip()}, sender=member)


@attrs.frozen
class Tick:
    """Time for the next one."""


class Ticker(Actor):
    """Publishes while you are away. Every `interval` seconds."""

    def __init__(self, interval: float, gateway: Gateway) -> None:
        super().__init__()
        self.board, self.interval, self.count = gateway.room(TOPIC), interval, 0

    def on_start(self) -> None:
        self.timers.fixed_delay("tick", Tick(), self.interval)

    @handles(Tick)
    def tick(self, _: Tick) -> None:
        self.count += 1
        self.board.broadcast({"name": "ticker", "text": f"tick {self.count}"})


async def by_name(handshake: Handshake) -> Principal | None:
    """Anybody, under the name they say: in `data` of Centrifuge's connect, or as a parameter of Phoenix' socket."""
    said = json.loads(handshake.data) if handshake.data else handshake.query_params
    name = said.get("name") if hasattr(said, "get") else None
    if not isinstance(name, str) or not name.strip():
        return None
    return Principal(info=json.dumps({"name": name.strip()[:MAX_NAME]}).encode())


def create_app(interval: float = 1.0) -> Gateway:
    """A fresh one each time; tests tick faster."""
    app = Gateway(title="centrifuge client", authenticators=[by_name])
    app.topic(TOPIC, history=KEPT, presence=True)(Board)
    app.actor(Ticker, interval, name="ticker")
    app.static("/", PAGE)
    app.static("/assets", PAGES)
    return app
