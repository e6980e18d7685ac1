"""A socket without a network: keeps what was written, and can be congested, closed, and cut like a real one."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from gateway.close_codes import validate_close

if TYPE_CHECKING:
    from gateway.sockets.socket import SocketListener


class FakeSocket:
    """
    Implements `gateway.sockets.socket.Socket`; what was written is decoded by the websockets library, not by ours.

    Reading follows the contract: after each message the listener says whether it wants more, and if not the rest waits
    for `resume_reading`.

    Args:
        room: Bytes that may be written until it is congested; None: it never is, unless `stall` is called.
        answers_close: Whether the peer answers a close frame, at once.
    """

    def __init__(self, *, room: int | None = None, answers_close: bool = True) -> None:
        self.listener: SocketListener | None = None
        self.is_open = True
        self.is_congested = False
        self.sent_close: tuple[int, str] | None = None
        self.unsent_bytes = 0
        """Of the transport; the test says how many."""
        self.pings_at: list[int] = []
        """Of each ping, how many data frames came before it."""
        self.writes = 0
        self.writes_while_congested = 0
        self.is_reading = True
        self.room = room
        self._answers_close = answers_close
        self._has_closed = False
        self._reader = StreamReader()
        self._inbound: deque[str | bytes] = deque()
        self.frames: list[Frame] = []
        """Data frames, oldest first."""

    # --- what a connection calls

    def write(self, data: bytes) -> None:
        if not self.is_open:
            return
        self.writes += 1
        self.writes_while_congested += self.is_congested
        self._reader.feed_data(data)
        self._parse()
        if self.room is not None:
            self.room -= len(data)
            if self.room < 0:
                self.stall()

    def write_control(self, frame: bytes) -> None:
        if self.is_open and not self.is_congested:
            self._reader.feed_data(frame)
            self._parse()

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True
        asyncio.get_running_loop().call_soon(self._pump)

    def close(self, code: int, reason: str = "") -> None:
        if not self.is_open:
            return
        validate_close(code, reason)
        self.sent_close = (code, reason)
        self._shut()
        if self._answers_close:
            asyncio.get_running_loop().call_soon(self.end, code, reason, True)

    def abort(self) -> None:
        self._shut()
        asyncio.get_running_loop().call_soon(self.end, 1006, "", False)

    # --- what the peer and the network do

    def feed(self, *messages: str | bytes) -> None:
        """The peer sends whole messages, which come in one read."""
        self._inbound.extend(messages)
        self._pump()

    @property
    def unread(self) -> int:
        """Messages of the peer that nobody has read."""
        return len(self._inbound)

    def pong(self) -> None:
        if self.is_reading and self.listener is not None:
            self.listener.pong_received(b"")

    def stall(self) -> None:
        """The peer stops reading: the transport is full."""
        if not self.is_congested:
            self.is_congested = True
            if self.listener is not None:
                self.listener.congested()

    def flow(self, room: int | None = None) -> None:
        """The peer reads again, as many bytes as there is room."""
        self.room, self.is_congested = room, False
        if self.listener is not None and not self._has_closed:
            self.listener.writable()

    def end(self, code: int = 1006, reason: str = "", clean: bool = False) -> None:
        """The transport is gone; the first call counts."""
        self._shut()
        if not self._has_closed and self.listener is not None:
            self._has_closed = True
            self.listener.closed(code, reason, clean)

    def _shut(self) -> None:
        if self.is_open:
            self.is_open = False
            if self.listener is not None:
                self.listener.shut()

    # --- what arrived

    @property
    def pings(self) -> int:
        return len(self.pings_at)

    def texts(self) -> list[str]:
        """Every text message so far."""
        return [bytes(frame.data).decode() for frame in self.frames if frame.opcode is Opcode.TEXT]

    def objects(self) -> list[Any]:
        """Every text message so far, as JSON."""
        return [json.loads(text) for text in self.texts()]

    def _pump(self) -> None:
        listener = self.listener
        is_alone = len(self._inbound) == 1
        while self._inbound and self.is_reading and self.is_open and listener is not None:
            message = self._inbound.popleft()
            tell = listener.text_received if isinstance(message, str) else listener.bytes_received
            if not tell(message, is_alone):  # type: ignore[arg-type]  # each gets its own
                self.is_reading = False

    def _parse(self) -> None:
        while self._reader.buffer:
            parser = Frame.parse(self._reader.read_exact, mask=False)
            try:
                next(parser)
            except StopIteration as parsed:
                self._keep(parsed.value)
            else:
                raise AssertionError(f"half a frame was written: {bytes(self._reader.buffer)!r}")

    def _keep(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            self.pings_at.append(len(self.frames))
        else:
            self.frames.append(frame)
