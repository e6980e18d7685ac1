"""What aiohttp says of requests: its failures are ours and go to the log, faults of the peer are facts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ...events import ConnectionRefused

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_HTTP = "not_http"
"""The reason of a refusal: what came could not be read as a request or as its body, or was larger than one may be."""


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """
    The logger of one server.

    aiohttp logs a traceback for whatever is no HTTP, so that anybody who can connect could fill a log and hide in it.

    Args:
        publish: Takes the facts.
    """

    def __init__(self, publish: Callable[[object], Any]) -> None:
        super().__init__(logging.getLogger("aiohttp.server"))
        self._publish = publish

    def debug(self, msg: object, *args: object, **options: Any) -> None:
        """So it speaks of a first request whose method is none: TLS to a port without, or a scan."""
        if not self._is_refusal(args, options.get("exc_info")):
            super().debug(msg, *args, **options)

    def exception(self, msg: object, *args: object, **options: Any) -> None:
        if not self._is_refusal(args, options.get("exc_info")):
            super().exception(msg, *args, **options)

    def _is_refusal(self, args: tuple[object, ...], error: object) -> bool:
        """Its one argument, if there is one, is the peer's address: None on a Unix socket."""
        if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
            return False
        self._publish(ConnectionRefused(str(args[0] or "") if args else "", "", 400, NOT_HTTP))
        return True
