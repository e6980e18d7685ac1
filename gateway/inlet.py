"""
What a socket talks to: turns its calls into messages of the connection machine, and says when it has had enough.

The frames of an endpoint go past the machine and its turns as long as it is idle: nothing it was told can be before
them, and it has nothing to say to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors import is_idle

from .connection_messages import Received, SocketClosed, Writable

if TYPE_CHECKING:
    from actors import ActorRef, Clock

    from .credit import Credit
    from .reception import Reception


class Inlet:
    """
    The `SocketListener` of one connection. Loop thread only; the machine is told, never called.

    Args:
        endpoint: Where frames go that are app code's, past the machine; None on a wire.
    """

    __slots__ = ("_clock", "_credit", "_endpoint", "_ref", "last_seen", "received")

    def __init__(self, ref: ActorRef[Any], credit: Credit, clock: Clock, endpoint: Reception | None = None) -> None:
        self._ref = ref
        self._credit = credit
        self._clock = clock
        self._endpoint = endpoint
        self.last_seen = clock.now()
        """When anything came in; any inbound traffic counts for the heartbeat."""
        self.received = 0
        """Messages of the client."""

    def text_received(self, data: str | bytes) -> bool:
        """The hot path, once for each message."""
        self.last_seen = now = self._clock.now()
        self.received += 1
        endpoint, ref, credit = self._endpoint, self._ref, self._credit
        if endpoint is not None and is_idle(ref):
            endpoint.hear(data, now)
        else:
            credit.take(len(data))
            if ref.is_alive():
                ref.tell(Received(data))
        return not credit.is_held

    bytes_received = text_received

    def pong_received(self, data: bytes) -> None:
        self.last_seen = self._clock.now()

    def congested(self) -> None:
        """The machine looks at the socket itself before it writes; topics, which write past it, do not."""
        self._ref.close_shortcut()

    def shut(self) -> None:
        self._ref.close_shortcut()

    def writable(self) -> None:
        self._tell(Writable())

    def closed(self, code: int, reason: str, clean: bool) -> None:
        self._tell(SocketClosed(code, reason, clean))

    def _tell(self, message: object) -> None:
        if self._ref.is_alive():
            self._ref.tell(message)
