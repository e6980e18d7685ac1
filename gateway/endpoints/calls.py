"""
What an application answers to clients of a wire, outside any topic: who they are, and the methods they may call.

One child of a connection's machine, started when it is first needed; one thing at a time, in the order in which the
client asked. What a handler raises is answered `internal` and restarts this actor; three such failures in 30 s close
the connection, and nobody else notices.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, handles

from .. import wire_json
from ..access.authenticators import identify
from ..arity import signature_of
from ..messages.commands import Call, Handled
from ..messages.connection_messages import AskIdentity, Known
from ..messages.topic_messages import Answer
from ..reasons import InvalidJSON, InvalidToken, Refused, is_departure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..access.identity import Principal
    from ..node import Node
    from .websocket import WebSocket


@attrs.frozen
class Then:
    """What a call returns that has something to do once its answer is on its way: `return Then("bye", ws.close)`."""

    value: object
    act: Callable[[], object]


class CallSession(Actor):
    """One per connection whose client calls the application."""

    def __init__(self, ws: WebSocket, node: Node) -> None:
        super().__init__()
        self._ws = ws
        self._node = node
        self._wanting: dict[str, bool] = {}

    @handles(AskIdentity)
    async def find_identity(self, asked: AskIdentity) -> None:
        try:
            found = await self._identity(asked)
        except BaseException:
            self._tell(Known(asked.command, Refused("internal")))
            raise
        self._tell(Known(asked.command, found))

    async def _identity(self, asked: AskIdentity) -> Principal | Refused | InvalidToken | None:
        """Who it is, or why not; None: nobody knows it. Raises what is a failure of the application."""
        try:
            return await identify(self._node.authenticators, self._handshake(asked))
        except InvalidToken as error:
            return error
        except Refused as error:
            wire_json.check_refusal(error)
            return error

    def _handshake(self, asked: AskIdentity) -> Any:
        """What it came with; a first command adds its token and data."""
        handshake, command = self._ws._handshake, asked.command
        if command is None:
            return handshake
        token, now = command.token or handshake.token, self._node.wall()
        return attrs.evolve(handshake, token=token, data=command.data, at=now)

    @handles(Call)
    def call(self, call: Call) -> Any:
        handler = self._node.calls[call.method]
        options = {"topic": call.topic} if self._wants_topic(call.method, handler) else {}
        with self._answering(call):
            result = handler(self._ws, _argument(call), **options)
            if isinstance(result, CoroutineType):
                return self._finish(call, result)
            self._answer(call, result)
        return None

    def _wants_topic(self, method: str, handler: Callable[..., Any]) -> bool:
        """Looked up once for each method that this client calls: it takes longer than to call most of them."""
        wants = self._wanting.get(method)
        if wants is None:
            wants = self._wanting[method] = "topic" in signature_of(handler).parameters
        return wants

    async def _finish(self, call: Call, running: Any) -> None:
        with self._answering(call):
            self._answer(call, await running)

    @contextmanager
    def _answering(self, call: Call) -> Iterator[None]:
        """Whatever comes of it is answered. Raises what is a failure of the application."""
        try:
            try:
                yield
            except Refused as error:
                wire_json.check_refusal(error)
                self._tell(Answer(call.reply, error))
        except BaseException as error:
            self._tell(Answer(call.reply, Refused("internal")))
            if not self._has_gone(error):
                raise

    def _has_gone(self, error: BaseException) -> bool:
        """Whether it is no failure, for there is nobody to answer; another's socket that is gone is one."""
        return is_departure(error) and not self._ws.is_connected

    def _answer(self, call: Call, value: object) -> None:
        """Raises TypeError for what no wire can carry: a failure of the handler that returned it."""
        later = value.act if isinstance(value, Then) else None
        value = value.value if isinstance(value, Then) else value
        if not isinstance(value, bytes):
            if not wire_json.is_finite(value):
                raise TypeError("could not answer: the value holds NaN or Infinity, which JSON has not; return null")
            wire_json.encode(value, "answer")
        self._tell(Answer(call.reply, Handled(value)))
        if later is not None:
            later()

    def _tell(self, message: Answer | Known) -> None:
        if self._ws._ref.is_alive():
            self._ws._ref.tell(message)


def _argument(call: Call) -> object:
    """What a handler gets: decoded JSON, a text, or bytes. Raises Refused."""
    if call.kind == "binary":
        return call.payload
    if call.kind == "text":
        return call.payload.decode()
    try:
        return wire_json.decode(call.payload)
    except InvalidJSON as error:
        raise Refused("bad_request", f"not understood: {error.msg}") from None
