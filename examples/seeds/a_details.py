"""Document A, "Accessing Connection Details": who is there, and what was asked for."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketRouter

app = Gateway()
ws_router = WebSocketRouter()
app.mount(ws_router)


@ws_router.route("/info")
@ws_router.route("/ws/{room_id}")
async def info_websocket(ws: WebSocket):
    await ws.accept()

    # Client information
    client_ip = ws.client.host
    client_port = ws.client.port

    # Headers
    headers = dict(ws.headers.items())

    # Query parameters
    query_params = ws.query_string

    # Path parameters (for routes like "/ws/{room_id}")
    room_id = ws.path_params.get("room_id")

    await ws.send_json({
        "ip": client_ip,
        "port": client_port,
        "headers": headers,
        "query": query_params,
        "room_id": room_id
    })
