"""
From an aiohttp request to a WebSocket of our own: the opening handshake (RFC 6455 4.2), the 101, and the hand-over.

Theory of operation: `Handshake.of` only looks; between it and `Upgrader.take_over` the caller checks origin and
identity, and may still answer with any HTTP status. `take_over` sends the 101: as bytes where no application found the
handler, else through aiohttp's own response, so that the signals and middlewares of that application see it. Then,
without giving up control, it changes the transport's protocol, makes aiohttp forget the connection and lets the
listener be made. The handler has nothing left to do but return the response, which is what an access log sees.

What it refuses to know: compression (never negotiated), who may connect, and the sockets it has opened: aiohttp's
runner does not close them when it stops, whoever made the listeners does.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from aiohttp import HttpVersion11, hdrs, web

from ...sockets.socket import ListenerFactory, SocketLimits
from .aiohttp_names import has_application, is_leaving, is_upgraded, let_go
from .socket_factory import SocketFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

SWITCHING: Final = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)

OURS: Final = frozenset({"upgrade", "connection", "sec-websocket-accept", "sec-websocket-protocol"})
"""Headers of a 101 that a caller does not replace."""

USUAL_UPGRADE: Final = ["websocket"]
USUAL_VERSION: Final = ["13"]

CLIENT_CLOSED_REQUEST: Final = 499
"""nginx' status for a client that left before its answer; only the access log ever sees it."""


def listed(headers: Mapping[str, str], name: str) -> list[str]:
    """The elements of a header that is a comma-separated list, however many lines it takes."""
    lines: Sequence[str] = headers.getall(name, ())  # type: ignore[attr-defined]
    if not lines:  # most often: five of these are asked for at each handshake
        return []
    return [element for line in lines for word in line.split(",") if (element := word.strip())]


def accept_for(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 4.2.2)."""
    digest = hashlib.sha1(key.encode() + GUID).digest()  # noqa: S324  # the protocol's choice, no secret
    return base64.b64encode(digest).decode()


@attrs.frozen
class Handshake:
    """An opening handshake that is in order."""

    accept: str
    """The value of Sec-WebSocket-Accept that answers the client's key."""

    subprotocols: tuple[str, ...] = ()
    """What the client offers, the one it likes best first."""

    @classmethod
    def of(cls, request: web.Request) -> Handshake:
        """
        Looks at a request, changes nothing.

        Raises:
            web.HTTPException: It is no opening handshake; 405, 400 or 426 with the fault in plain text. To be raised
            on.
        """
        check_method(request)
        check_upgrade(request)
        check_version(request)
        check_authorization(request)
        return cls(accept_for(key_of(request)), tuple(listed(request.headers, hdrs.SEC_WEBSOCKET_PROTOCOL)))

    def answer(self, subprotocol: str | None = None, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        """
        The 101, not yet sent. Ours win over `headers` of the same name.

        Raises:
            ValueError: The client did not offer this subprotocol and would have to fail the connection (RFC 6455 4.1).
        """
        response = web.StreamResponse(status=101, headers=self._headers(subprotocol, headers))
        response.force_close()
        return response

    def head(self, subprotocol: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """
        The same as bytes, without what aiohttp adds: no 1xx needs a date or a server's name (RFC 9110 6.6.1, 10.2.4).

        Raises:
            ValueError: As `answer`; or there is a line break in a header.
        """
        if subprotocol is not None:
            self._check_offered(subprotocol)
            headers = {**(headers or {}), hdrs.SEC_WEBSOCKET_PROTOCOL: subprotocol}
        more = ""
        for name, value in () if headers is None else headers.items():
            if "\r" in value or "\n" in value:
                raise ValueError(f"could not answer with {name}: {value!r}: it has a line break; leave it out")
            if name.lower() not in OURS or name == hdrs.SEC_WEBSOCKET_PROTOCOL:
                more += f"{name}: {value}\r\n"
        return f"{SWITCHING}{self.accept}\r\n{more}\r\n".encode()

    def _headers(self, subprotocol: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
        found = {} if headers is None else {name: headers[name] for name in headers if name.lower() not in OURS}
        found[hdrs.UPGRADE] = "websocket"
        found[hdrs.CONNECTION] = "Upgrade"
        found[hdrs.SEC_WEBSOCKET_ACCEPT] = self.accept
        if subprotocol is not None:
            self._check_offered(subprotocol)
            found[hdrs.SEC_WEBSOCKET_PROTOCOL] = subprotocol
        return found

    def _check_offered(self, subprotocol: str) -> None:
        if subprotocol not in self.subprotocols:
            offered = ", ".join(self.subprotocols) or "none"
            raise ValueError(
                f"could not choose subprotocol {subprotocol!r}: client offers {offered}; choose one of these, or None"
            )


def check_method(request: web.Request) -> None:
    if request.method != hdrs.METH_GET:
        raise web.HTTPMethodNotAllowed(
            request.method, [hdrs.METH_GET], text=f"a WebSocket opens with GET, not {request.method}\n"
        )
    if request.version < HttpVersion11:
        raise web.HTTPBadRequest(text="a WebSocket opens over HTTP/1.1, not HTTP/1.0\n")
    if request.can_read_body:
        raise web.HTTPBadRequest(text="a WebSocket opens with a request without a body\n")


def check_upgrade(request: web.Request) -> None:
    if request.headers.getall(hdrs.UPGRADE, ()) == USUAL_UPGRADE and is_upgraded(request.protocol):
        return  # aiohttp's parser has read Connection as well
    upgrade = [word.lower() for word in listed(request.headers, hdrs.UPGRADE)]
    if "websocket" not in upgrade:
        raise upgrade_required(f"this address speaks WebSocket only: Upgrade is {', '.join(upgrade) or 'missing'}\n")
    connection = [word.lower() for word in listed(request.headers, hdrs.CONNECTION)]
    if "upgrade" not in connection:
        fault = ", ".join(connection) or "missing"
        raise web.HTTPBadRequest(
            text=f"Connection is {fault}, not Upgrade; a proxy in between may have to pass it on\n"
        )
    if not is_upgraded(request.protocol):
        raise web.HTTPBadRequest(text=f"Upgrade is {', '.join(upgrade)}, not websocket alone\n")


def check_version(request: web.Request) -> None:
    if request.headers.getall(hdrs.SEC_WEBSOCKET_VERSION, ()) == USUAL_VERSION:
        return
    versions = listed(request.headers, hdrs.SEC_WEBSOCKET_VERSION)
    if versions != USUAL_VERSION:
        raise upgrade_required(f"Sec-WebSocket-Version is {', '.join(versions) or 'missing'}, not 13\n")


def check_authorization(request: web.Request) -> None:
    """Of two that differ a proxy may believe the one, and app code the other; so there is one (RFC 9110 5.3)."""
    count = len(request.headers.getall(hdrs.AUTHORIZATION, ()))
    if count > 1:
        raise web.HTTPBadRequest(text=f"Authorization is there {count} times, not once\n")


def upgrade_required(text: str) -> web.HTTPException:
    """426 says to what (RFC 9110 15.5.22), and which version of it (RFC 6455 4.4)."""
    headers = {hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "Upgrade", hdrs.SEC_WEBSOCKET_VERSION: "13"}
    return web.HTTPUpgradeRequired(text=text, headers=headers)


def key_of(request: web.Request) -> str:
    """The client's key: exactly one, 16 bytes in base64."""
    keys = request.headers.getall(hdrs.SEC_WEBSOCKET_KEY, ())
    if len(keys) != 1:
        raise web.HTTPBadRequest(text=f"Sec-WebSocket-Key is there {len(keys)} times, not once\n")
    key = keys[0].strip()
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is not base64\n") from None
    if size != 16:
        raise web.HTTPBadRequest(text=f"Sec-WebSocket-Key is {size} bytes, not 16\n")
    return key


class Sent(web.StreamResponse):
    """A response that is out already; a handler returns it, and aiohttp has nothing left to write."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class Upgrader:
    """
    Takes over the transports of the running loop, all with the same limits. One per set of limits; it keeps no socket.

    Args:
        tick: `Clock.tick`, by which the sockets share the time of the loop.
    """

    def __init__(self, limits: SocketLimits, tick: Callable[[], float]) -> None:
        self._sockets = SocketFactory(limits, asyncio.get_running_loop(), tick)
        self._sent = Sent(status=101)

    async def take_over(
        self,
        request: web.Request,
        handshake: Handshake,
        listener_factory: ListenerFactory,
        *,
        subprotocol: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        """
        Answers 101 and makes the connection ours. The handler returns what this returns, and touches the request no
        more.

        `listener_factory` is called exactly once if the switch happens, never if it does not: not for a peer that left
        before (499 in the access log), nor on a server that is shutting down (503).

        Cancellation: safe until the 101 is out; there is no suspension between it and the switch.

        Args:
            request: In its handler, unanswered, its body unread.
            handshake: Of this very request.
            listener_factory: Called at the switch, within this call; what it raises ends the socket with 1011.
            subprotocol: One of `handshake.subprotocols`, or None.
            headers: Added to the 101.

        Raises:
            ValueError: A subprotocol the client did not offer.
        """
        is_alone = not has_application(request)  # else that may have signals
        head = handshake.head(subprotocol, headers) if is_alone else b""
        response = self._sent if is_alone else handshake.answer(subprotocol, headers)
        if is_gone(request):
            return left_early()
        if is_leaving(request.protocol):
            return web.Response(status=503, text="the server is shutting down; try again\n")
        if is_alone:
            request.transport.write(head)  # type: ignore[union-attr]  # it is there: is_gone() has looked
        else:
            try:
                await response.prepare(request)  # on_response_prepare signals run here, and may wait
            except ConnectionError:
                return left_early()
            if is_gone(request):
                return left_early()
        self._switch(request, listener_factory)
        return response

    def _switch(self, request: web.Request, listener_factory: ListenerFactory) -> None:
        handler, transport = request.protocol, request.transport
        assert transport is not None
        leaving = is_leaving(handler)
        taken = self._sockets.take(transport, congested=handler.writing_paused)
        tail = let_go(handler)
        if leaving:
            taken.abort()  # bytes behind the request were dropped while the signals ran
            return
        taken.open(listener_factory, tail)


def is_gone(request: web.Request) -> bool:
    """
    Whether the transport has ended or is ending; its connection_lost() may be under way to aiohttp's protocol already.
    """
    transport = request.transport
    return transport is None or transport.is_closing()


def left_early() -> web.StreamResponse:
    return web.Response(status=CLIENT_CLOSED_REQUEST, reason="Client Closed Request")
