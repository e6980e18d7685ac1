"""Document B, "Channel Class" and "Channel Methods": the socket itself is the channel."""

from __future__ import annotations

import time

from gateway import Gateway, WebSocket

app = Gateway()


@app.ws("/properties", encoding="json", expires=3600)  # channel TTL in seconds
async def properties(channel: WebSocket):
    await channel.accept()
    await channel.send_json({
        "expires": channel.expires,
        "encoding": channel.encoding,  # "json", or "text" or "bytes"
        "id": channel.id,
        "created": channel.created
    })


@app.ws("/sending")
async def sending(channel: WebSocket):
    await channel.accept()

    # Send JSON
    await channel.send({"message": "Hello, World!"})

    # Send text
    await channel.send("Hello, World!")

    # Send bytes
    await channel.send(b"Hello, World!")

    await channel.send_json({
        "type": "message",
        "content": "Hello, World!",
        "timestamp": time.time()
    })
    await channel.send_text("Hello, World!")
    await channel.send_bytes(b"Hello, World!")


@app.ws("/receiving")
async def receiving(channel: WebSocket):
    await channel.accept()
    message = await channel.receive()
    data = await channel.receive_json()
    text = await channel.receive_text()
    binary = await channel.receive_bytes()
    await channel.send([message.data, data, text, list(binary)])
