"""
A chat client for the terminal, on aiohttp's WebSocket client alone. A line is a message; end of input leaves.

    python examples/chat/client.py --name Ada --room lobby --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import aiohttp


def show(frame: dict[str, Any]) -> str | None:
    """One frame of the server as a line for people; None for what they need not see."""
    if frame.get("status") == "error":
        return f"! {frame['error']['message']}"
    if frame.get("status") == "joined":
        here = frame["response"]["here"]
        return f"* you are in {frame['room']}" + (f" with {', '.join(here)}" if here else ", alone")
    if frame.get("event") == "notice":
        return f"* {frame['payload']['notice']}, {frame['payload']['count']} here"
    if frame.get("event") == "message":
        return f"{frame['payload']['name']}: {frame['payload']['text']}"
    return None


async def read(ws: aiohttp.ClientWebSocketResponse) -> None:
    async for message in ws:
        line = show(message.json())
        if line is not None:
            print(line, flush=True)


async def write(ws: aiohttp.ClientWebSocketResponse, topic: str) -> None:
    """Sends what is typed; a thread waits for it, so that the loop goes on reading the socket."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        await ws.send_json({"action": "publish", "room": topic, "payload": {"text": line.strip()}, "ref": 1})


async def talk(url: str, room: str, name: str) -> None:
    topic = f"chat:{room}"
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws") as ws:
        join = {"action": "join_room", "room": topic, "info": {"name": name}}
        await ws.send_json({**join, "since": {"offset": 0}})  # position 0: everything that is kept
        reading = asyncio.create_task(read(ws))
        writing = asyncio.create_task(write(ws, topic))
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        await ws.close()
        await reading


def main() -> None:
    options = argparse.ArgumentParser(description="Talks in a room of examples.chat.")
    options.add_argument("--name", required=True)
    options.add_argument("--room", default="lobby")
    options.add_argument("--url", default="http://127.0.0.1:8000")
    given = options.parse_args()
    asyncio.run(talk(given.url, given.room, given.name))


if __name__ == "__main__":
    main()
