"""Document A, "Connection Lifecycle": accept, receive, process, send, and clean up however it ends."""

from __future__ import annotations

from typing import Any

from gateway import Gateway, WebSocket, WebSocketDisconnect, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


def process_message(data: Any) -> Any:
    return {"processed": data}


@ws_router.route("/chat")
async def chat_websocket(ws: WebSocket):
    # 1. Accept connection
    await ws.accept()

    try:
        while True:
            # 2. Receive messages
            data = await ws.receive_json()

            # 3. Process message
            response = process_message(data)

            # 4. Send response
            await ws.send_json(response)

    except WebSocketDisconnect:
        # 5. Handle disconnect
        print("Client disconnected")
    finally:
        # 6. Clean up
        await ws.close()
