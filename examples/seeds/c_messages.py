"""Document C, "Sending Messages", "Receiving Messages", "Closing Connections", "Connection Properties"."""

from __future__ import annotations

from gateway import Gateway, WebSocket

app = Gateway()


@app.ws("/sending")
async def sending(ws: WebSocket):
    await ws.accept()

    # Text
    await ws.send_text("Hello!")

    # Binary
    await ws.send_bytes(b"\x00\x01\x02")

    # JSON (auto-serialized)
    await ws.send_json({"event": "update", "data": [1, 2, 3]})

    # Normal close
    await ws.close()


@app.ws("/receiving")
async def receiving(ws: WebSocket):
    await ws.accept()

    # Text
    text = await ws.receive_text()

    # Binary
    data = await ws.receive_bytes()

    # JSON (auto-parsed)
    obj = await ws.receive_json()

    await ws.send_json([text, list(data), obj])

    # With timeout (raises asyncio.TimeoutError)
    msg = None
    while msg is None:
        try:
            msg = await ws.receive_text(timeout=30.0)
        except TimeoutError:
            await ws.send_text("still there?")

    # With close code and reason
    await ws.close(code=1001, reason="Going away")


@app.ws("/properties/:name")
async def properties(ws: WebSocket, name: str):
    before = ws.state.name
    await ws.accept()
    await ws.send_json({
        "id": ws.id,
        "state": [before, ws.state.name],
        "is_connected": ws.is_connected,
        "path": ws.path,
        "headers": dict(ws.headers.items()),
        "query_params": dict(ws.query_params.items()),
        "client_host": ws.client_host,
        "name": name
    })
