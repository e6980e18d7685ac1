"""
What aiohttp's `WebSocketReader` does not check, and how many frames a slice of bytes begins.

Theory of operation: walks from frame header to frame header over the same bytes the reader is fed afterwards, and never
looks at a payload. It knows three things the reader (3.14) does not tell or does not mind: a frame without a mask (it
accepts them, RFC 6455 5.1 says MUST close), a new message inside a fragmented one whose first fragments were empty, and
the number of frames, among them those that never become a message (empty continuations, pings).

What it refuses to know: opcodes, reserved bits, lengths, UTF-8. Those faults are the reader's.
"""

from __future__ import annotations

from typing import Final

UNMASKED: Final = "frame without a mask"
INTERRUPTED: Final = "new message inside a fragmented one"

LONGEST_HEADER: Final = 10
"""Bytes of a frame header up to its mask: 2, and 8 of an extended length."""


class FrameGuard:
    """
    The place in a stream of frames, in any chunking. `frames` counts the headers seen; `fault` says what ended it, if
    any.
    """

    __slots__ = ("_begun", "_in_message", "_skip", "fault", "frames")

    def __init__(self) -> None:
        self.frames = 0
        self.fault: str | None = None
        self._skip = 0  # bytes until the next header
        self._begun = b""  # a header that is not complete yet
        self._in_message = False

    @property
    def is_between_messages(self) -> bool:
        """Whether the last byte it has seen was the last one of a message, or of a control frame between two."""
        return not (self._skip or self._begun or self._in_message or self.fault is not None)

    def scan(self, data: bytes, start: int, end: int) -> int:
        """
        Looks at `data[start:end]`; returns how far it may be fed to the reader: `end`, or the place of the faulty
        frame.

        To be called with every byte of the stream once, in order. After a fault there is no next call.
        """
        if self._begun:
            return self._scan_begun(data, start, end)
        return self._scan(data, start + self._skip, end)

    def _scan_begun(self, data: bytes, start: int, end: int) -> int:
        """Completes the header the last read ended in: at most ten bytes are joined, never a payload."""
        before = len(self._begun)
        head = self._begun + data[start : min(end, start + LONGEST_HEADER)]
        self._begun = b""
        length = self._length(head, 0, len(head))
        if self.fault is not None:
            return start
        if length < 0:
            self._begun = head
            return end
        return self._scan(data, start + length - before, end)

    def _scan(self, data: bytes, at: int, end: int) -> int:
        while at < end:
            length = self._length(data, at, end)
            if length < 0:
                if self.fault is None:
                    self._begun = data[at:end]
                    self._skip = 0
                    return end
                return at
            at += length
        self._skip = at - end
        return end

    def _length(self, data: bytes, at: int, end: int) -> int:
        """Bytes of the whole frame at `at`; -1 if its header is not complete, or faulty."""
        have = end - at
        if have < 2:
            return -1
        first, second = data[at], data[at + 1]
        if second < 0x80:
            self.fault = UNMASKED
            return -1
        if self._in_message and first & 0x0F in (1, 2):
            self.fault = INTERRUPTED
            return -1
        length = second - 0x80
        size = 6
        if length > 125:
            size = 8 if length == 126 else 14
            if have < size - 4:
                return -1
            length = int.from_bytes(data[at + 2 : at + size - 4], "big")
        if not first & 0x08:  # control frames may stand between the fragments
            self._in_message = first < 0x80
        self.frames += 1
        return size + length
