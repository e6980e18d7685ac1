"""An application for the mixed room: members on the raw wire, who hear and say bare JSON."""

from __future__ import annotations

from typing import Any

from gateway import Gateway, WebSocket, WebSocketEndpoint

app = Gateway()


@app.ws("/raw/{name}")
class Member(WebSocketEndpoint):
    """Joins `public:{name}` when it connects; what it says goes to everybody there."""

    encoding = "json"

    @property
    def topic(self) -> str:
        return f"public:{self.ws.path_params['name']}"

    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()
        await ws.join(self.topic)

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        await ws.publish(self.topic, data)
