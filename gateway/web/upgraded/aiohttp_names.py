"""
The private names of aiohttp that the taking over of a transport leans on, and nothing else.

Rules of this file: whoever needs another private name of aiohttp adds it here, to the check as well. aiohttp is pinned
to one minor version for their sake; an aiohttp without them is refused at import, with the names, rather than at the
first client.

What they are for: a `RequestHandler` has to forget its connection without closing it (`let_go`), and the compiled
`WebSocketReader` does the work of a parser (masks, lengths, fragments, UTF-8) in C; `mask(four_bytes, bytearray)` takes
a mask off in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

try:
    from aiohttp._websocket.helpers import websocket_mask as mask
    from aiohttp._websocket.models import WebSocketError, WSMessage
    from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
except ImportError as missing:
    raise ImportError(
        f"could not lean on aiohttp {aiohttp.__version__}: {missing}; install aiohttp >=3.14,<3.15"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "WSMessage",
    "WebSocketDataQueue",
    "WebSocketError",
    "WebSocketReader",
    "has_application",
    "is_leaving",
    "is_upgraded",
    "let_go",
    "mask",
)

HANDLER_NAMES: Final = (
    "_close",
    "_current_request",
    "_force_close",
    "_message_tail",
    "_task_handler",
    "_upgraded",
    "connection_lost",
    "keep_alive",
    "transport",
    "writing_paused",
)


def missing_names(owner: type, names: Iterable[str] = HANDLER_NAMES) -> list[str]:
    """The names that `owner` does not have; slots and methods are both found on the class."""
    return [name for name in names if not hasattr(owner, name)]


def check_names(owner: type = RequestHandler, names: Iterable[str] = HANDLER_NAMES) -> None:
    """Raises ImportError with the names this aiohttp lacks."""
    if lacking := missing_names(owner, names):
        raise ImportError(
            f"could not lean on aiohttp {aiohttp.__version__}: {owner.__name__} has no {', '.join(lacking)}; "
            "install aiohttp >=3.14,<3.15"
        )


check_names()
check_names(web.Request, ("_match_info",))


def has_application(request: web.Request) -> bool:
    """Whether an `Application` has found the handler of this request, so that its signals and middlewares apply."""
    return request._match_info is not None


def is_upgraded(handler: RequestHandler) -> bool:
    """Whether the parser stopped behind this request, so that the bytes after it are kept as they came."""
    return bool(handler._upgraded)


def is_leaving(handler: RequestHandler) -> bool:
    """
    Whether the server is shutting this connection down. Its handler has dropped bytes since: nothing to take over.
    """
    return bool(handler._close or handler._force_close)


def let_go(handler: RequestHandler) -> bytes:
    """
    Makes aiohttp forget a connection that goes on under another protocol; returns the bytes that came behind the
    request.

    The handler leaves `Server.connections` at once, its timers are cancelled, and its task ends when the response is
    returned.
    """
    tail, handler._message_tail = handler._message_tail, b""
    handler.keep_alive(False)  # cancels the timer and drops its handle; connection_lost() would keep the handle
    handler.transport = None  # connection_lost() closes what it finds here
    handler._current_request = None  # ... tells the request that its peer is gone, which is not so
    handler._task_handler = None  # ... and cancels the task, if the runner has handler_cancellation=True
    handler.connection_lost(None)
    return tail
