"""The application that `hubbub serve` runs without one: a chat with a page, whose rooms can be crashed on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors import NotCharged

from ..app import Gateway
from ..behaviour import Room, on
from ..commands import Published
from ..member import Member
from ..reasons import Refused
from ..receipts import Receipt
from ..stream import History

MAX_TEXT = 4_000
"""Characters of one message: four screens of a phone."""

PAGES = Path(__file__).parent / "pages"


class ChatRoom(Room):
    """
    The behaviour of `public:*`: checks what is said, counts it, and crashes when asked to.

    Its crash is an ordinary restart of a child: members, offsets and history are its machine's and go on.
    """

    def on_start(self) -> None:
        self.handled = 0
        if self.restarts:
            self._tell_status()

    def on_join(self, member: Member, params: object) -> dict[str, Any]:
        return self._status()

    @on("message")
    def say(self, member: Member, payload: Any) -> Receipt[Published]:
        text = payload.get("text") if isinstance(payload, dict) else payload
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
            raise Refused("bad_request", f"a message is text of 1 to {MAX_TEXT} characters")
        self.handled += 1
        return self.broadcast(payload, sender=member)

    @on("crash")
    def crash(self, member: Member, payload: Any) -> None:
        # a restart like any other, but nobody's fault: three real ones in 30 s would close who caused them
        raise NotCharged("crashed on purpose, to show that nobody is thrown out")

    def _status(self) -> dict[str, Any]:
        return {"restarts": self.restarts, "incarnation": self.restarts + 1, "handled": self.handled}

    def _tell_status(self) -> None:
        self.broadcast(self._status(), event="room_status", save_history=False)


def create_demo_app() -> Gateway:
    """A fresh one each time: nothing is shared between two."""
    app = Gateway(title="hubbub")
    app.topic("public:*", history=History(size=100, ttl=3600.0), presence=True)(ChatRoom)
    app.static("/assets", PAGES)
    app.pages["/"] = (PAGES / "chat.html", "text/html")
    app.pages["/favicon.ico"] = (PAGES / "favicon.svg", "image/svg+xml")
    return app
