"""Between aiohttp's compiled reader and a socket: hands on each message as it is parsed, and keeps none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .aiohttp_names import WebSocketDataQueue, WebSocketReader, WSMessage

if TYPE_CHECKING:
    import asyncio

Receiver = Callable[[WSMessage], None]


class Inbox(WebSocketDataQueue):
    """
    Where readers put their messages: passes each on at once and keeps none, so one serves every socket of a loop.

    The queue it replaces counts bytes it believes unread and stalls its reader above a limit; this one never counts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(cast("Any", None), 0, loop=loop)
        self._receive: Receiver | None = None
        self.fault: BaseException | None = None

    def feed_data(self, data: Any, size: int) -> None:
        self._receive(data)  # type: ignore[misc]  # set for as long as a reader is fed

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        self.fault = exc

    def feed(self, receive: Receiver, reader: WebSocketReader, data: bytes) -> BaseException | None:
        """
        Has `reader` parse `data` for `receive`; returns what was wrong with it, after the messages before the fault.
        """
        self._receive = receive
        try:
            reader.feed_data(data)
        finally:
            self._receive = None
            fault, self.fault = self.fault, None
        return fault
