"""The `websockets` library with its `broadcast()`, which does not wait for slow readers. argv: port."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: dict[str, set[ServerConnection]] = {}


async def handle(ws: ServerConnection) -> None:
    assert ws.request is not None
    path = ws.request.path
    if not path.startswith("/room/"):
        async for message in ws:
            await ws.send(message)
        return
    members = rooms.setdefault(path, set())
    members.add(ws)
    try:
        async for message in ws:
            broadcast(members, message)
    finally:
        members.discard(ws)


async def main() -> None:
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), compression=None, backlog=4096) as server:
        await server.serve_forever()


uvloop.install()
asyncio.run(main())
