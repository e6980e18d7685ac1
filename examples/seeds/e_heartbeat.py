"""Document E, "HeartbeatManager": pings by the gateway, and an HTTP page beside the socket."""

from __future__ import annotations

import time

from aiohttp import web
from gateway import Gateway, HeartbeatConfig, WebSocket, WebSocketRouter

# Initialize WebSocket route
ws = WebSocketRouter()

# Create heartbeat manager with configuration
heartbeat = HeartbeatConfig(
    ping_interval=30.0,    # Send ping every 30 seconds
    ping_timeout=10.0,     # Wait 10 seconds for pong
    max_missed_pings=2     # Disconnect after 2 missed pings
)

@ws.route("/ws", heartbeat=heartbeat)
async def websocket_handler(session: WebSocket):
    """WebSocket connection handler"""
    # Start heartbeat monitoring for this session
    await session.heartbeat.start()

    try:
        async for message in session:
            if message.type == "pong":
                await session.heartbeat.handle_pong()
            else:
                # Handle your custom messages here
                try:
                    data = message.json()
                    response = await process_message(data)
                    await session.send(response)
                except Exception as e:
                    await session.send({"error": str(e)})
    finally:
        await session.heartbeat.stop()

@ws.on_disconnect
async def handle_disconnect(session: WebSocket):
    """Handle WebSocket disconnection"""
    await session.heartbeat.stop()

async def process_message(data: dict) -> dict:
    """Process incoming WebSocket messages"""
    action = data.get("action")
    if action == "ping":
        return {"action": "pong", "timestamp": time.time()}
    # Add more message handlers here
    return {"action": "unknown"}

# Create the application
app = Gateway(
    title="WebSocket Demo",
    version="1.0.0"
)

# Create regular HTTP endpoint
@app.http.view("/")
class HomeEndpoint(web.View):
    async def get(self):
        return web.json_response({"status": "ok", "message": "Server is running"})

# Add WebSocket routes
app.mount(ws)

if __name__ == "__main__":
    # Start the server
    app.run()
