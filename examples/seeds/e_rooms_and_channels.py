"""
Document E, "Example room and channel", with its page at /page/.

    hubbub serve examples.seeds.e_rooms_and_channels:app
"""

from __future__ import annotations

import json as orjson
from pathlib import Path

from gateway import Gateway, Member, WebSocket, WebSocketRouter

# Initialize managers
app = Gateway()
app.static("/page", Path(__file__).parent / "e_page")

ws = WebSocketRouter()

# Create a chat channel
chat_channel = app.channel("chat")

@chat_channel.on("message")
async def handle_chat_message(session: Member, data: dict):
    """Handle chat messages"""
    await chat_channel.publish("message", {
        "user": data.get("user"),
        "message": data.get("message")
    }, publisher=session)

@ws.on_message("/ws")
def handle_websocket(session: WebSocket, message: str):

    message = orjson.loads(message)

    """Handle WebSocket messages"""
    action = message.get("action")

    if action == "join_room":
        room_name = message.get("room")
        session.join(room_name)
        session.send({"status": "joined", "room": room_name})

    elif action == "leave_room":
        room_name = message.get("room")
        session.leave(room_name)
        session.send({"status": "left", "room": room_name})

    elif action == "subscribe":
        channel_name = message.get("channel")
        session.subscribe(channel_name)
        session.send({"status": "subscribed", "channel": channel_name})

    elif action == "unsubscribe":
        channel_name = message.get("channel")
        session.unsubscribe(channel_name)
        session.send({"status": "unsubscribed", "channel": channel_name})

    elif action == "chat":
        chat_channel.handle("message", session, {
            "user": message.get("user"),
            "message": message.get("message")
        })
        session.send({"status": "message_sent"})

@ws.on_disconnect
async def handle_disconnect(session: WebSocket):
    """Clean up when a client disconnects"""
    session.leave_all()
    session.unsubscribe_all()

app.mount(ws)
