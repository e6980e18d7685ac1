"""picows, a server in Cython: a broadcast is a loop of sends that do not wait. argv: port."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

rooms: dict[str, set[WSTransport]] = {}


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self.on_text(transport, frame.get_payload_as_bytes())

    def on_text(self, transport: WSTransport, payload: bytes) -> None:
        transport.send(WSMsgType.TEXT, payload)


class Room(Echo):
    def __init__(self, name: str) -> None:
        self.members = rooms.setdefault(name, set())

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.members.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.members.discard(transport)

    def on_text(self, transport: WSTransport, payload: bytes) -> None:
        for member in list(self.members):
            member.send(WSMsgType.TEXT, payload)


def listener(request: WSUpgradeRequest) -> WSListener:
    path = request.path.decode()
    return Room(path) if path.startswith("/room/") else Echo()


async def main() -> None:
    server = await ws_create_server(listener, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


uvloop.install()
asyncio.run(main())
