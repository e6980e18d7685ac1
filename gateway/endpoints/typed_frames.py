"""
What an endpoint with message handlers makes of a frame: the head says which handler, the handler's return is the reply.

A message that is returned goes out as it is. With a `ref` every frame has a reply that carries it, as on the native
wire; without one only what there is to say is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import wire_json
from ..messages.commands import Published
from ..messages.receipts import Receipt
from ..messages.schemas import Head, head_of
from ..protocols.json_shapes import refusal
from ..reasons import InvalidJSON, Refused
from .hooks import result

if TYPE_CHECKING:
    from ..messages.handlers import Handlers
    from .endpoint import WebSocketEndpoint
    from .websocket import Frame

PING, PONG = "ping", "pong"
"""Answered, and taken for a sign of life, unless the application handles them itself."""

MAX_SHOWN = 64
"""Characters of an action that are said back to who sent it."""


class TypedFrames:
    """
    One per endpoint class.

    Args:
        takes_rest: Whether `on_receive` gets what no handler is marked for; else that is answered with an error.
    """

    def __init__(self, handlers: Handlers, *, takes_rest: bool) -> None:
        self._calls = handlers.calls
        self.has_handlers = bool(handlers.calls)
        self.limits = handlers.limits
        self._takes_rest = takes_rest
        self.messages = handlers.messages

    async def take(self, endpoint: WebSocketEndpoint, frame: Frame) -> None:
        """Has it handled, and answers. Raises what the handler raises, but for Refused, which is an answer."""
        head = Head()
        try:
            head = head_of(frame.data)
        except Refused as error:
            if not self._takes_rest:
                await _refuse(endpoint, head, error)
                return
        try:
            await self._dispatch(endpoint, head, frame)
        except Refused as error:
            await _refuse(endpoint, head, error)

    async def _dispatch(self, endpoint: WebSocketEndpoint, head: Head, frame: Frame) -> None:
        if head.action in self._calls:
            argument = self._argument(head.action, frame.data)
            value = await result(self._calls[head.action](endpoint, endpoint.ws, argument))
            await self._reply(endpoint, head, value)
        elif head.action == PING:
            pong = {"action": PONG, "timestamp": endpoint.ws._node.wall()}
            await endpoint.ws.send_json(_addressed(head, pong))
        elif self._takes_rest:
            await result(endpoint._take(frame.data))
        elif PONG not in (head.action, head.type):
            raise self._unknown(head)

    def _argument(self, action: str, data: str | bytes) -> object:
        """The message; of an event without a class the frame's whole object. Raises Refused."""
        if action in self.messages:
            return self.messages.from_frame(action, data)
        try:
            return wire_json.decode(data)
        except InvalidJSON as error:
            raise Refused("bad_request", f"not understood: {error.msg}") from None

    def _unknown(self, head: Head) -> Refused:
        if not head.action:
            return Refused("bad_request", 'the frame has no "action"')
        return self.messages.unknown(head.action, PING, *self._calls)

    async def _reply(self, endpoint: WebSocketEndpoint, head: Head, value: Any) -> None:
        """Raises TypeError for what JSON cannot carry."""
        if isinstance(value, Receipt):
            await self._say(endpoint, head, _position(await value))
            return
        ready, action = self.messages.ready(value)
        if action is not None:
            await endpoint.ws.send_json(ready if head.ref is None else _addressed_message(head, ready))
        else:
            await self._say(endpoint, head, {} if value is None else {"payload": value})

    async def _say(self, endpoint: WebSocketEndpoint, head: Head, body: dict[str, Any]) -> None:
        """That it was handled, if anybody asks or there is a value."""
        if head.ref is not None or "payload" in body:
            await endpoint.ws.send_json(_addressed(head, {"status": "ok", "action": head.action, **body}))


async def _refuse(endpoint: WebSocketEndpoint, head: Head, error: Refused) -> None:
    body: dict[str, Any] = refusal(error)
    if head.action:
        body["action"] = head.action[:MAX_SHOWN]
    endpoint.ws._note_refusal(head.action[:MAX_SHOWN], error)
    await endpoint.ws.send_json(_addressed(head, body))


def _addressed(head: Head, body: dict[str, Any]) -> dict[str, Any]:
    return body if head.ref is None else {**body, "ref": head.ref}


def _addressed_message(head: Head, ready: Any) -> dict[str, Any]:
    """With both beside its fields; one that has fields of these names itself is the payload of the reply, whole."""
    fields = wire_json.decode(bytes(ready))
    if "ref" in fields or "status" in fields:
        fields = {"action": head.action, "payload": ready}
    return {"status": "ok", **fields, "ref": head.ref}


def _position(outcome: object) -> dict[str, Any]:
    position = outcome.position if isinstance(outcome, Published) else None
    return {} if position is None else {"offset": position.offset, "epoch": position.epoch}
