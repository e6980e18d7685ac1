"""
A connection as app code sees it: accept, receive, send, close, rooms.

Acts happen at the call and return a receipt; only `receive*` are coroutines. `WebSocketDisconnect` is the one exception
of a socket that is gone, from receive and from send.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from . import wire_json
from .commands import Join, Leave, Publish, Reply
from .frames import binary_frame, text_frame
from .messages import Accept, Close, Refuse, Send, Taken
from .publications import DEFAULT_EVENT, clients, encode_payload
from .reasons import InvalidJSON, NotAccepted, WebSocketDisconnect, validate_close
from .receipts import Receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from actors import ActorRef

    from .identity import Principal
    from .node import Node


class ConnectionState(Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"


@attrs.frozen
class Address:
    """Where a client comes from; empty and 0 for a Unix socket."""

    host: str
    port: int


@attrs.frozen
class Handshake:
    """What the upgrade request said; no third party's object in it."""

    path: str
    path_params: Mapping[str, str] = MappingProxyType({})
    query_string: str = ""
    query_params: Mapping[str, str] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    """Case-insensitive."""
    client: Address = Address("", 0)
    subprotocols: tuple[str, ...] = ()


@attrs.frozen
class Frame:
    """One whole message of the client: `data` is a `str` for a text, bytes for a binary one."""

    data: str | bytes

    @property
    def type(self) -> str:
        """`text` or `binary`; or the `type` of a JSON object, which is how the oldest clients mark a pong."""
        if isinstance(self.data, bytes):
            return "binary"
        try:
            value = wire_json.decode(self.data)
        except InvalidJSON:
            return "text"
        kind = value.get("type") if isinstance(value, dict) else None
        return kind if isinstance(kind, str) else "text"

    def text(self) -> str:
        return self.data if isinstance(self.data, str) else self.data.decode()

    def bytes(self) -> bytes:
        return self.data if isinstance(self.data, bytes) else self.data.encode()

    def json(self) -> Any:
        """Raises InvalidJSON, which is a `json.JSONDecodeError`."""
        return wire_json.decode(self.data)


class WebSocket:
    """One connection. Made by the gateway; handed to endpoints."""

    def __init__(self, node: Node, ref: ActorRef[Any], client: str, handshake: Handshake, principal: Principal) -> None:
        self._node = node
        self._ref = ref
        self._frames: deque[Frame] = deque()  # bounded by the connection's credit: reading stops when it is spent
        self._waiter: asyncio.Future[None] | None = None
        self._gone: WebSocketDisconnect | None = None
        self._was_accepted = False
        self._has_said_goodbye = False
        self._handshake = handshake
        self.id = client
        self.principal = principal
        self.created = node.wall()
        """Wall-clock seconds since 1970 at the upgrade request."""
        self.state = ConnectionState.CONNECTING

    # --- what it is

    @property
    def path(self) -> str:
        return self._handshake.path

    @property
    def path_params(self) -> Mapping[str, str]:
        return self._handshake.path_params

    @property
    def query_params(self) -> Mapping[str, str]:
        return self._handshake.query_params

    @property
    def query_string(self) -> str:
        return self._handshake.query_string

    @property
    def headers(self) -> Mapping[str, str]:
        return self._handshake.headers

    @property
    def client(self) -> Address:
        return self._handshake.client

    @property
    def client_host(self) -> str:
        return self._handshake.client.host

    @property
    def is_connected(self) -> bool:
        return self.state is ConnectionState.CONNECTED

    # --- its life

    def accept(self, subprotocol: str | None = None) -> Receipt[None]:
        """Answers the upgrade with 101. Await it to know that the socket is open; a second accept does nothing."""
        receipt: Receipt[None] = Receipt("accept", self._node.receipt_lost)
        if self.state is not ConnectionState.CONNECTING:
            receipt.resolve(None)
        else:
            self.state, self._was_accepted = ConnectionState.CONNECTED, True
            self._tell(Accept(subprotocol, receipt), receipt)
        return receipt

    def refuse(self, status: int = 403, text: str = "") -> None:
        """Answers the upgrade with an HTTP status instead; only before `accept`."""
        if self.state is not ConnectionState.CONNECTING:
            raise RuntimeError(f"could not refuse with {status}: the upgrade was answered already; use close()")
        self.state = ConnectionState.DISCONNECTED
        self._tell(Refuse(status, text), None)

    def close(self, code: int = 1000, reason: str = "") -> Receipt[None]:
        """
        Starts the close; what was sent before leaves first. Idempotent, also on a socket that is gone.

        Before `accept`, a code from 4000 on upgrades and closes with it; any other refuses the upgrade with 403.
        """
        validate_close(code, reason)
        if self.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            self.state = ConnectionState.DISCONNECTING
            self._tell(Close(code=code, text=reason), None)
        return Receipt.of(None)

    # --- sending

    def send_text(self, text: str) -> Receipt[None]:
        return self._send(text_frame(text.encode()), "send_text")

    def send_bytes(self, data: bytes) -> Receipt[None]:
        return self._send(binary_frame(bytes(data)), "send_bytes")

    def send_json(self, value: object) -> Receipt[None]:
        """Raises TypeError for what JSON cannot carry, NaN and Infinity included."""
        if not wire_json.is_finite(value):
            raise TypeError("could not send as JSON: the value holds NaN or Infinity, which JSON has not; send null")
        return self._send(text_frame(wire_json.encode(value)), "send_json")

    def send(self, value: object) -> Receipt[None]:
        """A `str` as text, bytes as binary, anything else as JSON."""
        if isinstance(value, str):
            return self.send_text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.send_bytes(bytes(value))
        return self.send_json(value)

    def _send(self, frame: bytes, act: str) -> Receipt[None]:
        """
        Awaiting it waits while the outbox is above half, at most 10 s.

        Raises:
            NotAccepted: Before `accept`.
            WebSocketDisconnect: The socket is gone (from the receipt).
        """
        if self.state is ConnectionState.CONNECTING:
            raise NotAccepted(act)
        receipt: Receipt[None] = Receipt(act, self._node.receipt_lost)
        if self._gone is not None or self.state is not ConnectionState.CONNECTED:
            receipt.fail(self._gone or WebSocketDisconnect(1000, "closed by the application"))
        else:
            self._tell(Send(frame, receipt), receipt)
        return receipt

    # --- receiving

    async def receive(self, timeout: float | None = None) -> Frame:
        """
        The next message, in order.

        Cancellation: safe, as is a timeout: a frame that arrives meanwhile is taken by the next call.

        Raises:
            TimeoutError: None within `timeout` seconds.
            WebSocketDisconnect: The socket is gone and everything it sent was taken.
            NotAccepted: Before `accept`.
        """
        if self.state is ConnectionState.CONNECTING:
            raise NotAccepted("receive")
        async with asyncio.timeout(timeout):
            while not self._frames:
                if self._gone is not None:
                    raise self._gone
                await self._next()
        return self._take()

    async def receive_text(self, timeout: float | None = None) -> str:
        return (await self.receive(timeout)).text()

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        return (await self.receive(timeout)).bytes()

    async def receive_json(self, timeout: float | None = None) -> Any:
        """Raises InvalidJSON (a `json.JSONDecodeError`) for what is none; the connection stays."""
        return (await self.receive(timeout)).json()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Messages until the socket is gone; ends without an exception."""
        while True:
            try:
                frame = await self.receive()
            except WebSocketDisconnect:
                return
            yield frame

    # --- rooms and channels

    def join(self, topic: str, *, info: object = None, params: object = None) -> Receipt[Any]:
        """Joins a room by its whole name; awaiting gives the position, raises `Refused` if it may not."""
        encoded = None if info is None else wire_json.encode(info)
        return self._ask("join", lambda reply: Join(topic, reply, info=encoded, params=params), topic)

    def leave(self, topic: str) -> Receipt[Any]:
        return self._ask("leave", lambda reply: Leave(topic, reply), topic)

    subscribe = join
    unsubscribe = leave

    def publish(
        self, topic: str, payload: object, *, event: str = DEFAULT_EVENT, exclude: object = (), save: bool | None = None
    ) -> Receipt[Any]:
        """Publishes as this client would, with itself as the sender."""
        encoded, kind = encode_payload(payload)
        but = clients(exclude)
        return self._ask("publish", lambda reply: Publish(topic, reply, encoded, kind, event, but, save), topic)

    def _ask(self, act: str, command: Any, topic: str) -> Receipt[Any]:
        receipt: Receipt[Any] = Receipt(f"{act} {topic}", self._node.receipt_lost)
        self._tell(command(Reply(act, topic=topic, receipt=receipt)), receipt)
        return receipt

    def _tell(self, message: object, receipt: Receipt[Any] | None) -> None:
        if self._ref.is_alive():
            self._ref.tell(message)
        elif receipt is not None:
            receipt.fail(self._gone or WebSocketDisconnect(1006, "connection lost"))

    # --- what the machine does, on the loop's thread

    def _feed(self, data: str | bytes) -> None:
        self._frames.append(Frame(data))
        self._wake()

    def _end(self, code: int, reason: str) -> None:
        self.state = ConnectionState.DISCONNECTED
        self._gone = WebSocketDisconnect(code, reason)
        self._wake()

    def _has_frame(self) -> bool:
        return bool(self._frames)

    def _take(self) -> Frame:
        frame = self._frames.popleft()
        if self._ref.is_alive():
            self._ref.tell(Taken(len(frame.data)))
        return frame

    async def _next(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            waiter = self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.shield(waiter)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
