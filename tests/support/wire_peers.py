"""Clients of the other wires at the machine of their connection: as `Peer`, in their own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.phoenix import PhoenixWire
from tests.support.peer import Peer, settle

if TYPE_CHECKING:
    from gateway.node import Node


class Centrifuge(Peer):
    """A client of Centrifuge; commands are numbered."""

    def __init__(self, node: Node, name: str = "c") -> None:
        super().__init__(node, name, wire=CentrifugeWire())
        self._number = 0

    async def asks(self, **command: Any) -> list[Any]:
        """Sends one command, and returns what it was told until nothing moved any more."""
        self._number += 1
        self.socket.feed(json.dumps({"id": self._number, **command}))
        await settle()
        return self.heard()

    async def connects(self, **connect: Any) -> Any:
        (reply, *rest) = await self.asks(connect=connect)
        assert not rest, rest
        return reply["connect"]


class Phoenix(Peer):
    """A client of Phoenix."""

    def __init__(self, node: Node, name: str = "p") -> None:
        super().__init__(node, name, wire=PhoenixWire())

    async def pushes(self, *frames: list[Any]) -> list[Any]:
        """Sends frames at once, and returns what it was told until nothing moved any more."""
        self.socket.feed(*map(json.dumps, frames))
        await settle()
        return self.heard()
