"""
The message of a read that is exactly one frame, as most reads are: small messages come alone.

It has nothing to remember, so it needs no parser: three calls into C instead of a slice, a guard, and a reader that
calls back. 0.8 us instead of 1.7 for 100 bytes, without the calls around them (CPython 3.11, aiohttp 3.14, timeit).
What it leaves alone is the reader's, also to say what is wrong with it; a property test holds the two together.
"""

from __future__ import annotations

from typing import Final

from gateway.web.aiohttp_names import mask

TEXT: Final = 0x81
BINARY: Final = 0x82
"""First byte of a message in one frame: FIN and the opcode, no reserved bit."""

SHORTEST: Final = 7
"""Bytes of a masked frame with one byte in it."""


def whole_message(data: bytes, max_message_bytes: int) -> str | bytes | None:
    """
    The text or the bytes of one masked, unfragmented frame of 1 to 65,535 bytes; None for a read that is anything else.
    """
    size = len(data)
    if size < SHORTEST:
        return None
    first, second, begin = data[0], data[1], 6
    length = second - 0x80  # below zero without a mask
    if length == 126:
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
