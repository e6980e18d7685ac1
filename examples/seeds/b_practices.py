"""Document B, "Best Practices" 1 to 3: errors, the connection's life, and messages that are validated."""

from __future__ import annotations

from typing import Any

from gateway import Gateway, WebSocket, WebSocketDisconnect, WebSocketEndpoint, message, on

app = Gateway()


# 1. Error Handling

@app.ws("/errors")
async def handle_errors(channel: WebSocket):
    await channel.accept()
    try:
        while True:
            message = await channel.receive()
            await process_message(channel, message)
    except WebSocketDisconnect:
        await handle_disconnect(channel)
    except Exception as e:
        await handle_error(channel, e)


# 2. Connection Management

@app.ws("/managed")
async def handle_websocket(channel: WebSocket):
    try:
        await channel.accept()
        await handle_connect(channel)

        while True:
            message = await channel.receive()
            await process_message(channel, message)
    except WebSocketDisconnect:
        await handle_disconnect(channel)
    finally:
        await cleanup(channel)


# 3. Message Validation

@message
class Message:
    type: str
    content: str
    timestamp: float


@app.ws("/validated")
class Validated(WebSocketEndpoint):
    @on(Message)
    async def process_message(self, channel: WebSocket, validated_message: Message):
        await handle_validated_message(channel, validated_message)


async def handle_connect(channel: WebSocket):
    await channel.send("connected")


async def process_message(channel: WebSocket, message: Any):
    await channel.send(f"one of {int(message.text())}")


async def handle_validated_message(channel: WebSocket, message: Message):
    await channel.send(f"{message.type}: {message.content}")


async def handle_disconnect(channel: WebSocket):
    print("disconnected")


async def handle_error(channel: WebSocket, error: Exception):
    await channel.send(f"could not: {error}")


async def cleanup(channel: WebSocket):
    print("cleaned up, connected:", channel.is_connected)
