"""What a socket talks to: turns its calls into messages of the connection machine, and says when it has had enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .connection_messages import Received, SocketClosed, Writable

if TYPE_CHECKING:
    from actors import ActorRef, Clock

    from .credit import Credit


class Inlet:
    """The `SocketListener` of one connection. Loop thread only; the machine is told, never called."""

    __slots__ = ("_clock", "_credit", "_ref", "last_seen")

    def __init__(self, ref: ActorRef[Any], credit: Credit, clock: Clock) -> None:
        self._ref = ref
        self._credit = credit
        self._clock = clock
        self.last_seen = clock.now()
        """When anything came in; any inbound traffic counts for the heartbeat."""

    def text_received(self, data: str | bytes) -> None:
        """The hot path, once for each message."""
        self.last_seen = self._clock.now()
        self._credit.take(len(data))
        if self._ref.is_alive():
            self._ref.tell(Received(data))

    bytes_received = text_received

    def pong_received(self, data: bytes) -> None:
        self.last_seen = self._clock.now()

    def has_credit(self) -> bool:
        return not self._credit.is_spent

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
