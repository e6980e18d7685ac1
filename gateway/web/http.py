"""HTTP beside the sockets: the app's own routes, and a gateway inside of somebody's aiohttp application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ..application.app import Gateway
    from ..settings.config import GatewaySettings


def route_table() -> web.RouteTableDef:
    return web.RouteTableDef()


def mount_into(app: Gateway, application: web.Application, settings: GatewaySettings | None) -> None:
    """See `Gateway.mount_into`."""

    async def run(_: web.Application) -> AsyncIterator[None]:
        await app.start(settings, listens=False)
        yield
        await app.stop()

    async def drain(_: web.Application) -> None:
        await app.drain()

    if app.has_http:
        application.router.add_routes(app.http)
    application.router.register_resource(GatewayResource(app))
    application.cleanup_ctx.append(run)
    application.on_shutdown.append(drain)


class EverythingElse(web.PlainResource):
    """
    Any path that no other resource of its application has; they are asked first (see `GatewayResource`).

    As `/{path:.*}`, without a pattern to match and a parameter to unquote for each connection.
    """

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        super().__init__("/")
        self._answers = {method: self.add_route(method, answer) for method in ("GET", "HEAD")}

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        route = self._answers.get(request.method)
        return (None if route is None else web.UrlMappingMatchInfo({}, route)), set(self._answers)


class GatewayResource(web.PlainResource):
    """
    Whatever this gateway has: its pages and its endpoints, looked up when they are asked for.

    aiohttp asks for the resources with the longest fixed part first, so this one is asked last; a path that is not ours
    is left to the others.
    """

    def __init__(self, app: Gateway) -> None:
        super().__init__("/")
        self._app = app
        self._answers = {method: self.add_route(method, self._answer) for method in ("GET", "HEAD")}

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        if not self._app.server.knows(request):
            return None, set()
        route = self._answers.get(request.method)
        return (None if route is None else web.UrlMappingMatchInfo({}, route)), set(self._answers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        return await self._app.server.answer(request)
