"""aiohttp as its documentation shows it: a broadcast is a loop of awaited sends. argv: port."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import WSMsgType, web

rooms: dict[str, set[web.WebSocketResponse]] = {}


async def room(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    members = rooms.setdefault(request.match_info["room"], set())
    members.add(ws)
    try:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                for member in list(members):
                    await member.send_str(message.data)
    finally:
        members.discard(ws)
    return ws


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
    return ws


app = web.Application()
app.router.add_get("/room/{room}", room)
app.router.add_get("/echo", echo)
loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), loop=loop, access_log=None, print=None, backlog=4096)
