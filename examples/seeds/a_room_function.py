"""Document A, "Function-Based Approach": a room that keeps its messages, and connections that last an hour."""

from __future__ import annotations

import time

from gateway import Gateway, WebSocket, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


@ws_router.route("/room/{room_name}", encoding="json", expires=3600)  # 1 hour expiration
async def room_handler(ws: WebSocket, room_name: str):
    await ws.accept()

    # Join room
    await app.room(room_name).join(ws)

    try:
        while True:
            data = await ws.receive_json()

            # Broadcast to room
            await app.room(room_name).broadcast(
                payload={
                    "user": data.get("user"),
                    "message": data["message"],
                    "timestamp": time.time()
                },
                save_history=True  # Store in message history
            )

    except Exception as e:
        print(f"Error: {e}")
    finally:
        # Clean up
        await app.room(room_name).leave(ws)
        await ws.close()
