"""An application that speaks, to clients that only listen: for those that read too slowly."""

from __future__ import annotations

from typing import Any

from gateway import Gateway, Room, WebSocket, WebSocketEndpoint

PIECE = "x" * 8_000
"""Of a size that fills sockets soon."""


def listening(**topic: Any) -> Gateway:
    """Raw endpoint `/` whose clients only listen to the room `news`."""
    app = Gateway()
    app.topic("news", **topic)(Room)

    @app.ws("/")
    class Listener(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await self.join("news")

    return app
