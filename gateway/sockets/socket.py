"""
What a connection may do with its WebSocket, and what the socket tells it: an interface, no more.

Rules of this file: no aiohttp, no loop, no bytes of a frame header. Everything here runs on the loop's thread, and
nothing waits.

Theory of operation: `gateway.web.upgraded.takeover` implements `Socket`; the inlet of a connection implements
`SocketListener`. They are introduced to one another by a `ListenerFactory`, called once, in the very step in which the
transport changes hands; so no message and no loss can fall between the two.

What it refuses to know: messages, topics, heartbeats, outboxes. A socket keeps nothing that was written to it beyond
the transport's own buffer; what waits for a slow reader waits in the connection's outbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs


@attrs.frozen
class SocketLimits:
    """The bounds of one socket; one object serves all sockets that share them."""

    max_message_bytes: int = 64 * 1024
    """
    Bytes of one message, all its fragments together; one more is answered with 1009. 64 KiB is a long chat message, and
    what one client may make the server hold.
    """

    close_timeout: float = 2.0
    """
    Seconds from the first close frame, whoever sent it, to the end of the transport. A peer that is alive answers
    within one round trip; 2 s is a bad mobile link, and short enough for a server that wants to stop.
    """

    write_high_bytes: int = 64 * 1024
    """
    Bytes in the transport at which the socket is congested: what one large message needs, asyncio's own default for
    TCP.
    """

    write_low_bytes: int = 16 * 1024
    """Bytes in the transport at which it is writable again; a quarter, so that it does not flap with every frame."""

    unsent_low_bytes: int = 32 * 1024
    """
    TCP_NOTSENT_LOWAT. Without it the kernel takes 3.9 MB from a server whose client reads nothing, with it 71 KB
    (measured).
    """


class Socket(Protocol):
    """
    One WebSocket after its 101, from the side of the server. Loop thread only; no method waits, none raises for a lost
    peer.
    """

    @property
    def is_open(self) -> bool:
        """Whether data can still be written: no close frame was sent or received, and the transport lives."""

    @property
    def is_congested(self) -> bool:
        """Whether the transport holds more than `write_high_bytes`; ends when it has fallen to `write_low_bytes`."""

    @property
    def unsent_bytes(self) -> int:
        """Bytes the transport holds and the kernel has not taken; 0 once the transport is closing."""

    @property
    def sent_close(self) -> tuple[int, str] | None:
        """
        Code and reason of the close frame this side sent, also where the socket itself found the fault (1002, 1007,
        1009, 1011); None if it sent none. An echo of the peer's frame counts as sent, with the peer's code.
        """

    def write(self, data: bytes) -> None:
        """
        Hands over what is already framed; several frames may be joined.

        Does nothing once `is_open` is false. While congested it still writes: whoever minds asks `is_congested` first.
        """

    def write_control(self, frame: bytes) -> None:
        """
        Writes a framed ping or pong, or drops it while congested: a ping behind a backlog measures the backlog. Whoever
        has to know asks `is_congested` first.
        """

    def pause_reading(self) -> None:
        """
        Stops what comes in, after the slice of at most 4 KiB that is being fed; the same as a `text_received` that
        says no.

        While paused nothing of the peer is noticed: no pong, no close frame, on most platforms not even its going.
        """

    def resume_reading(self) -> None:
        """
        Goes on, in a later turn of the loop: first with what was kept, then with the transport. Any number of times.
        """

    def close(self, code: int, reason: str = "") -> None:
        """
        Starts the closing handshake; what was written before leaves first. The second call does nothing.

        Waits at most `close_timeout` for the peer, then aborts. After it the listener hears nothing but `closed`.

        Args:
            code: 1000-1003, 1007-1014 or 3000-4999; 1005 sends a close frame without a status.
            reason: For people. Cut to the 123 bytes of UTF-8 that fit a control frame.

        Raises:
            ValueError: The code must not be sent (RFC 6455 7.4).
        """

    def abort(self) -> None:
        """Drops the connection and what it has not sent; `closed` follows in a later turn."""


class SocketListener(Protocol):
    """
    What a socket tells its connection, on the loop's thread, from inside the read.

    An exception that escapes one of these ends this socket with 1011 and goes to the loop's exception handler, once.
    """

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        """
        A whole text message, valid UTF-8. As str, because the check decodes it anyway and msgspec reads ASCII str in
        place.

        Args:
            is_alone: Whether its read brought nothing else; of several, the answers should leave together.

        Returns:
            Whether more may come in. False keeps the rest of the read, after a slice of at most 4 KiB, which can hold
            682 messages, and pauses the transport, until `Socket.resume_reading()`.
        """

    def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
        """A whole binary message; otherwise as `text_received`."""

    def pong_received(self, data: bytes) -> None:
        """An answer to a ping, or one nobody asked for; at most 125 bytes."""

    def congested(self) -> None:
        """The transport is full. Also told at once, if it was full when it was taken over."""

    def shut(self) -> None:
        """A close frame is out, or the transport gone: what is written from here on goes nowhere. At most once."""

    def writable(self) -> None:
        """The transport has room again; follows every `congested`, unless the socket closes before."""

    def closed(self, code: int, reason: str, clean: bool) -> None:
        """
        The transport is gone. Exactly once, and the last call ever.

        Args:
            code: As the peer's close frame had it; 1005 if it had none in it; 1006 if no close frame came.
            reason: The peer's, "" without one. What this side said is in `Socket.sent_close`.
            clean: Whether both close frames were exchanged.
        """


ListenerFactory = Callable[[Socket], SocketListener]
"""
Makes the listener of a socket that has just opened. It may write, and close; what comes in waits until it has returned.
"""
