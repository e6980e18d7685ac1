"""`app.connections` and `app.rooms`: what is open now, found by name; and the connections that ended lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..access.identity import Principal
from ..close_codes import validate_close
from ..messages.connection_messages import Close, ForgetPermissions, Send
from ..messages.publications import encode_payload
from ..messages.receipts import Receipt
from ..reasons import WebSocketDisconnect

if TYPE_CHECKING:
    from actors import ActorRef

    from ..connections.connection import ConnectionActor
    from ..events import ConnectionClosed
    from ..node import Node
    from .app import Gateway
    from .topic_handle import RoomHandle


class Connection:
    """One open connection, on whatever wire; a handle, made when it is asked for. Two of the same one are equal."""

    __slots__ = ("_machine", "_node", "_ref", "id")

    def __init__(self, node: Node, id: str, ref: ActorRef[ConnectionActor], machine: ConnectionActor) -> None:
        self._node = node
        self._ref = ref
        self._machine = machine
        self.id = id

    @property
    def principal(self) -> Principal:
        return self._machine.principal

    @property
    def topics(self) -> tuple[str, ...]:
        """Those it has joined, in that order."""
        return self._machine.topics

    @property
    def path(self) -> str:
        return self._machine.path

    def send(self, value: object) -> Receipt[None]:
        """
        To this client alone: a `str` as text, bytes as binary, anything else as JSON, as its wire says it.

        Raises (from the receipt):
            WebSocketDisconnect: It is gone.
            Refused: `not_available`, its wire has no word for what belongs to no topic.
        """
        payload, kind = encode_payload(value)
        receipt: Receipt[None] = Receipt("send", self._node.receipt_lost)
        if self._ref.is_alive():
            self._ref.tell(Send(payload, kind, receipt))
        else:
            receipt.fail(WebSocketDisconnect(1006, "connection lost"))
        return receipt

    def close(self, code: int = 1000, reason: str = "") -> Receipt[None]:
        """Starts the close; what was sent before leaves first. Does nothing for one that is gone. Raises ValueError."""
        validate_close(code, reason)
        if self._ref.is_alive():
            self._ref.tell(Close(code=code, text=reason))
        return Receipt.of(None)

    def forget_permissions(self) -> None:
        """As `WebSocket.forget_permissions`; of everybody who is that user: `for one in app.connections.of(id)`."""
        if self._ref.is_alive():
            self._ref.tell(ForgetPermissions())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and other._ref is self._ref

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Connection {self.id} user={self.principal.id!r}>"


class Connections(Mapping[str, Connection]):
    """
    By id, those of this node that are open now: one look-up in the table that the gateway keeps anyway.

    Raises RuntimeError while the gateway does not run.
    """

    def __init__(self, app: Gateway) -> None:
        self._app = app

    def __getitem__(self, id: str) -> Connection:
        node = self._app.node
        ref = node.directory.get(id)
        machine: Any = None if ref is None else ref._actor
        if ref is None or machine is None or not machine.is_open:
            raise KeyError(id)
        return Connection(node, id, ref, machine)

    def __iter__(self) -> Iterator[str]:
        return (id for id in self._app.node.directory.ids() if id in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of(self, principal: Principal | str) -> list[Connection]:
        """All that are open for this principal, or its id. Raises TypeError for what is neither."""
        found = (self.get(ref._actor.client) for ref in self._app.node.directory.of(_id_of(principal)))
        return [one for one in found if one is not None]

    def recent(self, principal: Principal | str | None = None, limit: int = 100) -> list[ConnectionClosed]:
        """Those that ended lately, the last one first; of one principal, or its id, or all. The last 1,000 are kept."""
        closed = reversed(self._app.server.closed_connections())
        wanted = None if principal is None else _id_of(principal)
        return [fact for fact in closed if wanted is None or fact.principal == wanted][:limit]


def _id_of(principal: Principal | str) -> str:
    given: object = principal
    if isinstance(given, Principal):
        return given.id
    if not isinstance(given, str):
        raise TypeError(f"could not look for connections of {given!r}: give a principal, or its id")
    return given


class Rooms:
    """Topics that live on this node, whether called rooms or channels."""

    def __init__(self, app: Gateway) -> None:
        self._app = app

    def names(self) -> tuple[str, ...]:
        """In the order in which they were opened."""
        return self._app.node.live.names()

    def __getitem__(self, name: str) -> RoomHandle:
        """The same as `app.room(name)`: a room that has nobody is one as well."""
        return self._app.room(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._app.node.live.is_live(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())
