"""What one client is answered: each command exactly once, whoever asked; and with that its credit comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..events import CommandRefused
from ..reasons import Refused
from ..topics.answers import settle

if TYPE_CHECKING:
    from ..limits.gate import Gate
    from ..messages.commands import Reply, Result
    from ..node import Node
    from ..protocols.base import Wire
    from ..sockets.outlet import Outlet


class Replies:
    """Of one connection."""

    __slots__ = ("_client", "_gate", "_node", "_outlet", "_wire")

    def __init__(self, node: Node, client: str, wire: Wire, gate: Gate, outlet: Outlet) -> None:
        self._node = node
        self._client = client
        self._wire = wire
        self._gate = gate
        self._outlet = outlet

    def answer(self, reply: Reply, result: Result) -> None:
        """The one answer to a command: to the client, or to who holds the receipt; the server itself needs none."""
        if isinstance(result, Refused):
            self._node.events.publish(CommandRefused(self._client, reply.action, result.reason))
        if reply.receipt is not None:
            settle(reply, result)
        elif not reply.is_by_server:
            self._outlet.put(self._wire.answer(reply, result))
            self.give(reply.size_bytes)

    def answer_first(self, reply: Reply, result: Result) -> None:
        """The answer that everything else has been held for."""
        self._outlet.release(self._wire.answer(reply, result))
        self.give(reply.size_bytes)

    def give(self, size_bytes: int) -> None:
        """Credit comes back; reading goes on when enough has."""
        if self._gate.credit.give(size_bytes) and self._outlet.socket is not None:
            self._outlet.socket.resume_reading()
