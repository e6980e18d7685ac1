"""What one connection has to say of itself to who looks from outside: while it is open, and when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import ConnectionClosed, ConnectionOpened
from .connection_view import ConnectionView

if TYPE_CHECKING:
    from ..endpoints.tickets import Ticket
    from ..node import Node
    from ..pulse.pinging import Pinging
    from ..sockets.outlet import Outlet
    from .ending import Ending
    from .inlet import Inlet
    from .subscriptions import Subscriptions


class Account:
    """Of one connection."""

    __slots__ = ("_node", "_outlet", "_pinging", "_since", "_subscriptions", "_ticket", "inlet")

    def __init__(
        self, node: Node, ticket: Ticket, outlet: Outlet, pinging: Pinging, subscriptions: Subscriptions
    ) -> None:
        self._node = node
        self._ticket = ticket
        self._outlet = outlet
        self._pinging = pinging
        self._subscriptions = subscriptions
        self._since = node.now()
        self.inlet: Inlet | None = None
        """What its socket talks to; None before the 101."""

    def view(self) -> ConnectionView:
        """How it is now, for the admin listener; what `ConnectionClosed` says of one that has ended."""
        return ConnectionView(**self._fields())

    def tell_opened(self) -> None:
        """Publishes the fact of its beginning, once."""
        ticket = self._ticket
        if not ticket.was_announced:
            ticket.was_announced = True
            principal = ticket.principal.id
            fact = ConnectionOpened(ticket.client, ticket.wire.name, ticket.path, ticket.address, principal)
            self._node.events.publish(fact)

    def tell_closed(self, ending: Ending) -> None:
        """Publishes the fact of its end; before it that of its beginning, if it was accepted and has got no socket."""
        self.tell_opened()
        code, reason = ending.words()
        at = self._node.wall()
        fact = ConnectionClosed(**self._fields(), code=code, reason=reason, ended_by=ending.ended_by, at=at)
        self._node.events.publish(fact)

    def _fields(self) -> dict[str, Any]:
        ticket, outlet, now = self._ticket, self._outlet, self._node.now()
        inlet = self.inlet
        last_seen, received = (self._since, 0) if inlet is None else (inlet.last_seen, inlet.received)
        return {
            "connection": ticket.client, "principal": ticket.principal.id, "address": ticket.address,
            "wire": ticket.wire.name, "path": ticket.path, "seconds": round(now - self._since, 3),
            "last_inbound_age": round(now - last_seen, 3), "missed_pings": self._pinging.missed,
            "outbox_bytes": outlet.waiting_bytes, "received": received, "batches_sent": outlet.sent,
            "topics": self._subscriptions.topics,
        }  # fmt: skip
