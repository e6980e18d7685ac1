"""socketify, which is uWebSockets: its own topics do the broadcast. argv: port."""

from __future__ import annotations

import sys
from typing import Any

from socketify import App, AppListenOptions, CompressOptions, OpCode

OPTIONS = {
    "compression": CompressOptions.DISABLED,
    "max_payload_length": 1 << 20,
    "max_backpressure": 64 << 20,  # bytes; above it uWebSockets drops messages, which would look like a loss
    "idle_timeout": 120,
}


def upgrade(response: Any, request: Any, context: Any) -> None:
    key = request.get_header("sec-websocket-key")
    protocol = request.get_header("sec-websocket-protocol")
    extensions = request.get_header("sec-websocket-extensions")
    response.upgrade(key, protocol, extensions, context, request.get_parameter(0))


def opened(ws: Any) -> None:
    ws.subscribe(ws.get_user_data())


def broadcast(ws: Any, message: Any, opcode: OpCode) -> None:
    app.publish(ws.get_user_data(), message, opcode)


def echo(ws: Any, message: Any, opcode: OpCode) -> None:
    ws.send(message, opcode)


app = App()
app.ws("/room/:room", {**OPTIONS, "upgrade": upgrade, "open": opened, "message": broadcast})
app.ws("/echo", {**OPTIONS, "message": echo})
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"), lambda config: None)
app.run()
