"""Document B, "Channel Groups" and "Channel Management": a group is a room; the registry is kept by the gateway."""

from __future__ import annotations

import time

from gateway import Gateway, WebSocket

app = Gateway()

group = app.room("chat")

registry = app.connections


@app.ws("/group")
async def member(channel: WebSocket):
    await channel.accept()
    await group.join(channel)
    await group.broadcast({"message": "Hello, everyone!"})
    await group.broadcast({
        "type": "broadcast",
        "content": "Hello, everyone!",
        "timestamp": time.time()
    })
    await channel.receive()
    await group.leave(channel)
    await channel.send({"members": group.size})


@app.ws("/registry/{channel_id}")
async def look_up(asking: WebSocket, channel_id: str):
    await asking.accept()
    channel = registry.get(channel_id)
    channels = list(registry.values())
    await asking.send({
        "path": channel.path if channel else None,
        "all": [one.id for one in channels]
    })
