"""
The public listener and the admin listener of a gateway: from the first that is bound to the last that is let go.

What it refuses to know: what is asked for. Sockets are the affair of `entrance`, the HTTP API that of `api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..events import (
    ConnectionClosed,
    ConnectionRefused,
    DevelopmentExposed,
    GatewayDraining,
    GatewayStarted,
    TopicsLeftOpen,
)
from ..settings.open_topics import MAX_NAMED, open_patterns
from ..settings.sources import is_loopback
from ..telemetry.telemetry import Telemetry
from .admin import admin_app
from .api.api import Api
from .entrance import Entrance
from .http import EverythingElse
from .listening.listener import Listener
from .listening.renewal import Renewal
from .listening.server_log import ServerLog
from .listening.tls import server_context
from .listening.unix_socket import UnixSocket

if TYPE_CHECKING:
    from pathlib import Path

    from ..application.app import Gateway
    from ..node import Node

NO_FILES = "too_many_open_files"
"""The reason of a refusal without an answer: the process may open no more (`open_files`), and every client is one."""

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
        self._api: Api | None = None
        """None without a listener of our own."""
        self._entrance: Entrance
        """For sockets; there from `start` on."""
        self._listeners: list[Listener] = []
        self._public: Listener | None = None
        self._renewal: Renewal | None = None
        """Of the certificate; None without TLS."""
        self.url = ""
        self.admin_url: str | None = None
        self.started: float | None = None
        """When everything was up, by the gateway's clock."""

    async def start(self, *, listens: bool = True) -> None:
        """
        Listens, and says so.

        Args:
            listens: Whether at the public address.

        Raises:
            CannotListen, CannotUseCertificate: `stop` has to be called all the same.
        """
        self._entrance = Entrance(self._app, self._node)
        if listens:
            await self._open_public()
        await self._open_admin()
        listen, development = self._settings, self._node.settings.development
        self._node.events.publish(GatewayStarted(self.url, self.admin_url, development))
        if development and listens and not listen.uds and not is_loopback(listen.host):
            self._node.events.publish(DevelopmentExposed(listen.host))
        self._name_open_topics()
        if self._renewal is not None:
            self._renewal.start()
        self.started = self._node.now()

    async def _open_public(self) -> None:
        listen = self._settings
        tls = server_context(listen.tls)  # before anything listens: it may be refused
        if tls is not None:
            self._renewal = Renewal(listen.tls, tls, self._node.events.publish)
        file = UnixSocket(listen.uds, int(listen.uds_mode, 8)) if listen.uds else None
        gets = None if self._app.has_http else self.answer
        self._public = await self._listen(
            self._public_app(), listen.host, listen.port, file=file, tls=tls, gets=gets, keeps_files=True
        )
        self.url = self._public.url

    async def _open_admin(self) -> None:
        address = self._settings.admin_address
        if address is not None:
            application = admin_app(self._app, self._node, self._telemetry, is_at_home=is_loopback(address[0]))
            admin = await self._listen(application, *address, purpose="health and metrics")
            self.admin_url = admin.url

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
        if self._renewal is not None:
            self._renewal.stop()
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
        self._api = Api(self._node, self._settings.api.keys, self._app.title, self._entrance.address_of)
        self._api.mount(application)
        application.router.register_resource(EverythingElse(self.answer))
        return application

    def address_of(self, request: web.Request) -> str:
        """Of the client, as far as it is known: the peer's, or what trusted proxies say. Empty on a Unix socket."""
        return self._entrance.address_of(request)

    # --- what is asked for

    def knows(self, request: web.Request) -> bool:
        """Whether there is a page, an endpoint or a wire of ours at its path."""
        return request.path in self._app.pages or self._entrance.knows(request)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One look-up, whatever files are called: a router would read `{braces}` in their names as patterns."""
        page = self._app.pages.get(request.path)
        if page is not None and not (_asks_for_socket(request) and self._entrance.knows(request)):
            return self._page(request, *page)
        opened = await self._entrance.enter(request)
        return self._nothing(request) if opened is None else opened

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


def _asks_for_socket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"
