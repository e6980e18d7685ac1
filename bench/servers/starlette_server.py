"""Starlette, whose sends FastAPI's connection manager awaits one by one. `uvicorn starlette_server:app`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: dict[str, set[WebSocket]] = {}


async def room(ws: WebSocket) -> None:
    await ws.accept()
    members = rooms.setdefault(ws.path_params["room"], set())
    members.add(ws)
    try:
        async for text in ws.iter_text():
            for member in list(members):
                await member.send_text(text)
    except WebSocketDisconnect:
        pass  # a send to one that has just left
    finally:
        members.discard(ws)


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)


app = Starlette(routes=[WebSocketRoute("/room/{room}", room), WebSocketRoute("/echo", echo)])
