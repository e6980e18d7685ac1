"""
The one place that reads and writes a WebSocket's transport, once aiohttp has answered 101 and let it go.

Rules of this file: everything runs in a callback of the transport or in a call from the listener; no task, no timer
while healthy, no closure per connection. A fault of the peer ends in a close frame, never in an exception. What the
listener raises ends this socket and no other.

Theory of operation: a read that is one whole frame is taken as such. Any other is fed to aiohttp's compiled
reader in slices of at most 4 KiB. When the listener wants no more for now, after 1,024 frames in one turn, or when all
sockets together have had their share of this turn, the rest of the read behind the slice is kept as it came, with the
place reached in it, and the transport is paused. A socket is
*open*, then *closing* (our close frame is out: messages are dropped, the peer's close frame is looked for), then
*ignoring* (nothing that comes in matters any more), then lost. One timer, armed when it stops being open, bounds all
that follows.

What it refuses to know: HTTP (`upgrade`), what a message means, who waits for room to write.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import WSMsgType

from ...close_codes import (
    INTERNAL_ERROR,
    LOST,
    MESSAGE_TOO_BIG,
    NO_STATUS,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    cut_reason,
    is_sendable,
    validate_close,
)
from ...limits.token_bucket import TokenBucket
from ...sockets.frames import close_frame, pong_frame
from ...sockets.socket import ListenerFactory, SocketListener
from .aiohttp_names import WebSocketError, WSMessage
from .nobody import NOBODY
from .whole_message import whole_control, whole_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from .parser import Parser
    from .socket_factory import SocketFactory

SLICE_BYTES: Final = 4096
"""
Bytes fed before the listener may stop it: at most 682 frames, 0.7 ms. A read can be 256 KiB: 43,000 frames, 41 ms.
"""

FRAMES_PER_TURN: Final = 1024
"""Frames of one socket in one turn of the loop: about 1 ms. Credit does not see frames that never become a message."""

PINGS_PER_SECOND: Final = 20.0
PING_BURST: Final = 200
"""Pings of one client: clients send one in 10 to 60 s. They take no token, as messages do, and each is answered."""

TEXT: Final = WSMsgType.TEXT
BINARY: Final = WSMsgType.BINARY
CLOSE: Final = WSMsgType.CLOSE
PING: Final = WSMsgType.PING
PONG: Final = WSMsgType.PONG


class TakenSocket(asyncio.Protocol):
    """A `gateway.sockets.socket.Socket` on a transport that was aiohttp's."""

    __slots__ = (
        "_at",
        "_factory",
        "_has_ended",
        "_held",
        "_ignoring",
        "_listener",
        "_parser",
        "_peer_close",
        "_pings",
        "_pongs",
        "_rest",
        "_timer",
        "_transport",
        "_turn_due",
        "is_congested",
        "is_open",
        "sent_close",
        "write",
    )

    write: Callable[[bytes], None]
    """The transport's own while the socket is open: the hot path of a broadcast saves a call for each member."""

    def __init__(self, transport: asyncio.Transport, factory: SocketFactory, *, congested: bool) -> None:
        self.is_open = True
        self.is_congested = congested
        self.sent_close: tuple[int, str] | None = None
        self.write = transport.write
        self._transport = transport
        self._factory = factory
        self._listener: SocketListener = NOBODY
        self._parser: Parser | None = None  # in the middle of a message
        self._rest: bytes = b""  # of a read, not yet fed from `_at` on
        self._at = 0
        self._held = False  # the listener has no credit
        self._turn_due = False
        self._has_ended = False  # the peer sends no more, and we have not come to that yet
        self._ignoring = False
        self._pings: TokenBucket | None = None
        self._pongs: list[bytes] | None = None
        self._peer_close: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self, listener_factory: ListenerFactory, tail: bytes) -> None:
        """Attaches the listener, then whatever came behind the upgrade request, in a later turn. Once, after `take`."""
        try:
            self._listener = listener_factory(self)
        except Exception as error:
            self._listener_failed(error)
            return
        if self.is_congested:
            self._tell(self._listener.congested)
        if not self._ignoring:
            self._keep(tail, 0)

    # -- what the connection asks ------------------------------------------------------------------------------------

    @property
    def unsent_bytes(self) -> int:
        if self._transport.is_closing():
            return 0
        return self._transport.get_write_buffer_size()

    def write_control(self, frame: bytes) -> None:
        if self.is_open and not self.is_congested:
            self._transport.write(frame)

    def pause_reading(self) -> None:
        if self.is_open:
            self._held = True
            self._settle_reading()

    def resume_reading(self) -> None:
        self._held = False
        self._go_on()

    def close(self, code: int, reason: str = "") -> None:
        if code != NO_STATUS:
            validate_close(code, cut_reason(reason))
        if not self.is_open:
            return
        self._send_close(code, reason)
        self._held = False
        self._go_on()

    def abort(self) -> None:
        self._shut()
        self._ignore_input()
        self._transport.abort()

    # -- what the transport tells ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._ignoring:
            return
        if self._rest or self._held:  # TLS may have more in hand after pause_reading()
            self._keep(self._rest[self._at :] + data, 0)
            return
        if self._parser is None:
            message = whole_message(data, self._factory.limits.max_message_bytes)
            if message is not None:
                if self.is_open:
                    self._hear(message, True)
                return
            control = whole_control(data)
            if control is not None and (control[0] is PONG or self._factory.share.has_time()):
                self.receive(control)
                self._flush_pongs()
                return
        if self._factory.share.has_time():
            self._feed(data, 0)
        else:
            self._keep(data, 0)

    def eof_received(self) -> bool:
        """
        The peer will not send any more. The transport is closed then: a WebSocket is not used in one direction.

        Returns:
            Whether that waits for its turn. TLS does not let it, and tells it though it was paused: then as much of
            what was read before has its turn now as any has at once, for mostly that ends with a close frame.
        """
        if self._factory.share.has_time() or not self._transport.can_write_eof():
            self._feed_rest()
            self._end()
            return False
        self._has_ended = True
        self._stand_in_line()
        return True

    def pause_writing(self) -> None:
        self.is_congested = True
        if self.is_open:
            self._tell(self._listener.congested)

    def resume_writing(self) -> None:
        self.is_congested = False
        if self.is_open:
            self._flush_pongs()
            self._tell(self._listener.writable)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shut()
        self._ignore_input()
        self._has_ended = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        listener, self._listener = self._listener, NOBODY
        code, reason = self._peer_close or (LOST, "")
        try:
            listener.closed(code, reason, self._peer_close is not None and self.sent_close is not None)
        except Exception as error:
            self._report(error)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _hear(self, message: str | bytes, is_alone: bool) -> None:
        """The hot path: one message, while the socket is open."""
        listener = self._listener
        try:
            if type(message) is str:  # one expression would make a method each time
                wants_more = listener.text_received(message, is_alone)
            else:
                wants_more = listener.bytes_received(message, is_alone)  # type: ignore[arg-type]  # quicker than to ask
        except Exception as error:
            self._listener_failed(error)
            return
        if not wants_more:
            self.pause_reading()

    def _feed(self, data: bytes, at: int) -> None:
        """
        Feeds `data` from `at` on, slice by slice, as far as credit and this turn's shares of frames and time go; keeps
        the rest.
        """
        share, parser = self._factory.share, self._parser or self._factory.parser
        guard, last_frame = parser.guard, parser.guard.frames + FRAMES_PER_TURN
        end = len(data)
        while at < end and not self._ignoring:
            stop = min(at + SLICE_BYTES, end)
            self._feed_slice(parser, data, at, stop)
            at = stop
            if self._held or guard.frames >= last_frame or (at < end and not share.has_time()):
                break
        if not guard.is_between_messages:
            self._take(parser)
        elif self._parser is not None:
            self._parser = None
        if at < end or self._held:
            self._keep(data, at)

    def _take(self, parser: Parser) -> None:
        """In the middle of a message, and after a fault, a parser is of no use to others."""
        if parser is self._factory.parser:
            self._factory.renew_parser()
        self._parser = None if self._ignoring else parser

    def _feed_slice(self, parser: Parser, data: bytes, at: int, stop: int) -> None:
        guard = parser.guard
        safe = guard.scan(data, at, stop)
        fault = self._factory.inbox.feed(self.receive, parser.reader, data if safe - at == len(data) else data[at:safe])
        if self._pongs is not None:
            self._flush_pongs()
        if fault is not None:
            guard.fault = guard.fault or str(fault)
            self._fail_for(fault)
        elif guard.fault is not None:
            self._fail(PROTOCOL_ERROR, guard.fault)

    def _keep(self, data: bytes, at: int) -> None:
        """Remembers the place reached in a read; what was fed is let go only with the whole, so nothing is copied."""
        if self._ignoring:
            return
        self._rest, self._at = (data, at) if at < len(data) else (b"", 0)
        self._go_on()

    def _go_on(self) -> None:
        """
        Sees to it that a rest is fed in a later turn, if it may be, and that the transport reads if nothing is kept.
        """
        if self._ignoring:
            return
        if self._rest and not self._held:
            self._stand_in_line()
        self._settle_reading()

    def _stand_in_line(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._factory.share.wait(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_due = False
        self._feed_rest()
        if self._has_ended:
            self._end()

    def _feed_rest(self) -> None:
        if self._rest and not self._held:
            data, at = self._rest, self._at
            self._rest, self._at = b"", 0
            self._feed(data, at)
            self._settle_reading()

    def _settle_reading(self) -> None:
        transport = self._transport
        if self._has_ended or transport.is_closing():
            return
        wanted = not (self._held or self._rest)
        if wanted is not transport.is_reading():
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def receive(self, message: WSMessage) -> None:
        """One message or control frame, mostly from inside the reader; nothing may escape but what ends the process."""
        kind = message[0]
        if self._ignoring:
            return
        if kind is CLOSE:
            self._close_received(message[1] or NO_STATUS, message[2] or "")
        elif not self.is_open:
            return
        elif kind is TEXT or kind is BINARY:
            self._hear(message[1], False)
        elif kind is PING:
            self._ping_received(bytes(message[1]))
        else:
            self._tell(self._listener.pong_received, bytes(message[1]))

    def _ping_received(self, data: bytes) -> None:
        """Answers leave joined at the end of the slice; a congested peer gets the newest only (RFC 6455 5.5.3)."""
        if self._pings is None:
            self._pings = TokenBucket(PINGS_PER_SECOND, PING_BURST)
        if self._pings.take(self._factory.loop.time()) > 0.0:
            self._fail(POLICY_VIOLATION, "too many pings")
            return
        pong = pong_frame(data)
        if self._pongs is None or self.is_congested:
            self._pongs = [pong]
        else:
            self._pongs.append(pong)

    def _flush_pongs(self) -> None:
        if self._pongs is None:
            return
        if self.is_congested:
            del self._pongs[:-1]
            return
        pongs, self._pongs = self._pongs, None
        if self.is_open:
            self._transport.write(b"".join(pongs))

    # -- ending ------------------------------------------------------------------------------------------------------

    def _close_received(self, code: int, reason: str) -> None:
        if not is_sendable(code) and code != NO_STATUS:
            self._fail(PROTOCOL_ERROR, f"close code {code} must not be sent")
            return
        self._peer_close = (code, reason)
        if self.is_open:
            self._send_close(code, "")
        self._end()

    def _send_close(self, code: int, reason: str) -> None:
        """Our close frame, behind everything that was written; from here on the timer runs."""
        self._flush_pongs()
        self._shut()
        reason = cut_reason(reason)
        self.sent_close = (code, reason)
        self._transport.write(close_frame() if code == NO_STATUS else close_frame(code, reason))
        self._arm()

    def _shut(self) -> None:
        """Nothing is written any more; who writes without asking hears it at once."""
        if self.is_open:
            self.is_open, self.write = False, _ignore
            self._tell(self._listener.shut)

    def _end(self) -> None:
        """
        Lets the transport flush and close; bounded by the timer, for a peer that does not read never lets it flush.
        """
        self._shut()
        self._ignore_input()
        self._arm()
        if not self._transport.is_closing():
            self._transport.close()

    def _fail_for(self, fault: BaseException) -> None:
        if isinstance(fault, WebSocketError):
            code = int(fault.code)
            self._fail(code, "message too big" if code == MESSAGE_TOO_BIG else str(fault))  # its limit is ours and one
        else:
            self._listener_failed(fault)

    def _fail(self, code: int, reason: str) -> None:
        """
        Fails the connection (RFC 6455 7.1.7): says why, then reads on into nothing until the peer has gone.

        Closing at once would answer the bytes still under way with a reset, and a reset takes our close frame along.
        """
        if self._ignoring:
            return
        if self.is_open:
            self._send_close(code, reason)
        self._ignore_input()
        self._settle_reading()
        try:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            elif not self._transport.is_closing():
                self._transport.close()  # TLS: sends close_notify, and reads on by itself
        except OSError:
            self._transport.abort()

    def _ignore_input(self) -> None:
        """Drops the parser and what it has not seen; no byte that comes in matters after this."""
        self._ignoring = True
        self._held = False
        self._parser = self._pongs = None
        self._rest, self._at = b"", 0

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._factory.loop.call_later(self._factory.limits.close_timeout, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self.abort()

    # -- the listener ------------------------------------------------------------------------------------------------

    def _tell(self, tell: Callable[..., None], *data: object) -> None:
        try:
            tell(*data)
        except Exception as error:
            self._listener_failed(error)

    def _listener_failed(self, error: BaseException) -> None:
        self._report(error)
        self._fail(INTERNAL_ERROR, "internal error")

    def _report(self, error: BaseException) -> None:
        context = {
            "message": "could not tell a connection what its socket received: the listener failed; closing with 1011",
            "exception": error,
            "protocol": self,
            "transport": self._transport,
        }
        self._factory.loop.call_exception_handler(context)


def _ignore(data: bytes) -> None:
    """What is written after the end is not."""
