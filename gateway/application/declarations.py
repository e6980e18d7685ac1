"""
What an application declares before it runs: endpoints and what stands around them, topics, actors, calls, pages.

Nothing here runs. `app` takes it from here when the gateway is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from actors import Actor, ChildSpec
from actors.config.config import ConfigError

from ..arity import made_with, name_of, refusal
from ..endpoints.hooks import Hooked
from ..endpoints.passage_options import authenticators_of, check_heartbeat, permissions_of
from ..settings.topic_options import topic_options
from ..settings.topic_patterns import TopicPattern
from .declared_topics import DeclaredTopics
from .router import WebSocketRouter
from .static_files import pages_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp.web import RouteTableDef

    from ..endpoints.passage import Passage
    from ..endpoints.passage_options import Several
    from ..endpoints.websocket import WebSocket
    from ..engines.stream import History
    from ..pulse.heartbeat import HeartbeatConfig
    from ..settings.topic import Who
    from ..sockets.outbox import SlowPolicy
    from ..topics.behaviour import Room
    from .routes import Route

Call = TypeVar("Call", bound="Callable[..., Any]")
Around = TypeVar("Around")
Asked = TypeVar("Asked")


class Declarations(Hooked):
    """Base of `Gateway`."""

    def __init__(
        self,
        *,
        title: str = "hubbub",
        version: str = "",
        authenticators: Several = (),
        permissions: Several = (),
        middleware: Several = (),
        heartbeat: HeartbeatConfig | None = None,
    ) -> None:
        check_heartbeat(heartbeat)
        self.title = title
        self.version = version
        self.authenticators = authenticators_of(authenticators)
        """Of every connection; the first that knows the client says who it is."""
        self.permissions = permissions_of(permissions)
        """Asked before any upgrade, once the client is known."""
        self.heartbeat = heartbeat
        """Of every connection whose endpoint has none of its own; None: as configured."""
        self.calls: dict[str, Callable[[WebSocket, Any], Any]] = {}
        """What clients may call, by method; under the empty name what they send without wanting an answer."""
        self.router = WebSocketRouter(middleware=middleware, authenticators=authenticators, permissions=permissions)
        self.router.is_outermost = True
        self.routes = self.router.routes
        self.topics = DeclaredTopics()
        self.pages: dict[str, tuple[Path, str]] = {}
        """URL path to (file, content type); see `static`."""
        self._actors: list[tuple[type[Actor], tuple[Any, ...], dict[str, Any], dict[str, Any]]] = []
        self._passages: dict[Route, Passage] = {}
        self._http: RouteTableDef | None = None

    # --- endpoints

    def ws(self, path: str, **options: Any) -> Callable[[Any], Any]:
        """
        An endpoint: a coroutine function `f(ws, **path)`, or a `WebSocketEndpoint` class. Raw frames.

        The options are those of `WebSocketRouter.add_route`: `expires`, `encoding`, `heartbeat`, `middleware`,
        `authenticators`, `permissions`, `identifies`.
        """
        return self.router.route(path, **options)

    def mount(self, router: WebSocketRouter, prefix: str = "") -> None:
        """The routes of a router, now and later, each with the prefix before its path."""
        self.router.mount(router, prefix)

    def use(self, middleware: Around) -> Around:
        """
        Around every endpoint, outside of what is added later and of what routers and endpoints have.

        Around endpoints alone: clients of the native, Centrifuge and Phoenix wires pass none (see `middleware`).
        """
        self._passages.clear()
        return self.router.use(middleware)

    middleware = use

    def _add_hook(self, moment: str, function: Any, path: str | None, fewest: int, most: int) -> None:
        self.router._add_hook(moment, function, path, fewest, most)
        self._passages.clear()

    def _add_per_message(self, path: str, function: Any, options: dict[str, Any]) -> Any:
        return self.router._add_per_message(path, function, options)

    def _passage(self, route: Route) -> Passage:
        """Put together once per route: what a router is given after the route's first connection is not around it."""
        passage = self._passages.get(route)
        if passage is None:
            passage = route.passage
            for router, path in route.places:
                passage = passage.within(attrs.evolve(router.passage, hooks=router.hooks.of(path)))
            self._passages[route] = passage
        return passage

    # --- topics

    def topic(
        self,
        pattern: str,
        *,
        history: History | None = None,
        slow: SlowPolicy | None = None,
        max_members: int | None = None,
        presence: bool | None = None,
        presence_grace: float | None = None,
        join: Who | None = None,
        publish: Who | None = None,
    ) -> Callable[[type[Room]], type[Room]]:
        """
        The app code of every topic that matches: a name, `prefix*`, or `game:{game_id}`.

        What is given here means what it means in the configuration file, and holds where that says nothing: a key that
        somebody wrote into the most specific section for a name goes before it, whatever the section's pattern. What
        neither says is open to anyone, without history and presence.

        Args:
            join, publish: "anyone", "authenticated" or "nobody"; among clients. `permits` is for more than that.
            presence_grace: Seconds for which somebody who was cut off is still shown.

        Raises:
            ConfigError: The pattern is none, or a value has a wrong type or range. ValueError: It is declared already.
        """
        parsed = _pattern(pattern)
        given = {
            "history": history, "slow": slow, "max_members": max_members, "presence": presence,
            "presence_grace": presence_grace, "join": join, "publish": publish,
        }  # fmt: skip
        changes = topic_options(f"@app.topic({pattern!r})", given)

        def add(behaviour: type[Room]) -> type[Room]:
            if not (isinstance(behaviour, type) and hasattr(behaviour, "limits")):  # a function, as `app.ws` takes it
                words = "it is no class of Room; write class Game(Room)"
                raise TypeError(f"could not declare topic {pattern!r} with {behaviour!r}: {words}")
            wrong = made_with(behaviour, 2, "initial_state or on_start")
            if wrong is not None:
                raise TypeError(f"could not declare topic {pattern!r} with {behaviour.__name__}: {wrong}")
            self.topics.add(parsed, behaviour, changes)
            return behaviour

        return add

    def permits(self, pattern: str) -> Callable[[Asked], Asked]:
        """
        Who may do what in the topics that match: `(principal, action, topic)`, plain or a coroutine function.

        It is asked for "join", "publish", "history" and "presence" of clients, never for what app code does; for "join"
        not where a token of that topic stands for it, for "history" and "presence" also by joins that would show them.
        It answers True, False or a `Refused`, within 3 s; a yes is kept until the client is somebody else, was put
        out of a topic, or `ws.forget_permissions()`. Also `app.permits("a:*")(HasRole("x"))`.

        Of several patterns the most specific one is asked. What the configuration file says of a topic holds as well;
        a pattern that no section matches is declared by this, and open to whom it lets in.

        Raises:
            ConfigError: The pattern is none. ValueError: It has one already. TypeError: It cannot be asked.
        """
        parsed = _pattern(pattern)

        def add(permission: Asked) -> Asked:
            self.topics.permit(parsed, permission)
            return permission

        return add

    def is_room(self, name: str) -> bool:
        """Whether a class is declared for it."""
        return self.topics.is_room(name)

    @property
    def limited_events(self) -> set[str]:
        """Events that have a limit of their own somewhere; see `DeclaredTopics`."""
        return self.topics.limited_events

    # --- the rest

    def actor(
        self,
        actor_class: type[Actor],
        /,
        *args: Any,
        name: str | None = None,
        restart: str = "permanent",
        **kwargs: Any,
    ) -> None:
        """
        An actor of the app, started under /app with the gateway, as `actor_class(*args, **kwargs)`.

        Raises:
            TypeError: It is no class of Actor. ValueError: `restart` is no restart type.
        """
        given: object = actor_class
        if not (isinstance(given, type) and issubclass(given, Actor)):
            raise TypeError(f"could not declare the actor {given!r}: it is no class of Actor; give the class itself")
        spec = ChildSpec(restart=restart)  # type: ignore[arg-type]
        self._actors.append((actor_class, args, kwargs, {"name": name, "spec": spec}))

    def rpc(self, method: str) -> Callable[[Call], Call]:
        """
        What clients may call by that name: `handler(ws, data)`, plain or a coroutine function; what it returns is sent.

        One with a parameter `topic` gets that on which a client of Phoenix said it; None on other wires.

        Raises:
            ValueError: The name is empty, or has a handler already. TypeError: It cannot be called so.
        """
        given: object = method
        if not isinstance(given, str):
            raise TypeError(f'{given!r} is no name of a call; write it, as @app.rpc("call")')
        if not method:
            raise ValueError("could not declare a call without a name: `@app.on_send` is for what needs no answer")
        return lambda handler: self._declare_call(method, handler)

    def on_send(self, handler: Call) -> Call:
        """`handler(ws, data)` for what clients send without wanting an answer. One of them; raises as `rpc` does."""
        return self._declare_call("", handler)

    def _declare_call(self, method: str, handler: Call) -> Call:
        said = f"the call {method!r}" if method else "the handler of `on_send`"
        if not callable(handler):
            raise TypeError(f"could not declare {said}: {handler!r} cannot be called; give a function `(ws, data)`")
        wrong = refusal(handler, 2, "topic")
        if wrong is not None:
            raise TypeError(f"could not declare {said}: {wrong}, the ws and the data")
        if method in self.calls:
            raise ValueError(
                f"could not declare {said}: it has one already, {name_of(self.calls[method])}; choose another name"
            )
        self.calls[method] = handler
        return handler

    def static(self, prefix: str, directory: Path | str) -> None:
        """
        Serves the files of a directory and those below it under `prefix`, `index.html` at the prefix itself.

        The list is made now, and files are read when asked for: one that is added later is served after a restart. So
        no path that somebody asks for ever meets the file system.

        Raises:
            ValueError: It is no directory, or has no file, or more than 1,000.
        """
        self.pages.update(pages_of(prefix, directory))

    @property
    def http(self) -> RouteTableDef:
        """
        HTTP beside the sockets: `@app.http.get("/about")`, as in aiohttp. These paths go before those of endpoints.

        Declare them before `start`.
        """
        if self._http is None:
            from ..web.http import route_table

            self._http = route_table()
        return self._http

    @property
    def has_http(self) -> bool:
        return bool(self._http)


def _pattern(text: str) -> TopicPattern:
    given: object = text
    if not isinstance(given, str):  # a decorator without parentheses is given what stands below it
        raise TypeError(f'{given!r} is no pattern of topics; write one, as "game:{{game_id}}"')
    try:
        return TopicPattern(text)
    except ConfigError as error:
        raise error.within(f"the topic pattern {text!r}") from None
