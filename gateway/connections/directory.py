"""Where the connections of this node are found: by their id, and by the principal they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..messages.connection_messages import Close
from ..reasons import Refused
from .connection import ConnectionActor

if TYPE_CHECKING:
    from actors import ActorRef

    from ..endpoints.tickets import Ticket
    from ..limits.quotas import Quotas
    from ..messages.topic_messages import Origin
    from .connection_view import ConnectionView


class Directory:
    """
    From the first turn of a connection's machine to the last: one that is found may be closing already.

    Args:
        quotas: What connections of one address share; who enters and who leaves is counted there.
    """

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._by_id: dict[str, ActorRef[ConnectionActor]] = {}
        self._by_user: dict[str, dict[str, ActorRef[ConnectionActor]]] = {}
        self.supervisor: ActorRef[Any]
        """/connections; there from `Node.grow` on."""

    def enter(self, ref: ActorRef[ConnectionActor], ticket: Ticket) -> None:
        """A connection is there, until `forget`."""
        self._by_id[ticket.client] = ref
        self._quotas.entered(ticket.address_key)
        self._enter_of(ticket.principal.id, ticket.client, ref)

    def identified(self, ref: ActorRef[ConnectionActor], client: str, user: str, former: str) -> None:
        """
        This connection is that principal's from now on, until `forget`; the anonymous are nobody.

        Args:
            former: Whose it was until now, and is no more.
        """
        if user != former:
            self._forget_of(former, client)
            self._enter_of(user, client, ref)

    def _enter_of(self, user: str, client: str, ref: ActorRef[ConnectionActor]) -> None:
        if user:
            self._by_user.setdefault(user, {})[client] = ref

    def forget(self, ticket: Ticket) -> None:
        """It is gone. Once for each that entered: the count of its address goes by it."""
        self._by_id.pop(ticket.client, None)
        self._quotas.left(ticket.address_key)
        self._forget_of(ticket.principal.id, ticket.client)

    def _forget_of(self, user: str, client: str) -> None:
        theirs = self._by_user.get(user)
        if theirs is not None:
            theirs.pop(client, None)
            if not theirs:
                del self._by_user[user]

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, client: str) -> ActorRef[ConnectionActor] | None:
        return self._by_id.get(client)

    def ids(self) -> tuple[str, ...]:
        """In the order in which they were opened."""
        return tuple(self._by_id)

    def refs(self) -> tuple[ActorRef[ConnectionActor], ...]:
        """In the order in which they were opened."""
        return tuple(self._by_id.values())

    def of(self, user: str) -> tuple[ActorRef[ConnectionActor], ...]:
        """The live connections of a principal on this node; of the anonymous, who are nobody, none."""
        return tuple(ref for ref in self._by_user.get(user, {}).values() if ref.is_alive())

    @property
    def user_count(self) -> int:
        """Principals with a connection here; the anonymous are none."""
        return len(self._by_user)

    def view_of(self, client: str) -> ConnectionView | None:
        """How a connection of this node is now; None if there is none of that id."""
        machine = self._machine(client)
        return None if machine is None else machine.view()

    def origin_of(self, who: object) -> Origin:
        """Whose commands those of a WebSocket, a member or a connection's id are. Raises Refused if it is gone."""
        client = who if isinstance(who, str) else getattr(who, "id", "")
        machine = self._machine(client)
        if machine is None:
            raise Refused("not_available", f"there is no connection {client!r} here; it is gone, or on another node")
        return machine.origin

    def close(
        self, client: str, reason: str | None = None, ended_by: str = "app", *, code: int = 1000, text: str = ""
    ) -> bool:
        """Ends it by a reason of the table, or with a code; whether there was such a connection."""
        ref = self._by_id.get(client)
        if ref is None or not ref.is_alive():
            return False
        ref.tell(Close(reason, code, text, ended_by))
        return True

    def _machine(self, client: str) -> ConnectionActor | None:
        ref = self._by_id.get(client)
        found = None if ref is None else ref._actor
        return found if isinstance(found, ConnectionActor) else None
