"""
A chat client for the terminal, on aiohttp's client alone. A line is a message; end of input leaves.

    python examples/chat/client.py --name Bob --room general --url http://127.0.0.1:8000

It asks for the password, or takes it from the environment's CHAT_PASSWORD: the command line is seen by everybody.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from typing import Any

import aiohttp


def show(frame: dict[str, Any]) -> list[str]:
    """One frame of the server as lines for people."""
    if frame.get("status") == "error":
        return [f"! {frame['error']['message']}"]
    if "state" in frame:
        return ["* here: " + ", ".join(users(frame["state"]))]
    if frame.get("action") == "presence":
        return [f"* {user} joined" for user in users(frame.get("joins", []))] + [
            f"* {user} left" for user in users(frame.get("leaves", []))
        ]
    said = frame.get("payload") or {}
    if frame.get("event") == "said":
        return [f"* {said['user']} {said['text']}" if said["is_act"] else f"{said['user']}: {said['text']}"]
    if frame.get("event") == "was_put_out":
        return [f"* {said['by']} put {said['user']} out"]
    return []


def users(entries: list[dict[str, Any]]) -> list[str]:
    """Presence is of connections: two tabs of one person are two entries."""
    return sorted({entry["user"] for entry in entries})


async def read(ws: aiohttp.ClientWebSocketResponse) -> None:
    async for message in ws:
        for line in show(message.json()):
            print(line, flush=True)


async def write(ws: aiohttp.ClientWebSocketResponse, topic: str) -> None:
    """Sends what is typed; a thread waits for it, so that the loop goes on reading the socket."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        said = {"event": "say", "payload": {"text": line.strip()}}
        await ws.send_json({"action": "publish", "room": topic, "ref": 2, **said})


async def talk(url: str, room: str, name: str, password: str) -> None:
    cookies = aiohttp.CookieJar(unsafe=True)  # what is safe for it is a host with a name, which 127.0.0.1 has not
    async with aiohttp.ClientSession(cookie_jar=cookies) as http:
        async with http.post(f"{url}/login", json={"name": name, "password": password}) as answer:
            if answer.status != 200:
                sys.exit((await answer.json())["error"])
        async with http.ws_connect(f"{url}/ws") as ws:
            since = {"offset": 0}  # position 0: everything that is kept
            await ws.send_json(
                {"action": "join_room", "room": f"room:{room}", "presence": True, "since": since, "ref": 1}
            )
            reading = asyncio.create_task(read(ws))
            writing = asyncio.create_task(write(ws, f"room:{room}"))
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            await ws.close()
            await reading


def main() -> None:
    options = argparse.ArgumentParser(description="Talks in a room of examples.chat.")
    options.add_argument("--name", required=True)
    options.add_argument("--room", default="general")
    options.add_argument("--url", default="http://127.0.0.1:8000")
    given = options.parse_args()
    password = os.environ.get("CHAT_PASSWORD") or getpass.getpass(f"Password of {given.name}: ")
    try:
        asyncio.run(talk(given.url, given.room, given.name, password))
    except aiohttp.ClientConnectionError as error:
        sys.exit(f"could not talk to {given.url}: {error}")


if __name__ == "__main__":
    main()
