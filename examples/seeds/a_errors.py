"""Document A, "Error Handling": what a client sends wrongly is answered; what we do wrongly closes with 1011."""

from __future__ import annotations

import json

from gateway import Gateway, WebSocket, WebSocketDisconnect, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


@ws_router.route("/safe")
async def safe_websocket(ws: WebSocket):
    await ws.accept()

    try:
        while True:
            try:
                data = await ws.receive_json()
                await ws.send_json({"status": "success", "data": data})
            except json.JSONDecodeError:
                await ws.send_json({"status": "error", "message": "Invalid JSON"})
            except ValueError as ve:
                await ws.send_json({"status": "error", "message": str(ve)})

    except WebSocketDisconnect as e:
        print(f"Client disconnected with code {e.code}: {e.reason}")
    except Exception as e:
        print(f"Unexpected error: {e}")
        await ws.close(code=1011)  # 1011 = Internal Error
