"""
The public listener: HTTP, the checks before an upgrade, the hand-over to a connection machine. And the admin listener.

What it refuses to know: what is said on a socket. It keeps no list of sockets: the node has its connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..access.authenticators import credential_of
from ..access.identity import ANONYMOUS
from ..connections.identification import may_open
from ..endpoints.tickets import Ticket, Verdict
from ..endpoints.websocket import Address
from ..endpoints.websocket import Handshake as Asked
from ..events import (
    CertificateOutOfDate,
    ConnectionClosed,
    ConnectionRefused,
    DevelopmentExposed,
    GatewayDraining,
    GatewayStarted,
    ProxyNotTrusted,
    TokenNotRead,
    TopicsLeftOpen,
)
from ..limits.shared_buckets import key_of
from ..protocols.raw import RawWire
from ..reasons import InvalidToken, Refused
from ..settings.open_topics import MAX_NAMED, open_patterns
from ..settings.sources import is_loopback
from ..sockets.socket import SocketLimits
from ..telemetry.telemetry import Telemetry
from .admin import admin_app
from .api.api import Api
from .headers import Headers
from .http import EverythingElse
from .listening.addresses import TrustedProxies, UndeclaredProxies, client_address, client_scheme
from .listening.listener import Listener
from .listening.server_log import ServerLog
from .listening.tls import out_of_date, server_context
from .listening.unix_socket import UnixSocket
from .origin import is_local_name, is_same_origin
from .upgraded.upgrade import Handshake, Upgrader, listed
from .upgraded.wires import NotSpoken, Spoken, wire_of

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext

    from ..application.app import Gateway
    from ..application.routes import Route
    from ..node import Node

DECIDE_WITHIN = 10.0
"""Seconds app code may take to answer an upgrade; browsers give up after 20 or more."""

CONNECTION_HEADER = "Hubbub-Connection"
"""In the 101: a user can paste it, and whoever is on call finds the connection by it."""

NO_FILES = "too_many_open_files"
"""The reason of a refusal without an answer: the process may open no more (`open_files`), and every client is one."""

NOTHING: Mapping[str, str] = MappingProxyType({})

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class WebServer:
    """Listens on the public and the admin address of one gateway."""

    def __init__(self, app: Gateway, node: Node) -> None:
        self._app = app
        self._node = node
        self._settings = node.settings.gateway
        self._telemetry = Telemetry(node)
        """Words and numbers do not depend on somebody being able to ask for them."""
        self._trusted = TrustedProxies(self._settings.trusted_proxies)
        self._undeclared = UndeclaredProxies(self._trusted)
        self._has_named_unread = False
        self._raw = RawWire()
        self._api: Api | None = None
        """None without a listener of our own."""
        listen = self._settings
        self._is_at_home = node.settings.development and not listen.uds and is_loopback(listen.host)
        """Whether it is one person's on one machine, who has not said what its name is."""
        self._listeners: list[Listener] = []
        self._public: Listener | None = None
        self.url = ""
        self.admin_url: str | None = None
        self.started: float | None = None
        """When everything was up, by the gateway's clock."""

    async def start(self, *, listens: bool = True) -> None:
        limits = SocketLimits(max_message_bytes=self._node.limits.max_message)
        self._upgrader = Upgrader(limits, self._node.clock.tick)
        listen = self._settings
        if listens:
            tls = server_context(listen.tls)  # before anything listens: it may be refused
            file = UnixSocket(listen.uds, int(listen.uds_mode, 8)) if listen.uds else None
            gets = None if self._app.has_http else self._page_or_endpoint
            self._public = await self._listen(
                self._public_app(), listen.host, listen.port, file=file, tls=tls, gets=gets, keeps_files=True
            )
            self.url = self._public.url
        address = listen.admin_address
        if address is not None:
            application = admin_app(self._app, self._node, self._telemetry, is_at_home=is_loopback(address[0]))
            admin = await self._listen(application, *address, purpose="health and metrics")
            self.admin_url = admin.url
        development = self._node.settings.development
        self._node.events.publish(GatewayStarted(self.url, self.admin_url, development))
        if development and listens and not listen.uds and not is_loopback(listen.host):
            self._node.events.publish(DevelopmentExposed(listen.host))
        self._name_open_topics()
        if listens and tls is not None:
            self._look_at_dates(tls, listen.tls.certificate)
        self.started = self._node.now()

    def _look_at_dates(self, tls: SSLContext, certificate: str) -> None:
        problem = out_of_date(tls, certificate)
        if problem is not None:
            self._node.events.publish(CertificateOutOfDate(certificate, problem))

    def _name_open_topics(self) -> None:
        node, declared = self._node, self._app.topics
        patterns = dict.fromkeys([*node.settings.topics, *declared.given])
        opened = open_patterns(patterns, node.settings, node.topics.settings_for, declared.permits)
        if opened:
            node.events.publish(TopicsLeftOpen(opened[:MAX_NAMED], len(opened)))

    def closed_connections(self) -> list[ConnectionClosed]:
        """The last ones that ended, oldest first."""
        return list(self._telemetry.recent.values())

    @property
    def port(self) -> int:
        assert self._public is not None
        return self._public.port

    async def drain(self) -> None:
        """Stops accepting, then lets everybody go."""
        settings = self._settings.drain
        self._node.is_draining = True
        self._node.events.publish(GatewayDraining(len(self._node.directory), settings.timeout))
        if self._public is not None:
            self._public.stop_accepting()
        await self._node.drain(settings.timeout * 0.75, settings.spread)

    async def stop(self) -> None:
        for listener in reversed(self._listeners):
            await listener.end()
        self._listeners.clear()

    async def _listen(self, application: web.Application, host: str, port: int, **options: Any) -> Listener:
        log = ServerLog(self._node.events.publish)
        listener = Listener(application, host, port, log, refused=self._no_files, **options)
        self._listeners.append(listener)
        await listener.start()
        return listener

    def _no_files(self, address: str) -> None:
        self._node.events.publish(ConnectionRefused(address, "", 503, NO_FILES))

    def _public_app(self) -> web.Application:
        application = web.Application()
        if self._app.has_http:
            application.router.add_routes(self._app.http)
        self._api = Api(self._node, self._settings.api.keys, self._app.title, self.address_of)
        self._api.mount(application)
        application.router.register_resource(EverythingElse(self._page_or_endpoint))
        return application

    # --- pages

    def knows(self, request: web.Request) -> bool:
        """Whether there is a page or an endpoint of ours at its path."""
        return request.path in self._app.pages or self._has_endpoint(request)

    def _has_endpoint(self, request: web.Request) -> bool:
        path = request.rel_url.raw_path
        return self._app.routes.find(path) is not None or self._spoken(request, path) is not None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """For an application that this gateway is mounted into."""
        return await self._page_or_endpoint(request)

    async def _page_or_endpoint(self, request: web.Request) -> web.StreamResponse:
        """One look-up, whatever files are called: a router would read `{braces}` in their names as patterns."""
        page = self._app.pages.get(request.path)
        if page is None or (_asks_for_socket(request) and self._has_endpoint(request)):
            return await self._endpoint(request)
        return self._page(request, *page)

    def _page(self, request: web.Request, file: Path, content_type: str) -> web.Response:
        try:
            body = file.read_bytes()
        except OSError:  # removed since it was listed
            return self._nothing(request)
        headers = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        charset = "utf-8" if content_type.startswith("text/") or content_type.endswith(("json", "xml")) else None
        return web.Response(body=body, content_type=content_type, charset=charset, headers=headers)

    def _nothing(self, request: web.Request) -> web.Response:
        refused = None if self._api is None else self._api.not_posted(request)
        return web.Response(status=404, text=f"there is nothing at {request.path}\n") if refused is None else refused

    # --- sockets

    async def _endpoint(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        found = self._app.routes.find(path)
        spoken = self._spoken(request, path) if found is None else None
        if found is None and spoken is None:
            return self._nothing(request)
        handshake = Handshake.of(request)
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

    def address_of(self, request: web.Request) -> str:
        """Of the client, as far as it is known: the peer's, or what trusted proxies say. Empty on a Unix socket."""
        said = request.headers.getall("X-Forwarded-For", ())
        return client_address(request.remote or "", said, self._trusted)

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
        headers = {CONNECTION_HEADER: ticket.client}
        taken = False

        def listener(socket: Any) -> Any:
            nonlocal taken
            taken = True
            return ref._actor.inlet(socket)

        try:
            return await self._upgrader.take_over(
                request, handshake, listener, subprotocol=verdict.subprotocol, headers=headers
            )
        finally:
            if not taken:
                ref.stop_now()


def _asks_for_socket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def _decision(ticket: Ticket) -> Verdict:
    """What becomes of an upgrade. Raises TimeoutError."""
    if ticket.decided is not None:  # nobody had to be asked, and nothing is timed
        return ticket.decided
    async with asyncio.timeout(DECIDE_WITHIN):
        return await ticket.verdict
