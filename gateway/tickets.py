"""What an upgrade request brings, and the decision about it that app code may take its time for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from actors import LoopFuture

from .websocket import Handshake, WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorRef

    from .connection import ConnectionActor
    from .identity import Principal
    from .node import Node
    from .protocols.base import Wire


@attrs.frozen
class Verdict:
    """The answer to an upgrade request: 101 with a subprotocol, or a refusal with another status."""

    status: int
    text: str = ""
    subprotocol: str | None = None


@attrs.define(eq=False)
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
    verdict: LoopFuture[Verdict] = attrs.Factory(LoopFuture)
    was_opened: bool = False
    _websocket: WebSocket | None = None

    @property
    def path(self) -> str:
        return self.handshake.path

    @property
    def has_session(self) -> bool:
        return self.session is not None

    def websocket(self, node: Node, ref: ActorRef[Any]) -> WebSocket:
        if self._websocket is None:
            self._websocket = WebSocket(node, ref, self.client, self.handshake, self.principal)
        return self._websocket

    def decide(self, subprotocol: str | None) -> bool:
        """For the 101; whether it was not decided before."""
        self.was_opened = self.verdict.resolve(Verdict(101, subprotocol=subprotocol)) or self.was_opened
        return self.was_opened

    def refuse(self, status: int, text: str) -> None:
        """Against it, unless it was decided before."""
        self.verdict.resolve(Verdict(status, text))
