"""
Document A, "Room Management Features": told to whoever asks at /admin; /room/{room_name} is to be looked at.

`{"do": "rooms"}`, `channels`, `history`, `flush`, `send` with a `to`, `close`.
"""

from __future__ import annotations

from typing import Any

from gateway import Gateway, WebSocket

app = Gateway()


@app.ws("/room/{room_name}", expires=3600)  # expired channels are cleaned up without a call
async def member(ws: WebSocket, room_name: str):
    await ws.accept()
    await ws.join(room_name)
    await ws.send_json({"id": ws.id})
    while True:
        await app.room(room_name).broadcast(await ws.receive_json(), save_history=True)


@app.ws("/admin")
async def admin(ws: WebSocket):
    await ws.accept()
    while True:
        asked = await ws.receive_json()
        await ws.send_json({asked["do"]: await answer(asked)})


async def answer(asked: dict[str, Any]) -> Any:
    if asked["do"] == "rooms":
        # Get all active rooms
        rooms = app.rooms.names()
        return rooms

    if asked["do"] == "channels":
        # Get channels in a specific room
        channels = await app.room("room_name").members()
        return [channel.id for channel in channels]

    if asked["do"] == "history":
        # Retrieve history
        history = await app.room("room_name").history()
        return [published.value for published in history]

    if asked["do"] == "flush":
        # Clear history
        await app.clear_history()

    if asked["do"] == "send":
        # Send to specific channel
        channel_id = asked["to"]
        await app.connections[channel_id].send({"private": "message"})

    if asked["do"] == "close":
        # Close all connections
        await app.close_all()
    return None
