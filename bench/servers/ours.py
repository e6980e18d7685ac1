"""
Ours, as `hubbub serve` runs it: `ours:raw` has the code that the peers' servers have, `ours:bare` has none, so that
clients speak the native wire or Centrifuge's to the topics of hubbub.toml.
"""

from __future__ import annotations

from gateway import Gateway, WebSocket, WebSocketEndpoint

raw = Gateway(title="bench")
bare = Gateway(title="bench")


@raw.ws("/room/{name}")
class Room(WebSocketEndpoint):
    encoding = "text"

    def on_connect(self, ws: WebSocket) -> None:
        self.room = f"room:{ws.path_params['name']}"
        self.join(self.room)

    def on_receive(self, ws: WebSocket, data: str) -> None:
        self.broadcast(data, self.room)


@raw.ws("/echo")
class Echo(WebSocketEndpoint):
    encoding = "text"

    def on_receive(self, ws: WebSocket, data: str) -> None:
        ws.send_text(data)
