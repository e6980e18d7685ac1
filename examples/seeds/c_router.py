"""Document C, "WebSocket Router" and "Looking Up Handlers"."""

from __future__ import annotations

from gateway import Gateway, WebSocketRouter

ws_router = WebSocketRouter()

@ws_router.route("/ws/chat")
async def chat(ws):
    await ws.accept()
    await ws.send_text("chat")

@ws_router.route("/ws/notifications")
async def notifications(ws):
    await ws.accept()
    await ws.send_text("notifications")

# Programmatic registration
async def echo(ws):
    await ws.accept()
    await ws.send_text(await ws.receive_text())

ws_router.add_route("/ws/echo", echo)

handler = ws_router.get_handler("/ws/chat")
routes = ws_router.get_routes()  # List[Route]

app = Gateway()
app.mount(ws_router)
