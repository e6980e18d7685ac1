"""Document C, "Quick Start"."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketDisconnect

app = Gateway()

@app.ws("/echo")
async def echo(ws: WebSocket):
    await ws.accept()
    try:
        while True:
            msg = await ws.receive_text()
            await ws.send_text(f"echo: {msg}")
    except WebSocketDisconnect:
        pass
