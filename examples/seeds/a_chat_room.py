"""Document A, "Complete Chat Room Example": notices with a count of users, messages that are kept."""

from __future__ import annotations

import time
import typing

from gateway import Gateway, WebSocket, WebSocketEndpoint

app = Gateway()


@app.ws("/chat/{room_id}")
class ChatRoom(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, ws: WebSocket):
        await ws.accept()
        self.room = ws.path_params["room_id"]
        self.user = ws.query_params.get("username", "anonymous")

        await self.join(self.room)
        await self.broadcast(
            {
                "type": "system",
                "message": f"{self.user} joined the chat",
                "timestamp": time.time(),
                "users": await self.get_user_count()
            },
            self.room,
            save_history=True
        )

    async def on_receive(self, ws: WebSocket, data: typing.Any):
        if data.get("type") == "message":
            await self.broadcast(
                {
                    "type": "chat",
                    "user": self.user,
                    "message": data["content"],
                    "timestamp": time.time()
                },
                self.room,
                save_history=True
            )

    async def on_disconnect(self, ws: WebSocket, close_code: int):
        await self.broadcast(
            {
                "type": "system",
                "message": f"{self.user} left the chat",
                "timestamp": time.time(),
                "users": await self.get_user_count() - 1
            },
            self.room,
            save_history=True
        )
        await self.leave(self.room)

    async def get_user_count(self):
        channels = await self.members(self.room)
        return len(channels)
