"""Document C, "Handling Disconnects": the code and the reason of the other side."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketDisconnect

app = Gateway()

@app.ws("/chat")
async def chat(ws: WebSocket):
    await ws.accept()
    try:
        while True:
            msg = await ws.receive_text()
            await ws.send_text(msg)
    except WebSocketDisconnect as e:
        print(f"Client disconnected: code={e.code} reason={e.reason}")
