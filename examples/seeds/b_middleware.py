"""Document B, "Channel Middleware": who is not known is closed with 4001, who comes too often with 4002."""

from __future__ import annotations

import time

from gateway import Gateway, WebSocket


async def authenticate(websocket: WebSocket) -> bool:
    return websocket.headers.get("Authorization") == "Bearer open sesame"


class AuthChannelMiddleware:
    async def __call__(self, websocket: WebSocket, next):
        # Authenticate the WebSocket connection
        if not await authenticate(websocket):
            await websocket.close(code=4001)
            return

        return await next(websocket)


class RateLimitChannelMiddleware:
    def __init__(self, rate_limit: int, time_window: int):
        self.rate_limit = rate_limit
        self.time_window = time_window
        self.requests = {}

    async def __call__(self, websocket: WebSocket, next):
        client_id = websocket.client.host

        if not self._check_rate_limit(client_id):
            await websocket.close(code=4002)
            return

        return await next(websocket)

    def _check_rate_limit(self, client_id: str) -> bool:
        now = time.time()
        if client_id not in self.requests:
            self.requests[client_id] = []

        # Remove old requests
        self.requests[client_id] = [
            req_time for req_time in self.requests[client_id]
            if now - req_time < self.time_window
        ]

        if len(self.requests[client_id]) >= self.rate_limit:
            return False

        self.requests[client_id].append(now)
        return True


app = Gateway(middleware=[AuthChannelMiddleware(), RateLimitChannelMiddleware(rate_limit=2, time_window=60)])


@app.ws("/ws")
async def greet(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text("welcome")
    await websocket.receive()
