"""Endpoints that belong together: a router is mounted in an app, or in another router, under a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ..amounts import check_flag
from ..endpoints.hooks import Hooked, Hooks
from ..endpoints.middleware import check_middleware
from ..endpoints.passage import Passage
from ..endpoints.passage_options import authenticators_of, check_expires, check_heartbeat, middleware_of, permissions_of
from .per_message import per_message
from .routes import ENCODINGS, Path, Route, Routes, check_arguments, check_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..endpoints.passage import Encoding
    from ..endpoints.passage_options import Several
    from ..pulse.heartbeat import HeartbeatConfig

Around = TypeVar("Around")

OWN = ("authenticators", "permissions", "middleware", "expires", "heartbeat", "identifies")
"""What a class endpoint may say of itself, as attributes of these names."""


class WebSocketRouter(Hooked):
    """
    Routes, and what stands around all of them.

    Routes that are added after it was mounted are found as well; so a router may be mounted before it is filled.
    """

    def __init__(self, *, middleware: Several = (), authenticators: Several = (), permissions: Several = ()) -> None:
        self.routes = Routes()
        self.hooks = Hooks()
        self.passage = Passage(
            authenticators=authenticators_of(authenticators),
            permissions=permissions_of(permissions),
            middleware=middleware_of(middleware),
        )
        self.is_outermost = False
        """Whether it is an app's: its paths are whole, and a function's arguments have to be in them."""
        self._mounted_in: list[tuple[WebSocketRouter, str]] = []

    # --- routes

    def route(self, path: str, **options: Any) -> Callable[[Any], Any]:
        """
        `@router.route("/chat/{room}")`, or with `:room`; the options are those of `add_route`.

        TypeError: The path is no text, as for `@router.route` without it.
        """
        given: object = path
        if not isinstance(given, str):
            raise TypeError(f'could not route {given!r}: write the path, @app.ws("/chat")')

        def add(endpoint: Any) -> Any:
            self.add_route(path, endpoint, **options)
            return endpoint

        return add

    ws = route

    def add_route(
        self,
        path: str,
        endpoint: Any,
        *,
        expires: float | None = None,
        encoding: Encoding | None = None,
        heartbeat: HeartbeatConfig | None = None,
        middleware: Several = (),
        authenticators: Several = (),
        permissions: Several = (),
        identifies: bool = False,
    ) -> Route:
        """
        Args:
            endpoint: A coroutine function `f(ws, **path)`, or a class `WebSocketEndpoint`. A class may say the rest of
                itself, as attributes of the same names.
            expires: Seconds after which a connection is closed as expired: 4003.
            encoding: "json", "text" or "bytes": what `on_message` gets. A class has its own attribute.
            heartbeat: In place of the gateway's.
            identifies: Whether it calls `ws.identify` itself, by a first message say. Where the file does not let the
                anonymous connect (`gateway.auth.anonymous`), an endpoint is run only once its client is known; with
                this at once, and who is not identified `authenticate_within` seconds later is closed.
            middleware, authenticators, permissions: One, or several.

        Raises:
            ValueError: The path is none, or has an endpoint already; a time makes no sense. TypeError: The endpoint, an
                encoding, or one of what stands around it is none.
        """
        parsed = Path(path)
        check_endpoint(endpoint, parsed)
        given = {"expires": expires, "heartbeat": heartbeat, "middleware": middleware,
                 "authenticators": authenticators, "permissions": permissions, "identifies": identifies}  # fmt: skip
        route = Route(parsed, endpoint, _passage(endpoint, given, encoding), ((self, path),))
        self._put(route)
        return route

    def get_handler(self, path: str) -> Any:
        """The endpoint of a path, as it is requested or as it was declared; None if there is none."""
        declared = next((route.endpoint for route in self.routes if route.path.text == path), None)
        if declared is not None:
            return declared
        found = self.routes.find(path)
        return None if found is None else found[0].endpoint

    def get_routes(self) -> list[Route]:
        """In the order in which they are asked, those of mounted routers among them, with their whole paths."""
        return list(self.routes)

    # --- what is around them

    def use(self, middleware: Around) -> Around:
        """Adds one inside of those that were added before; returns it, so that it decorates a function as well."""
        added = check_middleware((middleware,))
        self.passage = attrs.evolve(self.passage, middleware=self.passage.middleware + added)
        return middleware

    middleware = use

    def _add_hook(self, moment: str, function: Any, path: str | None, fewest: int, most: int) -> None:
        self.hooks.add(moment, function, path, fewest, most)

    def _add_per_message(self, path: str, function: Any, options: dict[str, Any]) -> Any:
        encoding = options.pop("encoding", None)
        self.add_route(path, per_message(function, encoding), **options)
        return function

    def mount(self, router: WebSocketRouter, prefix: str = "") -> None:
        """
        Takes over the routes of another router, now and later, each with the prefix before its path.

        Raises:
            ValueError: The prefix is no path without its last slash; the routers would contain each other; or a path
                has an endpoint already.
            TypeError: It is no router.
        """
        given: object = router
        if not isinstance(given, WebSocketRouter):
            raise TypeError(f"could not mount {given!r}: it is no WebSocketRouter; give the router itself")
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f'could not mount at {prefix!r}: write it with a slash before and none behind, as "/v1"')
        if router is self or self._is_in(router):
            raise ValueError("could not mount a router into itself: its routes would have no end; mount another one")
        taken = [route.under(self, prefix) for route in router.routes]
        for place, one in [found for route in taken for found in self._places(route)]:
            place._check(one)
        for route in taken:
            self._put(route)
        router._mounted_in.append((self, prefix))

    def _is_in(self, router: WebSocketRouter) -> bool:
        return any(outer is router or outer._is_in(router) for outer, _ in self._mounted_in)

    def _put(self, route: Route) -> None:
        """Here and wherever this is mounted, or nowhere. Raises ValueError."""
        places = list(self._places(route))
        for router, one in places:
            router._check(one)
        for router, one in places:
            router.routes.put(one)

    def _check(self, route: Route) -> None:
        self.routes.check(route)
        if self.is_outermost:
            check_arguments(route.endpoint, route.path)

    def _places(self, route: Route) -> Iterator[tuple[WebSocketRouter, Route]]:
        yield self, route
        for outer, prefix in self._mounted_in:
            yield from outer._places(route.under(outer, prefix))


def _passage(endpoint: Any, given: dict[str, Any], encoding: Encoding | None) -> Passage:
    if isinstance(endpoint, type):
        if encoding is not None:
            raise TypeError(f"could not route to {endpoint.__name__} as {encoding!r}: write `encoding` in the class")
        encoding = getattr(endpoint, "encoding", None)
        given = {name: getattr(endpoint, name, None) if _is_left_out(given[name]) else given[name] for name in OWN}
    if encoding not in ENCODINGS:
        raise TypeError(f'could not route with encoding {encoding!r}: write "json", "text", "bytes" or None')
    if given["identifies"] is not None:
        check_flag("identifies", given["identifies"])
    check_expires(given["expires"])
    check_heartbeat(given["heartbeat"])
    return Passage(
        authenticators=authenticators_of(given["authenticators"]),
        permissions=permissions_of(given["permissions"]),
        middleware=middleware_of(given["middleware"]),
        expires=given["expires"],
        encoding=encoding,
        heartbeat=given["heartbeat"],
        identifies=bool(given["identifies"]),
    )


def _is_left_out(given: Any) -> bool:
    """Zero seconds are given, and wrong; an empty list says nothing, nor does a False."""
    return given is None or given is False or (isinstance(given, list | tuple) and not given)
