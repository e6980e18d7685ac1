"""
Where a request for a socket comes in: what is checked of it, who is refused, and the hand-over to a connection machine.

In this order: is there an endpoint or a wire at its path, is it an opening handshake, is this gateway open to that page
and that address, who is it, what does app code say. Until the last of these has said yes, the answer is plain HTTP.

What it refuses to know: what is said on a socket. It keeps no list of sockets: the node has its connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..access.authenticators import credential_of
from ..access.handshake import Address
from ..access.handshake import Handshake as Asked
from ..access.identity import ANONYMOUS
from ..close_codes import LOST
from ..connections.identification import may_open
from ..endpoints.tickets import Ticket, Verdict
from ..events import ConnectionRefused, ProxyNotTrusted, TokenNotRead
from ..limits.shared_buckets import key_of
from ..messages.connection_messages import SocketClosed
from ..protocols.raw import RawWire
from ..reasons import InvalidToken, Refused
from ..settings.sources import is_loopback
from ..sockets.socket import SocketLimits
from .headers import Headers
from .listening.addresses import TrustedProxies, UndeclaredProxies, client_address, client_scheme
from .origin import is_local_name, is_same_origin
from .upgraded.upgrade import Handshake, Upgrader, is_gone, left_early, listed
from .upgraded.wires import NotSpoken, Spoken, wire_of

if TYPE_CHECKING:
    from actors import ActorRef

    from ..application.app import Gateway
    from ..application.routes import Route
    from ..node import Node

DECIDE_WITHIN = 10.0
"""Seconds app code may take to answer an upgrade; browsers give up after 20 or more."""

CONNECTION_HEADER = "Hubbub-Connection"
"""In the 101: a user can paste it, and whoever is on call finds the connection by it."""

NOTHING: Mapping[str, str] = MappingProxyType({})


class Entrance:
    """One per gateway; made on its loop, once its node is open."""

    def __init__(self, app: Gateway, node: Node) -> None:
        self._app = app
        self._node = node
        self._settings = listen = node.settings.gateway
        self._trusted = TrustedProxies(listen.trusted_proxies)
        self._undeclared = UndeclaredProxies(self._trusted)
        self._has_named_unread = False
        self._raw = RawWire()
        self._upgrader = Upgrader(SocketLimits(max_message_bytes=node.limits.max_message), node.clock.tick)
        self._is_at_home = node.settings.development and not listen.uds and is_loopback(listen.host)
        """Whether it is one person's on one machine, who has not said what its name is."""

    def knows(self, request: web.Request) -> bool:
        """Whether there is an endpoint or a wire at its path."""
        path = request.rel_url.raw_path
        return self._app.routes.find(path) is not None or self._spoken(request, path) is not None

    async def enter(self, request: web.Request) -> web.StreamResponse | None:
        """
        Opens the socket, or says why not; None: there is nothing at its path.

        Raises:
            web.HTTPException: It is no opening handshake.
        """
        path = request.rel_url.raw_path
        found = self._app.routes.find(path)
        spoken = self._spoken(request, path) if found is None else None
        if found is None and spoken is None:
            return None
        handshake = Handshake.of(request)
        if is_gone(request):
            return left_early()
        forwarded = request.headers.getall("X-Forwarded-For", ())
        if forwarded:
            self._look_for_proxies(request, forwarded)
        address = client_address(request.remote or "", forwarded, self._trusted)
        refusal = self._refusal(request, address)
        if refusal is not None:
            return refusal
        if isinstance(spoken, NotSpoken):
            return self._refuse(request, spoken.status, spoken.text, {})
        if found is not None:
            return await self._open_raw(request, handshake, address, *found)
        assert spoken is not None
        return await self._open_wire(request, handshake, address, spoken)

    def address_of(self, request: web.Request) -> str:
        """Of the client, as far as it is known: the peer's, or what trusted proxies say. Empty on a Unix socket."""
        said = request.headers.getall("X-Forwarded-For", ())
        return client_address(request.remote or "", said, self._trusted)

    # --- what is checked

    @staticmethod
    def _spoken(request: web.Request, path: str) -> Spoken | NotSpoken | None:
        return wire_of(path, request.query, listed(request.headers, "Sec-WebSocket-Protocol"))

    def _refusal(self, request: web.Request, address: str) -> web.Response | None:
        """What is checked before anything is made for this client."""
        node = self._node
        if node.is_draining:
            return self._refuse(request, 503, "shutting_down", {"Retry-After": "2"})
        if not self._is_same_origin(request):
            return self._refuse(request, 403, "origin_not_allowed", {}, origin=request.headers["Origin"][:200])
        away = node.quotas.turn_away(key_of(address), len(node.directory), node.now())
        if away is not None:
            return self._refuse(request, away.status, away.reason, {"Retry-After": str(away.retry_after)})
        return None

    def _is_same_origin(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        said = request.headers.getall("X-Forwarded-Proto", ())
        scheme = client_scheme(request.remote or "", said, self._trusted, is_tls=request.secure)
        listen = self._settings
        if self._is_at_home and not listen.public_url and not is_local_name(request.headers.get("Host")):
            return origin in listen.allowed_origins or "*" in listen.allowed_origins
        return is_same_origin(origin, request.headers.get("Host"), listen.allowed_origins, listen.public_url, scheme)

    def _look_for_proxies(self, request: web.Request, forwarded: Sequence[str]) -> None:
        peer = request.remote or ""
        count = self._undeclared.note(peer, forwarded)
        if count:
            self._node.events.publish(ProxyNotTrusted(peer, count))

    def _refuse(
        self, request: web.Request, status: int, reason: str, headers: dict[str, str], *, origin: str = ""
    ) -> web.Response:
        self._node.events.publish(ConnectionRefused(self.address_of(request), request.path, status, reason, origin))
        return web.Response(status=status, text=f"{reason}\n", headers=headers)

    # --- the hand-over

    async def _open_wire(
        self, request: web.Request, handshake: Handshake, address: str, spoken: Spoken
    ) -> web.StreamResponse:
        """A client of a wire: whoever brings a token with the request is known before the 101."""
        ticket = self._ticket(request, handshake, address, NOTHING, spoken.wire)
        ticket.subprotocol, ticket.first, ticket.refused_as = spoken.subprotocol, spoken.first, spoken.refused_as
        token = ticket.handshake.token
        ticket.asks_application = bool(self._node.authenticators) and not spoken.wire.identifies_first
        if token is not None and self._node.tokens is not None and not self._node.authenticators:
            try:
                ticket.principal = self._node.tokens.principal(token, self._node.wall())
            except (InvalidToken, Refused) as error:
                reason = error.reason if isinstance(error, Refused) else "invalid_token"
                return self._refuse(request, spoken.refused_as, reason, {})
        if token is not None and self._node.tokens is None and not self._node.authenticators:
            self._note_unread(address, spoken.wire.name)
        if not (ticket.asks_application or may_open(self._node.auth, spoken.wire, ticket.principal)):
            return self._refuse(request, spoken.refused_as, "unauthorized", {})
        if not ticket.asks_application:
            ticket.decide(spoken.subprotocol)
        return await self._open(request, handshake, ticket)

    def _note_unread(self, address: str, wire: str) -> None:
        if not self._has_named_unread:
            self._has_named_unread = True
            self._node.events.publish(TokenNotRead(address, wire))

    async def _open_raw(
        self, request: web.Request, handshake: Handshake, address: str, route: Route, parameters: Any, arguments: Any
    ) -> web.StreamResponse:
        ticket = self._ticket(request, handshake, address, parameters, self._raw)
        self._app.prepare(ticket, route, arguments)
        return await self._open(request, handshake, ticket)

    def _ticket(self, request: web.Request, handshake: Handshake, host: str, parameters: Any, wire: Any) -> Ticket:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        port = peer[1] if isinstance(peer, tuple) else 0
        if isinstance(peer, tuple) and peer[0] != host:
            port = 0  # the proxy's says nothing of the client
        query = dict(request.query) if request.query_string else NOTHING
        token = credential_of(request.headers, handshake.subprotocols, query, query_token=self._node.auth.query_token)
        asked = Asked(
            path=request.path, path_params=parameters, query_string=request.query_string, query_params=query,
            headers=Headers(request.raw_headers), client=Address(host, port), subprotocols=handshake.subprotocols,
            token=token, at=self._node.wall(),
        )  # fmt: skip
        return Ticket(self._node.ids.connection_id(), wire, ANONYMOUS, asked, host)

    async def _open(self, request: web.Request, handshake: Handshake, ticket: Ticket) -> web.StreamResponse:
        """Starts the machine, waits for its verdict, and hands the socket over."""
        ref = self._node.open_connection(ticket)
        try:
            verdict = await _decision(ticket)
        except TimeoutError:
            ref.stop_now()
            return self._refuse(request, 503, "timed_out", {})
        except BaseException:
            ref.stop_now()
            raise
        if verdict.status != 101:
            ref.stop_now()
            return self._refuse(request, verdict.status, verdict.text or "refused", {})
        return await self._hand_over(request, handshake, ticket, ref, verdict.subprotocol)

    async def _hand_over(
        self, request: web.Request, handshake: Handshake, ticket: Ticket, ref: ActorRef[Any], subprotocol: str | None
    ) -> web.StreamResponse:
        """The machine ends if the socket does not become its own; its client may have left while it was decided."""
        taken = False

        def listener(socket: Any) -> Any:
            nonlocal taken
            taken = True
            return ref._actor.inlet(socket)

        headers = {CONNECTION_HEADER: ticket.client}
        try:
            return await self._upgrader.take_over(
                request, handshake, listener, subprotocol=subprotocol, headers=headers
            )
        finally:
            if not taken:
                if is_gone(request) and ref.is_alive():
                    ref.tell(SocketClosed(LOST, "", clean=False))
                else:
                    ref.stop_now()


async def _decision(ticket: Ticket) -> Verdict:
    """What becomes of an upgrade. Raises TimeoutError."""
    if ticket.decided is not None:  # nobody had to be asked, and nothing is timed
        return ticket.decided
    async with asyncio.timeout(DECIDE_WITHIN):
        return await ticket.verdict
