"""python-socketio on aiohttp, with its own rooms. argv: port."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import socketio
import uvloop
from aiohttp import web

server = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")


@server.event
async def join(sid: str, room: str) -> None:
    await server.enter_room(sid, room)
    await server.emit("joined", to=sid)


@server.event
async def say(sid: str, room: str, data: Any) -> None:
    await server.emit("said", data, room=room)


@server.event
async def echo(sid: str, data: Any) -> None:
    await server.emit("echo", data, to=sid)


app = web.Application()
server.attach(app)
loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), loop=loop, access_log=None, print=None, backlog=4096)
