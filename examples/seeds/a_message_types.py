"""Document A, "Handling Different Message Types": text, binary, JSON, in this order."""

from __future__ import annotations

from gateway import Gateway, WebSocket

app = Gateway()


@app.ws("/types")
async def message_types(ws: WebSocket):
    await ws.accept()

    # Text Messages
    text_data = await ws.receive_text()
    await ws.send_text("Response message")

    # Binary Messages
    binary_data = await ws.receive_bytes()
    await ws.send_bytes(b"Response bytes")

    # JSON Messages
    json_data = await ws.receive_json()
    await ws.send_json({"response": "data", "status": "success"})

    print(text_data, binary_data, json_data)
