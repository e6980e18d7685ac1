"""
What app code says to the client of one connection: each send happens at the call, and its receipt says what came of it.

The first of a turn leaves at once, mostly; what is sent behind it is joined by the machine. On a socket that is gone
every receipt fails with `WebSocketDisconnect`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from actors import by_shortcut

from .. import wire_json
from ..events import CommandRefused
from ..messages.connection_messages import Send
from ..messages.receipts import Receipt
from ..protocols.json_shapes import refusal
from ..reasons import NotAccepted, Refused, WebSocketDisconnect
from .parting import PacedReceipt, again
from .topic_client import TopicClient

if TYPE_CHECKING:
    from actors import ActorRef

    from ..messages.publications import Kind
    from ..node import Node

SENT: Receipt[None] = Receipt.of(None)
"""Of everything that has left already: there is nothing about it that could still change."""

BEFORE = -1
"""The number of no turn."""

NORMALLY = (1000, "")
"""Code and words of a close that nobody has given others."""


class ConnectionState(Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"


CONNECTED = ConnectionState.CONNECTED
"""For the hot path: an attribute of an enum costs as much as two calls (CPython 3.11)."""


class Speaker(TopicClient):
    """Base of `WebSocket`."""

    id: str

    def __init__(self, node: Node, ref: ActorRef[Any]) -> None:
        super().__init__(node, ref)
        self.state = ConnectionState.CONNECTING
        self._leaving = NORMALLY
        """Code and words of the close, for who sends behind it and before the socket is gone."""
        self._sent_in = BEFORE
        """The turn in which something has left at once."""

    def send_text(self, text: str) -> Receipt[None]:
        """Raises TypeError for what is no text."""
        try:
            payload = text.encode()
        except AttributeError:
            raise _no_payload("send_text", text) from None
        return self._send(payload, "text", "send_text")

    def send_bytes(self, data: bytes) -> Receipt[None]:
        """Raises TypeError for what is neither bytes nor a view of some."""
        return self._send(data if type(data) is bytes else _as_bytes(data), "binary", "send_bytes")

    def send_json(self, value: object) -> Receipt[None]:
        """Raises TypeError for what JSON cannot carry, NaN and Infinity included."""
        if not wire_json.is_finite(value):
            raise TypeError("could not send as JSON: the value holds NaN or Infinity, which JSON has not; send null")
        return self._send(wire_json.encode(value, "send as JSON"), "json", "send_json")

    def send_error(self, error: Refused) -> Receipt[None]:
        """The answer to a message that was refused, as the native wire says it; `Refused` in a handler does this."""
        self._note_refusal("", error)
        return self.send_json(refusal(error))

    def _note_refusal(self, action: str, error: Refused) -> None:
        self._node.events.publish(CommandRefused(self.id, action, error.reason))

    def send(self, value: object) -> Receipt[None]:
        """A `str` as text, bytes as binary, anything else as JSON."""
        if isinstance(value, str):
            return self.send_text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.send_bytes(bytes(value))
        return self.send_json(value)

    def _send(self, payload: bytes, kind: Kind, act: str) -> Receipt[None]:
        """
        Awaiting it waits while the outbox is above half, at most 10 s.

        Raises:
            NotAccepted: Before `accept`.
            WebSocketDisconnect: The socket is gone (from the receipt).
        """
        state = self.state
        if state is CONNECTED:
            turn = self._node.dispatcher.turns
            if self._sent_in != turn and self._leaves_at_once(payload, kind):
                self._sent_in = turn
                return SENT
        elif state is ConnectionState.CONNECTING:
            raise NotAccepted(act)
        if state is CONNECTED:
            receipt = self._receipt(act)
            self._tell(Send(payload, kind, receipt), receipt)
            return receipt
        late: Receipt[None] = PacedReceipt(act, self._node.receipt_lost, self._parted())
        late.fail(again(self._gone or WebSocketDisconnect(*self._leaving)))
        return late

    def _leaves_at_once(self, payload: bytes, kind: Kind) -> bool:
        """The first of a turn does, mostly; what is sent behind it is joined, for one write costs more than a turn."""
        ref = self._ref
        machine = ref._actor
        try:
            return machine is not None and by_shortcut(ref, machine.wire.message(payload, kind))
        except Refused:  # the wire does not carry that; the machine says so, when it is told
            return False

    def _has_waited(self) -> None:
        """What app code sends now is the first of a turn, though no actor may have had one since."""
        self._sent_in = BEFORE


def _as_bytes(data: object) -> bytes:
    """Raises TypeError for what has none: of a number `bytes` would make so many zeros."""
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        raise _no_payload("send_bytes", data) from None


def _no_payload(act: str, value: object) -> TypeError:
    words = "send_text takes a str, send_bytes takes bytes, and send_json whatever else JSON can carry"
    return TypeError(f"could not {act} a value of type {type(value).__name__}: {words}")
