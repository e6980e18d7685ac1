"""Endpoints that are classes: one instance per connection, one handler at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .publications import DEFAULT_EVENT

if TYPE_CHECKING:
    from .identity import Principal
    from .member import Member
    from .receipts import Receipt
    from .websocket import WebSocket


class WebSocketEndpoint:
    """
    `@app.ws("/chat/{room}") class Chat(WebSocketEndpoint)`: override what you need.

    `encoding` is "json", "text", "bytes", or None for what came: what `on_receive` gets. An exception in a handler
    closes this connection with 1011 and nobody else notices; `on_disconnect` runs all the same, on a fresh instance.
    """

    encoding: Literal["json", "text", "bytes"] | None = None

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws

    def on_connect(self, ws: WebSocket) -> Any:
        """May accept, refuse or close; if it does none of these, the connection is accepted after it."""

    def on_receive(self, ws: WebSocket, data: Any) -> Any:
        """One message of the client, in order."""

    def on_disconnect(self, ws: WebSocket, code: int) -> Any:
        """Exactly once for each accepted connection; it leaves its rooms after this."""

    @property
    def principal(self) -> Principal:
        return self.ws.principal

    def join(self, room: str) -> Receipt[Any]:
        return self.ws.join(room)

    def leave(self, room: str) -> Receipt[Any]:
        return self.ws.leave(room)

    def broadcast(
        self, payload: object, room: str, *, exclude: object = (), save_history: bool | None = None
    ) -> Receipt[Any]:
        """To everybody in the room, whether or not this connection is in it; it stays possible in `on_disconnect`."""
        return self.ws._node.publish(room, payload, DEFAULT_EVENT, exclude, save_history)

    async def members(self, room: str) -> tuple[Member, ...]:
        return await self.ws._node.members(room)
