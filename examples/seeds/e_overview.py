"""Document E, the first example: nothing to create but an endpoint; rooms and channels come from the app by name."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketRouter

# Create managers
app = Gateway()
websocket_route = WebSocketRouter()

# Define WebSocket route
@websocket_route.route("/ws")
async def websocket_handler(session: WebSocket):
    # Handle WebSocket connection
    pass

app.mount(websocket_route)
