"""The room, which is an actor, and an endpoint for clients that speak no wire of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway import Gateway, History, Member, Receipt, Refused, Room, WebSocket, WebSocketEndpoint, on

MAX_TEXT = 500
"""Characters of one message: a chat, not a mailing list."""

app = Gateway(title="chat")
app.static("/", Path(__file__).parent / "page")


def name_of(member: Member) -> str:
    info = member.info if isinstance(member.info, dict) else {}
    return str(info.get("name", "somebody"))[:40]


@app.topic("chat:{room}", history=History(size=50, ttl=3600.0))
class ChatRoom(Room):
    """
    All of this runs in one mailbox, so that two people who join at once need no lock.

    Should a handler raise, this object is made anew; members and history are kept by the machine above it.
    """

    def on_join(self, member: Member, params: object) -> dict[str, Any]:
        """What is returned goes into the reply to the one who joins."""
        name = name_of(member)
        here = sorted(map(name_of, self.members()))
        if name in here:
            raise Refused("bad_request", f"somebody called {name} is here already; take another name")
        self.notify(f"{name} joined", len(here) + 1)
        return {"here": here}

    def on_leave(self, member: Member, reason: str) -> None:
        self.notify(f"{name_of(member)} left", len(self.members()))

    @on("message")
    def say(self, member: Member, payload: Any) -> Receipt[Any]:
        """The receipt of the broadcast answers the client with the message's offset."""
        text = payload.get("text") if isinstance(payload, dict) else payload
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
            raise Refused("bad_request", f"a message is text of 1 to {MAX_TEXT} characters")
        return self.broadcast({"name": name_of(member), "text": text}, sender=member)

    def notify(self, text: str, count: int) -> None:
        """Ephemeral: in order with what is said, but who comes later does not read it."""
        self.broadcast({"notice": text, "count": count}, event="notice", save_history=False)


@app.ws("/chat/{room}/{name}")
class Chat(WebSocketEndpoint):
    """Text in, JSON out; the room does the rest, and leaving it needs no code."""

    encoding = "text"

    @property
    def topic(self) -> str:
        return f"chat:{self.ws.path_params['room']}"

    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.join(self.topic, info={"name": ws.path_params["name"]})
        except Refused as error:
            ws.close(4000, error.message)

    async def on_receive(self, ws: WebSocket, data: str) -> None:
        try:
            await ws.publish(self.topic, {"text": data})
        except Refused as error:
            ws.send_json({"refused": error.message})
