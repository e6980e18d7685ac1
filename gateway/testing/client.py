"""
A client of a test: a real WebSocket on loopback, with what tests do to it.

Theory of operation. One task reads the socket and keeps what comes, up to `MAX_KEPT` messages; then it stops reading,
as a slow client does. Each wait of a test lasts `PATIENCE` seconds of the machine's time, whatever the clock is moved.

It answers no pings unless it is told to: time that a test moves on is silence. A client that shall live through a
minute is connected with `answers_pings=True`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, overload

import aiohttp
from aiohttp import WSMsgType

from .. import wire_json
from .closed import Closed
from .conversation import shown
from .facts import PATIENCE
from .words import event_of, is_unasked, payload_of, read_as, refusal, written

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from actors.testkit.movable_time import MovableTimeLoop

    from .conversation import Conversation
    from .facts import Facts

T = TypeVar("T")

MAX_KEPT = 10_000
"""Messages that wait to be received; more than any test expects at once."""

NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)
"""Its own would be over as soon as a test moves the clock."""

ID_HEADER = "Hubbub-Connection"


class NotConnected(ConnectionError):
    """The gateway did not upgrade: `status` is HTTP's, `text` what it said."""

    def __init__(self, path: str, status: int, text: str) -> None:
        super().__init__(f"could not connect to {path}: {status}, {text or 'without a word'}")
        self.status = status
        self.text = text


class NotReceived(AssertionError):
    """What a test waited for did not come, or something else did."""


class Client:
    """One connection; made by `server.connect`."""

    def __init__(
        self,
        name: str,
        loop: MovableTimeLoop,
        facts: Facts,
        conversation: Conversation,
        *,
        answers_pings: bool = False,
    ) -> None:
        self.name = name
        self.id = ""
        """As the gateway calls this connection."""
        self.subprotocol: str | None = None
        self.answers_pings = answers_pings
        """May be changed at any time: a client whose cable is cut is one that stops answering."""
        self._loop = loop
        self._facts = facts
        self._conversation = conversation
        self._session = aiohttp.ClientSession(timeout=NO_TIMEOUT, trace_configs=[self._trace()])
        self._answer: aiohttp.ClientResponse | None = None
        self._socket: aiohttp.ClientWebSocketResponse[Any]
        self._reading: asyncio.Task[None] | None = None
        self._kept: deque[str | bytes] = deque()
        self._news: asyncio.Future[None] = loop.create_future()
        self._room: asyncio.Future[None] | None = None
        self._is_over = self._is_native = False
        self._refusal = ""
        self._ref = 0

    async def open(self, url: str, path: str, headers: Mapping[str, str], subprotocols: tuple[str, ...]) -> None:
        """Raises NotConnected."""
        connecting = self._session.ws_connect(
            url + path, headers=headers, protocols=subprotocols, autoping=False, compress=0, max_msg_size=0
        )
        try:
            self._socket = await self._in_time(connecting, f"an answer at {path}")
        except aiohttp.WSServerHandshakeError as error:
            self._is_over = True
            self._conversation.note(self.name, "x", f"{path} refused: {error.status} {self._refusal}".rstrip())
            raise NotConnected(path, error.status, self._refusal) from None
        self.subprotocol = self._socket.protocol
        self._is_native = path == "/ws" or path.startswith("/ws/")
        self._conversation.note(self.name, "+", path)
        self._reading = asyncio.ensure_future(self._read())

    def _trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        return trace

    async def _answered(self, _: object, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        """The one place where aiohttp shows the answer to an upgrade; a refusal is not read later."""
        self._answer = end.response
        self.id = end.response.headers.get(ID_HEADER, "")
        if end.response.status != 101:
            self._refusal = (await end.response.text()).strip()

    # --- sending

    async def send(self, value: object) -> None:
        """
        A message with its action, any other value as JSON, a `str` as it is, bytes as a binary frame.

        Raises:
            ConnectionError: The connection is over.
        """
        data = written(value)
        letter = f"could not send {shown(data)}: {self.name} is not connected any more"
        if self._is_over:
            raise ConnectionError(letter)
        self._conversation.note(self.name, ">", data)
        sending = self._socket.send_str(data) if isinstance(data, str) else self._socket.send_bytes(data)
        try:
            await self._in_time(sending, f"room to send {shown(data)}")
        except ConnectionError:  # it ends, and that has not been read yet
            raise ConnectionError(letter) from None

    # --- receiving

    @overload
    async def receive(self, kind: None = None, *, timeout: float = PATIENCE) -> str | bytes: ...
    @overload
    async def receive(self, kind: type[T], *, timeout: float = PATIENCE) -> T: ...
    async def receive(self, kind: Any = None, *, timeout: float = PATIENCE) -> Any:
        """
        The next message, in order; with a class, that message, be it a whole frame or the payload of an event.

        With a class, what the wire at `/ws` says unasked (`expiring`: that it wants a newer token) is passed over.

        Raises:
            NotReceived: None came within `timeout` seconds, the connection is over, or the next is of another kind.
        """
        __tracebackhide__ = True  # the line of the test says more
        wanted = "message" if kind is None else kind.__name__
        data = await self._take(wanted, timeout)
        while kind is not None and self._is_native and is_unasked(kind, data):
            data = await self._take(wanted, timeout)
        if kind is None:
            return data
        try:
            return read_as(kind, data)
        except ValueError as error:
            raise NotReceived(f"{self.name} received no {wanted} but {shown(data)}: {error}") from None

    async def receive_json(self, *, timeout: float = PATIENCE) -> Any:
        """The next message, decoded. Raises NotReceived, and InvalidJSON for what is none."""
        __tracebackhide__ = True
        return wire_json.decode(await self._take("JSON", timeout))

    # --- the end

    async def closed(self, *, timeout: float = PATIENCE) -> Closed:
        """
        How the connection ended; waits for that. What came before it can still be received.

        Raises:
            NotReceived: It is still open after `timeout` seconds.
        """
        __tracebackhide__ = True
        assert self._reading is not None
        if not await self._loop.finishes(self._reading, timeout):
            raise NotReceived(f"{self.name} is still connected after {timeout:g} s")
        return Closed.of(await self._facts.of_closed(self.id, timeout))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye, and waits for the server's answer."""
        if self._is_over:
            return
        self._conversation.note(self.name, "x", f"{code} {reason}".rstrip())
        self._is_over = True
        await self._in_time(self._socket.close(code=code, message=reason.encode()), "an answer to its close")

    async def cut(self) -> None:
        """Drops the TCP connection without a word."""
        if not self._is_over:
            self._conversation.note(self.name, "x", "cut")
            self._is_over = True
        if self._answer is not None:
            self._answer.close()  # the socket's own `close` sends a frame
        await self._session.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    # --- the native wire

    async def join(self, room: str, **options: Any) -> dict[str, Any]:
        """Joins a room; the reply. Raises Refused as the gateway did, and NotReceived without an answer."""
        __tracebackhide__ = True
        return await self.ask("join_room", room=room, **options)

    async def leave(self, room: str) -> dict[str, Any]:
        __tracebackhide__ = True
        return await self.ask("leave_room", room=room)

    async def publish(self, room: str, payload: object, event: str | None = None, **options: Any) -> dict[str, Any]:
        """Publishes to a room; a message under its action. Raises as `join`."""
        __tracebackhide__ = True
        raw = wire_json.Raw(payload_of(payload))
        return await self.ask("publish", room=room, event=event or event_of(payload), payload=raw, **options)

    async def events(self, count: int = 1) -> list[dict[str, Any]]:
        """The next events of rooms; what comes between them is dropped. Raises NotReceived."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame = await self.receive_json()
            if frame.get("action") == "event":
                found.append(frame)
        return found

    async def ask(self, action: str, **keys: Any) -> dict[str, Any]:
        """Sends a command; its reply. What comes before that can still be received. Raises as `join`."""
        __tracebackhide__ = True
        self._ref += 1
        await self.send({"action": action, **keys, "ref": self._ref})
        before: list[str | bytes] = []
        try:
            while True:
                data = await self._take(f"reply to {action}", PATIENCE)
                reply = _json_of(data)
                if isinstance(reply, dict) and reply.get("ref") == self._ref:
                    break
                before.append(data)
        finally:
            self._kept.extendleft(reversed(before))
        refused = refusal(reply)
        if refused is not None:
            raise refused
        return reply

    # --- the socket

    async def _read(self) -> None:
        while True:
            got = await self._socket.receive()
            if got.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._keep(got.data)
            elif got.type is WSMsgType.PING:
                if self.answers_pings:
                    await self._socket.pong(got.data)
            elif got.type is not WSMsgType.PONG:
                break
        if not self._is_over:
            self._conversation.note(self.name, "x", f"{self._socket.close_code} {got.extra or ''}".rstrip())
        self._is_over = True
        self._wake()

    async def _keep(self, data: str | bytes) -> None:
        self._conversation.note(self.name, "<", data)
        self._kept.append(data)
        self._wake()
        if len(self._kept) >= MAX_KEPT:
            self._room = self._loop.create_future()
            await self._room

    def _wake(self) -> None:
        news, self._news = self._news, self._loop.create_future()
        news.set_result(None)

    async def _take(self, wanted: str, timeout: float) -> str | bytes:
        __tracebackhide__ = True
        while not self._kept:
            if self._is_over:
                raise NotReceived(f"{self.name} received no {wanted}: it is not connected any more")
            if not await self._loop.finishes(self._news, timeout):
                raise NotReceived(f"{self.name} received no {wanted} within {timeout:g} s, nor anything else")
        data = self._kept.popleft()
        if self._room is not None and not self._room.done() and len(self._kept) <= MAX_KEPT // 2:
            self._room.set_result(None)
        return data

    async def _in_time(self, doing: Coroutine[Any, Any, T], what: str) -> T:
        task = asyncio.ensure_future(doing)
        try:
            if await self._loop.finishes(task, PATIENCE):
                return task.result()
        finally:
            task.cancel()
        raise NotReceived(f"{self.name} had not {what} within {PATIENCE:g} s")


def _json_of(data: str | bytes) -> Any:
    try:
        return wire_json.decode(data)
    except ValueError:
        return None
