"""Document A, "Class-Based Approach (Recommended)": an endpoint with notices of who comes and goes."""

from __future__ import annotations

import time
import typing

from gateway import Gateway, WebSocket, WebSocketEndpoint, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


@ws_router.route("/chat/{room_name}")
class ChatEndpoint(WebSocketEndpoint):
    encoding = "json"  # Auto JSON serialization

    async def on_connect(self, ws: WebSocket):
        await ws.accept()
        room_name = ws.path_params["room_name"]
        await self.join(room_name)
        await self.broadcast(
            {"system": f"New user joined {room_name}"},
            room_name
        )

    async def on_receive(self, ws: WebSocket, data: typing.Any):
        room_name = ws.path_params["room_name"]
        await self.broadcast(
            {
                "user": data["user"],
                "message": data["message"],
                "timestamp": time.time()
            },
            room_name,
            save_history=True
        )

    async def on_disconnect(self, ws: WebSocket, close_code: int):
        room_name = ws.path_params["room_name"]
        await self.broadcast(
            {"system": f"User left {room_name}"},
            room_name
        )
        await self.leave(room_name)
