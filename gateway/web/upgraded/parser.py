"""What reads the frames of a stream: aiohttp's compiled reader, and the guard that looks at them before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .aiohttp_names import WebSocketReader
from .frame_guard import FrameGuard

if TYPE_CHECKING:
    from .inbox import Inbox


class Parser:
    """
    The place in one stream, in the middle of a message; between two messages it remembers nothing of it.

    So the sockets of a loop share one for all that comes in whole, and a socket has its own from a read that ends in
    the middle of a message to the end of that. An idle socket has none: 0.5 KiB less.
    """

    __slots__ = ("guard", "reader")

    def __init__(self, inbox: Inbox, max_message_bytes: int) -> None:
        self.guard = FrameGuard()
        # it refuses messages of its limit and more, hence the one
        self.reader = WebSocketReader(inbox, max_message_bytes + 1, compress=False, decode_text=True)
