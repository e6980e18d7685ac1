"""A back end that calls the methods of the HTTP API, in virtual time and without HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway import wire_json
from gateway.access.identity import Principal
from gateway.reasons import Refused
from gateway.web.api.methods import Methods
from tests.support.peer import Peer

if TYPE_CHECKING:
    from gateway.node import Node


class Asking:
    """What a back end has: a method, fields, and an answer."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._methods = Methods(node, "here")

    async def __call__(self, method: str, **fields: Any) -> Any:
        answer = await self._methods.call(method, json.dumps(fields).encode())
        return json.loads(wire_json.encode(answer))

    def peer(self, name: str, user: str = "") -> Peer:
        return Peer(self.node, name, principal=Principal(user))


async def code(awaitable: Any) -> int:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.code
