"""Document C, "Complete Chat Example": `python -m examples.seeds.c_chat` serves it."""

from __future__ import annotations

from gateway import Gateway, RoomHandle, WebSocket, WebSocketDisconnect

app = Gateway()
rooms = {}

def get_room(name: str) -> RoomHandle:
    if name not in rooms:
        rooms[name] = app.room(name)
    return rooms[name]

@app.ws("/chat/:room_name")
async def chat(ws: WebSocket):
    room_name = ws.query_params.get("room", "general")
    room = get_room(room_name)

    await ws.accept()
    room.join(ws)
    room.broadcast(f"User {ws.id[:8]} joined", exclude={ws.id})

    try:
        while True:
            text = await ws.receive_text()
            room.broadcast(f"{ws.id[:8]}: {text}", exclude={ws.id})
    except WebSocketDisconnect:
        room.leave(ws)
        room.broadcast(f"User {ws.id[:8]} left")

if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8000)
