"""An application for tests of the fixture `gateway`: rooms to talk in, and endpoints that do what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gateway import Gateway, Receipt, WebSocket, WebSocketEndpoint, on
from gateway.testing import Server
from gateway.testing.client import MAX_KEPT
from tests.support.typed import Said, Say

Serve = Callable[..., Server]
AT_ONCE = 0.01
"""Seconds a test waits for what must not come."""


def chat() -> Gateway:
    """A room per path, an endpoint that tells who one is, and one that does what it is told."""
    app = Gateway()

    @app.ws("/chat/{room_id}")
    class Chat(WebSocketEndpoint):
        def rooms(self) -> list[str]:
            return [f"chat:{self.ws.path_params['room_id']}"]

        @on(Say)
        async def say(self, ws: WebSocket, message: Say) -> None:
            self.broadcast(Said(user=ws.principal.id, text=message.text))

    @app.ws("/me")
    async def me(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json({"id": ws.principal.id, "roles": sorted(ws.principal.roles)})
        await ws.receive()

    @app.ws("/do")
    class Do(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str) -> Any:
            if data == "close":
                return ws.close(4321, "as you wish")
            if data == "sleep":
                return asyncio.sleep(0.001)
            if data == "flood":
                return Receipt.all([ws.send_text(str(number)) for number in range(MAX_KEPT + 100)])
            if data == "bytes":
                return ws.send_bytes(b"\x00\xff")
            raise LookupError(data)

    return app
