"""
What a read says that is exactly one frame, as most reads are: small messages come alone, and so do pongs and closes.

It has nothing to remember, so it needs no parser: three calls into C instead of a slice, a guard, and a reader that
calls back. 0.8 us instead of 1.7 for 100 bytes, without the calls around them (CPython 3.11, aiohttp 3.14, timeit).
What it leaves alone is the reader's, also to say what is wrong with it; a property test holds the two together.
"""

from __future__ import annotations

from typing import Final

from aiohttp import WSMsgType

from ...close_codes import is_sendable
from .aiohttp_names import WSMessage, mask

TEXT: Final = 0x81
BINARY: Final = 0x82
"""First byte of a message in one frame: FIN and the opcode, no reserved bit."""

CONTROLS: Final = {0x88: WSMsgType.CLOSE, 0x89: WSMsgType.PING, 0x8A: WSMsgType.PONG}
"""The same of those that are no message."""

HEAD: Final = 6
"""Bytes before the payload of a short frame: two, and the mask."""

SHORTEST: Final = HEAD + 1
"""Bytes of a masked frame with one byte in it."""

LONGEST_CONTROL: Final = HEAD + 125
"""RFC 6455 5.5."""


def whole_message(data: bytes, max_message_bytes: int) -> str | bytes | None:
    """
    The text or the bytes of one masked, unfragmented frame of 1 to 65,535 bytes; None for a read that is anything else.
    """
    size = len(data)
    if size < SHORTEST:
        return None
    first, second, begin = data[0], data[1], 6
    length = second - 0x80  # below zero without a mask
    if length > 125:
        if length == 127:  # 65,536 bytes or more, of which this is the beginning at most
            return None
        begin, length = 8, data[2] << 8 | data[3]
    if begin + length != size or length > max_message_bytes or (first != TEXT and first != BINARY):
        return None
    payload = bytearray(data[begin:])
    mask(data[begin - 4 : begin], payload)
    if first == BINARY:
        return bytes(payload)
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def whole_control(data: bytes) -> WSMessage | None:
    """One masked ping, pong or close frame that is in order, as the reader shows it; None for anything else."""
    size = len(data)
    if not HEAD <= size <= LONGEST_CONTROL or data[1] - 0x80 + HEAD != size:
        return None
    kind = CONTROLS.get(data[0])
    if kind is None:
        return None
    payload = bytearray(data[HEAD:])
    mask(data[HEAD - 4 : HEAD], payload)
    return WSMessage(kind, bytes(payload), "") if kind is not WSMsgType.CLOSE else _close(payload)


def _close(payload: bytearray) -> WSMessage | None:
    """Without a code it is 0, as with the reader; one byte is never a code that may be sent."""
    if not payload:
        return WSMessage(WSMsgType.CLOSE, 0, "")
    code = int.from_bytes(payload[:2], "big")
    try:
        reason = payload[2:].decode()
    except UnicodeDecodeError:
        return None
    return WSMessage(WSMsgType.CLOSE, code, reason) if is_sendable(code) else None
