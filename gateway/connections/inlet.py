"""
What a socket talks to: turns its calls into messages of the connection machine, and says when it has had enough.

As long as the machine is idle, a message that came alone is not queued: the machine has its turn where the read was.
The frames of an endpoint go past it altogether: nothing it was told can be before them, and it has nothing to say to
them. Of several in one read each waits for a turn, so that what they are answered leaves in one write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors import is_idle, run_now

from ..messages.connection_messages import Received, SocketClosed, Writable

if TYPE_CHECKING:
    from actors import ActorRef, Clock

    from ..limits.credit import Credit
    from .connection import ConnectionActor
    from .reception import Reception


class Inlet:
    """The `SocketListener` of one connection on a wire. Loop thread only."""

    __slots__ = ("_clock", "_credit", "_ref", "is_deaf", "last_seen", "received")

    def __init__(self, ref: ActorRef[Any], credit: Credit, clock: Clock) -> None:
        self._ref = ref
        self._credit = credit
        self._clock = clock
        self.last_seen = clock.now()
        """When anything came in; any inbound traffic counts for the heartbeat."""
        self.received = 0
        """Messages of the client."""
        self.is_deaf = False
        """Whether its messages are dropped: we are about to close, and only wait until what was said has left."""

    def text_received(self, data: str | bytes, is_alone: bool = False) -> bool:
        """The hot path, once for each message."""
        self.last_seen = self._clock.now()
        if self.is_deaf:
            return True
        self.received += 1
        if not (is_alone and run_now(self._ref, _hear, data)):
            self._queue(data)
        return not self._credit.is_held

    def _queue(self, data: str | bytes) -> None:
        self._credit.take(len(data))
        self._tell(Received(data))

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


class EndpointInlet(Inlet):
    """
    The same for an endpoint.

    Args:
        endpoint: Where frames go, past the machine.
    """

    __slots__ = ("_endpoint",)

    def __init__(self, ref: ActorRef[Any], credit: Credit, clock: Clock, endpoint: Reception) -> None:
        super().__init__(ref, credit, clock)
        self._endpoint = endpoint

    def text_received(self, data: str | bytes, is_alone: bool = False) -> bool:
        """The hot path."""
        self.last_seen = now = self._clock.now()
        if self.is_deaf:
            return True
        self.received += 1
        if is_idle(self._ref):
            self._endpoint.hear(data, now, is_alone)
        else:
            self._queue(data)
        return not self._credit.is_held

    bytes_received = text_received


def _hear(machine: ConnectionActor, data: str | bytes) -> None:
    machine.hear(data)
