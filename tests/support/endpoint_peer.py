"""A raw client whose connection has app code: what it takes to start one, and to bring up its socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.endpoints.endpoint_session import session_of
from gateway.endpoints.function_session import FunctionSession
from gateway.endpoints.passage import OPEN
from gateway.protocols.raw import RawWire
from tests.support.peer import Peer, settle

if TYPE_CHECKING:
    from gateway.endpoints.passage import Passage
    from gateway.endpoints.websocket import WebSocket
    from gateway.node import Node


def endpoint_peer(node: Node, endpoint: Any, name: str = "ada", passage: Passage = OPEN) -> Peer:
    """A raw connection with app code; `opened` brings up its socket."""

    def start(machine: Any, ws: WebSocket) -> Any:
        if isinstance(endpoint, type):
            return machine.spawn_session(session_of(endpoint, passage), ws, endpoint, passage)
        return machine.spawn_session(FunctionSession, ws, endpoint, {}, passage)

    says_goodbye = isinstance(endpoint, type) or bool(passage.hooks.disconnected)
    return Peer(node, name, wire=RawWire(), session=start, says_goodbye=says_goodbye, passage=passage)


async def opened(peer: Peer) -> None:
    """The verdict is 101, and the socket is handed over."""
    await settle()
    assert peer.ticket.verdict.done()
    peer.open()
    await settle()
