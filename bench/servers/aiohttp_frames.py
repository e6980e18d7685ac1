"""
The floor under aiohttp: it does HTTP, the upgrade and the reading; a broadcast writes one prebuilt frame to each
transport. Nothing waits for a slow reader, so nothing bounds its backlog. argv: port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop
from aiohttp import WSMsgType, web

rooms: dict[str, set[asyncio.WriteTransport]] = {}


def text_frame(text: str) -> bytes:
    body = text.encode()
    if len(body) < 126:
        return bytes((0x81, len(body))) + body
    if len(body) < 65536:
        return b"\x81\x7e" + len(body).to_bytes(2, "big") + body
    return b"\x81\x7f" + len(body).to_bytes(8, "big") + body


async def upgraded(request: web.Request) -> tuple[web.WebSocketResponse, asyncio.WriteTransport]:
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    return ws, cast(asyncio.WriteTransport, request.transport)  # uvloop's is one in all but name


async def room(request: web.Request) -> web.WebSocketResponse:
    ws, transport = await upgraded(request)
    members = rooms.setdefault(request.match_info["room"], set())
    members.add(transport)
    try:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                frame = text_frame(message.data)
                for member in members:
                    member.write(frame)
    finally:
        members.discard(transport)
    return ws


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws, transport = await upgraded(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            transport.write(text_frame(message.data))
    return ws


app = web.Application()
app.router.add_get("/room/{room}", room)
app.router.add_get("/echo", echo)
loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), loop=loop, access_log=None, print=None, backlog=4096)
