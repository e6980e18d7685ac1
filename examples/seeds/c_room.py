"""Document C, "Rooms (Pub/Sub)": a room at module level, and what its table of methods says."""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketDisconnect

app = Gateway()

chat_room = app.room("chat")

@app.ws("/chat")
async def chat(ws: WebSocket):
    await ws.accept()
    chat_room.join(ws)
    try:
        while True:
            msg = await ws.receive_text()
            # Broadcast to everyone except the sender
            chat_room.broadcast(f"User {ws.id}: {msg}", exclude={ws.id})
    except WebSocketDisconnect:
        chat_room.leave(ws)


@app.ws("/methods")
async def methods(sender_ws: WebSocket):
    await sender_ws.accept()
    room = chat_room
    await sender_ws.receive()
    room.broadcast("text")
    room.broadcast({"text": "json"})
    room.broadcast(b"binary")
    room.broadcast("hello", exclude={sender_ws.id})
    await sender_ws.send_json({
        "members": [member.id for member in await room.members()],
        "size": room.size
    })
    await sender_ws.receive()
    room.close_all()
