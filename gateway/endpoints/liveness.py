"""Whether one connection is watched for its silence: `ws.heartbeat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages.connection_messages import Beat
from ..messages.receipts import Receipt

if TYPE_CHECKING:
    from ..pulse.heartbeat import HeartbeatConfig
    from .websocket import WebSocket


class Liveness:
    """`ws.heartbeat`: whether this connection is pinged while it is silent, and closed when it stays so."""

    __slots__ = ("_ws", "config", "is_running")

    def __init__(self, ws: WebSocket, config: HeartbeatConfig) -> None:
        self._ws = ws
        self.config = config
        self.is_running = True
        """As it was asked for last; heartbeats run from the accept on."""

    def start(self) -> Receipt[None]:
        """Goes on: after an interval of silence it is pinged again. Does nothing if it runs."""
        return self._set(is_on=True)

    def stop(self) -> Receipt[None]:
        """No more pings, and no close for silence; a cable that was cut is then noticed only when something is sent."""
        return self._set(is_on=False)

    def handle_pong(self) -> Receipt[None]:
        """
        For applications that look for pongs themselves. Nothing is left to do: any message counts as a sign of life
        when it comes in, `{"type":"pong"}` as well as another.
        """
        return Receipt.of(None)

    def _set(self, *, is_on: bool) -> Receipt[None]:
        self.is_running = is_on
        self._ws._tell(Beat(is_on), None)
        return Receipt.of(None)
