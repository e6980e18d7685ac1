"""What an upgrade request brings, and the decision about it that app code may take its time for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from actors import LoopFuture

from ..limits.shared_buckets import key_of
from .passage import OPEN
from .websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors import ActorRef

    from ..access.handshake import Handshake
    from ..access.identity import Principal
    from ..connections.connection import ConnectionActor
    from ..limits.message_limit import Limit
    from ..messages.commands import Command
    from ..node import Node
    from ..protocols.base import Wire
    from ..pulse.heartbeat import HeartbeatConfig
    from .passage import Passage


NO_LIMITS: Mapping[str, Limit] = MappingProxyType({})
"""Of all that have none: a dict for each connection would be 64 bytes."""


@attrs.frozen
class Verdict:
    """The answer to an upgrade request: 101 with a subprotocol, or a refusal with another status."""

    status: int
    text: str = ""
    subprotocol: str | None = None


UPGRADED = Verdict(101)
"""That of most, without a choice of subprotocol."""


@attrs.define(eq=False, weakref_slot=False)
class Ticket:
    """One per upgrade request, for the life of its connection."""

    client: str
    wire: Wire
    principal: Principal
    handshake: Handshake
    address: str
    session: Callable[[ConnectionActor, WebSocket], ActorRef[Any]] | None = None
    """Starts the app code of this connection as a child of its machine; None if its endpoint has none."""
    says_goodbye: bool = False
    """Whether the app code has an `on_disconnect`, which must run even if its instance is gone."""
    decided: Verdict | None = None
    """What was decided about it; the first decision counts."""
    was_announced: bool = False
    """Whether it was said that it is there (`ConnectionOpened`)."""
    subprotocol: str | None = None
    """What the 101 will say, once it is known who asks."""
    first: tuple[Command, ...] = ()
    """What is done as if the client had asked for it, once its socket is there."""
    refused_as: int = 401
    """The HTTP status for a client that is not taken."""
    asks_application: bool = False
    """Whether the application's authenticators decide about the upgrade."""
    expires_at: float | None = None
    """Wall-clock seconds at which the connection ends whoever it is; None: never."""
    heartbeat: HeartbeatConfig | None = None
    """Of its endpoint; None: the gateway's."""
    passage: Passage = OPEN
    """What stands around its endpoint."""
    limits: Mapping[str, Limit] = NO_LIMITS
    """Of its endpoint's messages, by action."""
    _websocket: WebSocket | None = None
    _waiting: LoopFuture[Verdict] | None = None
    address_key: str = attrs.field(init=False)
    """Whose limits it shares; of `address`."""

    @address_key.default
    def _key_of_address(self) -> str:
        return key_of(self.address)

    @property
    def path(self) -> str:
        return self.handshake.path

    @property
    def has_session(self) -> bool:
        return self.session is not None

    def websocket(self, node: Node, ref: ActorRef[Any]) -> WebSocket:
        if self._websocket is None:
            self._websocket = WebSocket(node, ref, self.client, self.handshake, self.principal, self.passage)
        return self._websocket

    def tell_close(self, code: int, reason: str) -> None:
        """App code that holds the connection learns that it is closing: what was sent leaves, nothing is added."""
        if self._websocket is not None:
            self._websocket._leave(code, reason)

    def tell_end(self, code: int, reason: str) -> None:
        """App code that holds the connection learns that it is gone."""
        if self._websocket is not None:
            self._websocket._end(code, reason)

    def tell_principal(self, principal: Principal) -> None:
        if self._websocket is not None:
            self._websocket.principal = principal

    def decide(self, subprotocol: str | None) -> bool:
        """For the 101; whether it was not decided before."""
        if self.decided is None:
            self._settle(UPGRADED if subprotocol is None else Verdict(101, subprotocol=subprotocol))
        return self.is_accepted

    def refuse(self, status: int, text: str) -> None:
        """Against it, unless it was decided before."""
        if self.decided is None:
            self._settle(Verdict(status, text))

    @property
    def is_accepted(self) -> bool:
        return self.decided is not None and self.decided.status == 101

    @property
    def verdict(self) -> LoopFuture[Verdict]:
        """Settled once it is decided; most are before anybody waits, so that it is made when it is asked for."""
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = LoopFuture()
            if self.decided is not None:
                waiting.resolve(self.decided)
        return waiting

    def _settle(self, verdict: Verdict) -> None:
        self.decided = verdict
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.resolve(verdict)
