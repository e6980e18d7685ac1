"""Document B, "Channel Events": functions that are told of every connection of the app."""

from __future__ import annotations

from typing import Any

from gateway import Gateway, WebSocket

app = Gateway()


@app.on_connect
async def handle_connect(channel: WebSocket):
    print(f"Channel {channel.id} connected")

@app.on_disconnect
async def handle_disconnect(channel: WebSocket):
    print(f"Channel {channel.id} disconnected")

@app.on_message
async def handle_message(channel: WebSocket, message: Any):
    print(f"Received message from {channel.id}: {message}")

@app.on_error
async def handle_error(channel: WebSocket, error: Exception):
    print(f"Error in channel {channel.id}: {str(error)}")


@app.on_message("/ws")
async def answer(channel: WebSocket, message: str):
    await channel.send(f"{int(message)} is a number")
