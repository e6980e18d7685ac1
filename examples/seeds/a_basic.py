"""Document A, "Creating a WebSocket Endpoint": accept, receive, send."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


@ws_router.route("/ws")
async def basic_websocket(ws: WebSocket):
    await ws.accept()  # Must accept connection first

    try:
        while True:
            # Receiving messages
            data = await ws.receive_text()
            print(f"Received: {data}")

            # Sending messages
            await ws.send_text(f"You said: {data}")
    except Exception as e:
        print(f"Connection closed: {e}")
