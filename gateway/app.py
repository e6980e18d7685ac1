"""The gateway, as an application holds it: endpoints, topics, handles, and the server that runs them."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from actors import Actor, ActorRef, Child, ChildSpec

from .behaviour import Behaviour, Room
from .config import WHEEL_SLOT, GatewaySettings, TopicSettings
from .connections import Connections, Rooms
from .heartbeat import Heartbeat
from .hooks import Hooked
from .injection import with_gateway
from .node import Node
from .permissions import permit_by
from .reasons import TopicKindError, validate_close
from .receipts import Receipt
from .router import WebSocketRouter
from .session import EndpointSession, FunctionSession
from .settings_sources import load_settings
from .topic_handle import ChannelHandle, RoomHandle
from .topic_patterns import TopicPattern, TopicTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp.web import Application, RouteTableDef

    from .connection import ConnectionActor
    from .heartbeat import HeartbeatConfig
    from .outbox import SlowPolicy
    from .passage import Passage
    from .permissions import Permit
    from .routes import Route
    from .stream import History
    from .tickets import Ticket
    from .web.server import WebServer
    from .websocket import WebSocket


Call = TypeVar("Call", bound="Callable[..., Any]")
Around = TypeVar("Around")
Asked = TypeVar("Asked")

MAX_STATIC = 1_000
"""Files one call of `static` may serve: a page and its parts, not a file server."""


@attrs.frozen(eq=False)
class DeclaredTopic:
    """A pattern with app code."""

    pattern: TopicPattern
    behaviour: type[Behaviour]


class Gateway(Hooked):
    """
    An application: `app = Gateway()`, then declare, then `app.run()` or `hubbub serve module:app`.

    Nothing runs before `start`; two gateways may live in one process.
    """

    def __init__(
        self,
        *,
        title: str = "hubbub",
        version: str = "",
        settings: GatewaySettings | None = None,
        authenticators: Sequence[Any] = (),
        permissions: Sequence[Any] = (),
        middleware: Sequence[Any] = (),
        heartbeat: HeartbeatConfig | None = None,
    ) -> None:
        if heartbeat is not None:
            Heartbeat(heartbeat, slot=WHEEL_SLOT)  # raises for one that the wheel could not keep
        self.title = title
        self.version = version
        self.authenticators = tuple(authenticators)
        """Of every connection; the first that knows the client says who it is."""
        self.permissions = tuple(permissions)
        """Asked before any upgrade, once the client is known."""
        self.heartbeat = heartbeat
        """Of every connection whose endpoint has none of its own; None: as configured."""
        self.calls: dict[str, Callable[[WebSocket, Any], Any]] = {}
        """What clients may call, by method; under the empty name what they send without wanting an answer."""
        self.limited_events: set[str] = set()
        """Names of events that have a limit of their own in some topic: for every other there is nothing to look up."""
        self.router = WebSocketRouter(middleware=middleware, authenticators=authenticators, permissions=permissions)
        self.router.is_outermost = True
        self.routes = self.router.routes
        self.settings = settings
        self._topics: list[DeclaredTopic] = []
        self._topic_settings: dict[str, TopicSettings] = {}
        self._permits: dict[str, Permit] = {}
        self._channels: dict[str, ChannelHandle] = {}
        self._actors: list[tuple[type[Actor], tuple[Any, ...], dict[str, Any]]] = []
        self._node: Node | None = None
        self._server: WebServer | None = None
        self.pages: dict[str, tuple[Path, str]] = {}
        """URL path to (file, content type); see `static`."""
        self._passages: dict[Route, Passage] = {}
        self._http: RouteTableDef | None = None
        self.connections = Connections(self)
        """By id: the connections that are open now."""
        self.rooms = Rooms(self)

    # --- declaring

    def ws(self, path: str, **options: Any) -> Callable[[Any], Any]:
        """
        An endpoint: a coroutine function `f(ws, **path)`, or a `WebSocketEndpoint` class. Raw frames.

        The options are those of `WebSocketRouter.add_route`: `expires`, `encoding`, `heartbeat`, `middleware`,
        `authenticators`, `permissions`.
        """
        return self.router.route(path, **options)

    def mount(self, router: WebSocketRouter, prefix: str = "") -> None:
        """The routes of a router, now and later, each with the prefix before its path."""
        self.router.mount(router, prefix)

    def use(self, middleware: Around) -> Around:
        """Around every endpoint, outside of what is added later and of what routers and endpoints have."""
        self._passages.clear()
        return self.router.use(middleware)

    middleware = use

    def _add_hook(self, moment: str, function: Any, path: str | None, fewest: int, most: int) -> None:
        self.router._add_hook(moment, function, path, fewest, most)
        self._passages.clear()

    def _add_per_message(self, path: str, function: Any, options: dict[str, Any]) -> Any:
        return self.router._add_per_message(path, function, options)

    def topic(
        self,
        pattern: str,
        *,
        history: History | None = None,
        slow: SlowPolicy | None = None,
        max_members: int | None = None,
        presence: bool | None = None,
    ) -> Callable[[type[Room]], type[Room]]:
        """
        The app code of every topic that matches: a name, `prefix*`, or `game:{game_id}`.

        What is given here goes before the configuration file's section of the same pattern.

        Raises:
            ConfigError: The pattern is none. ValueError: It is declared already.
        """
        parsed = TopicPattern(pattern)
        given = {"history": history, "slow": slow, "max_members": max_members, "presence": presence}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

        def add(behaviour: type[Room]) -> type[Room]:
            if any(one.pattern.shape == parsed.shape for one in self._topics):
                raise ValueError(f"could not declare {pattern!r}: it has app code already")
            self._topics.append(DeclaredTopic(parsed, behaviour))
            self.limited_events.update(behaviour.limits)
            self._topics.sort(key=lambda one: one.pattern.rank, reverse=True)
            self._topic_settings[pattern] = attrs.evolve(DECLARED, **changes)
            return behaviour

        return add

    def permits(self, pattern: str) -> Callable[[Asked], Asked]:
        """
        Who may do what in the topics that match: `(principal, action, topic)`, plain or a coroutine function.

        It is asked for "join", "publish", "history" and "presence" of clients, never for what app code does, and not
        for a join with a token of that topic. It answers True, False or a `Refused`, within 3 s; a yes is kept until
        the client is somebody else, was kicked, or `ws.forget_permissions()`. Also `app.permits("a:*")(HasRole("x"))`.

        Of several patterns the most specific one is asked. What the configuration file says of a topic holds as well;
        a pattern that no section matches is declared by this, and open to whom it lets in.

        Raises:
            ConfigError: The pattern is none. ValueError: It has one already. TypeError: It cannot be asked.
        """
        shape = TopicPattern(pattern).shape

        def add(permission: Asked) -> Asked:
            if any(TopicPattern(one).shape == shape for one in self._permits):
                raise ValueError(f"could not declare who may use {pattern!r}: it has a function for that already")
            self._permits[pattern] = permit_by(permission)
            return permission

        return add

    def room(self, name: str) -> RoomHandle:
        return RoomHandle(self, name)

    def channel(self, name: str, *, history: History | None = None) -> ChannelHandle:
        """
        The one handle of that name: handlers declared on it stay, and so does `history`.

        With either it is declared, and open to clients unless the configuration file says otherwise.

        Raises:
            TopicKindError: `history` is given for a name that is declared as a Room, which has its own.
        """
        if name not in self._channels:
            self._channels[name] = ChannelHandle(self, name)
        if history is not None:
            if self.is_room(name):
                raise TopicKindError(name, "room", "channel")
            self._topic_settings[name] = attrs.evolve(DECLARED, history=history)
        return self._channels[name]

    def actor(
        self, actor_class: type[Actor], /, *args: Any, name: str | None = None, restart: str = "permanent"
    ) -> None:
        """An actor of the app, started under /app with the gateway."""
        spec = ChildSpec(restart=restart)  # type: ignore[arg-type]
        self._actors.append((actor_class, args, {"name": name, "spec": spec}))

    def static(self, prefix: str, directory: Path) -> None:
        """
        Serves the files of a directory and those below it under `prefix`, `index.html` at the prefix itself.

        The list is made now; files are read when asked for. Raises ValueError for no directory, or more than 1,000.
        """
        if not prefix.startswith("/"):
            raise ValueError(f'could not serve {directory} under {prefix!r}: a path starts with "/"')
        found = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
        if not 0 < len(found) <= MAX_STATIC:
            raise ValueError(
                f"could not serve {directory}: it has {len(found)} files; give a directory of 1 to {MAX_STATIC}"
            )
        for path in found:
            name = path.relative_to(directory).as_posix()
            kind = _content_type(name)
            self.pages[prefix.rstrip("/") + "/" + name] = (path, kind)
            if name == "index.html":
                self.pages[prefix.rstrip("/") + "/"] = (path, kind)

    def rpc(self, method: str) -> Callable[[Call], Call]:
        """
        What clients may call by that name: `handler(ws, data)`, plain or a coroutine function; what it returns is sent.

        Raises:
            ValueError: The name is empty, or has a handler already. TypeError: It cannot be called.
        """
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
        if method in self.calls:
            raise ValueError(f"could not declare {said}: it has one already, {self.calls[method].__qualname__}")
        self.calls[method] = handler
        return handler

    @property
    def http(self) -> RouteTableDef:
        """
        HTTP beside the sockets: `@app.http.get("/about")`, as in aiohttp. These paths go before those of endpoints.

        Declare them before `start`.
        """
        if self._http is None:
            from .web.http import route_table

            self._http = route_table()
        return self._http

    @property
    def has_http(self) -> bool:
        return bool(self._http)

    def mount_into(self, application: Application, settings: GatewaySettings | None = None) -> None:
        """
        Runs inside somebody's aiohttp application: starts and stops with it, and answers where it has nothing itself.

        The gateway then listens nowhere but at its admin address. Call it before the application runs.
        """
        from .web.http import mount_into

        mount_into(self, application, settings)

    def is_room(self, name: str) -> bool:
        return any(one.pattern.match(name) is not None for one in self._topics)

    # --- running

    @property
    def node(self) -> Node:
        if self._node is None:
            raise RuntimeError(f"could not use {self.title!r}: the gateway is not running; start it first")
        return self._node

    @property
    def server(self) -> WebServer:
        if self._server is None:
            raise RuntimeError(f"could not use {self.title!r}: the gateway is not running; start it first")
        return self._server

    async def start(
        self, settings: GatewaySettings | None = None, *, listens: bool = True, **node_options: Any
    ) -> None:
        """
        Brings up the tree and the listeners on the running loop. `stop` takes them down.

        Args:
            listens: Whether at the public address; not if it is mounted into another application.
        """
        if self._node is not None:
            raise RuntimeError(f"could not start {self.title!r}: it runs already")
        from .web.server import WebServer

        chosen = settings or self.settings or load_settings(None, {}, {}).settings
        chosen = self._with_heartbeat(self._with_declared_topics(chosen))
        node = self._node = Node(
            chosen,
            self._behaviour_for,
            calls=self.calls,
            authenticators=self.authenticators,
            permits=self._permits,
            limited_events=self.limited_events,
            **node_options,
        )
        try:
            await node.open()
            self._server = WebServer(self, node)  # tells and counts what happens from here on
            await node.grow(self._declared_actors(), {"Gateway": self})
            await self._server.start(listens=listens)
        except BaseException:
            await self.stop()
            raise

    async def drain(self) -> None:
        """Readiness off, no new connections, everybody is let go in bounded time. `stop` follows."""
        await self.server.drain()

    async def stop(self) -> None:
        """Takes everything down; safe to call twice."""
        server, self._server = self._server, None
        try:
            if server is not None:
                await server.stop()
            if self._node is not None:
                await self._node.stop()
        finally:
            self._node = None  # only now: until the tree is down, the app's actors publish

    def run(
        self,
        *,
        host: str | None = None,
        port: int | None = None,
        config: str | Path | None = None,
        settings: GatewaySettings | None = None,
    ) -> int:
        """
        Blocks until a signal, then drains. Returns the exit code.

        Args:
            host: Goes before the file, as `port` does.
            config: A TOML file, as for `hubbub serve --config`.
            settings: All of it, in place of the others.
        """
        if settings is None:
            file = None if config is None else Path(config)
            settings = load_settings(file, {}, {"--host": host, "--port": port}).settings
        return self.run_configured(settings)

    def close_all(self, code: int = 1001, reason: str = "") -> Receipt[int]:
        """
        Starts the close of every open connection; awaiting gives how many. Raises ValueError as `ws.close` does.
        """
        validate_close(code, reason)
        closing = list(self.connections.values())
        for connection in closing:
            connection.close(code, reason)
        return Receipt.of(len(closing))

    def clear_history(self) -> Receipt[None]:
        """Forgets what every topic keeps; positions go on, so who comes back learns that it missed something."""
        self.node.engine.clear_all()
        return Receipt.of(None)

    def run_configured(self, settings: GatewaySettings) -> int:
        """What `hubbub serve` calls."""
        from .web.process import run

        return run(self, settings)

    def prepare(self, ticket: Ticket, route: Route, arguments: dict[str, Any]) -> None:
        """What the connection of this ticket needs to reach its endpoint."""
        passage = ticket.passage = self._passage(route)
        ticket.heartbeat = passage.heartbeat
        ticket.expires_at = None if passage.expires is None else self.node.wall() + passage.expires
        ticket.says_goodbye = route.is_class or bool(passage.hooks.disconnected)
        ticket.session = _session_factory(route.endpoint, arguments, passage)
        if route.is_class:
            ticket.limits = route.endpoint._typed.limits

    def _passage(self, route: Route) -> Passage:
        """Put together once per route: what a router is given after the route's first connection is not around it."""
        passage = self._passages.get(route)
        if passage is None:
            passage = route.passage
            for router, path in route.places:
                passage = passage.within(attrs.evolve(router.passage, hooks=router.hooks.of(path)))
            self._passages[route] = passage
        return passage

    def _declared_actors(self) -> list[Child]:
        return [
            Child(actor_class, args, with_gateway(actor_class, args, {}, self), **options)
            for actor_class, args, options in self._actors
        ]

    def _behaviour_for(self, name: str) -> type[Behaviour] | None:
        for declared in self._topics:
            if declared.pattern.match(name) is not None:
                return declared.behaviour
        channel = self._channels.get(name)
        return channel.behaviour() if channel is not None else None

    def _with_heartbeat(self, settings: GatewaySettings) -> GatewaySettings:
        if self.heartbeat is None:
            return settings
        return attrs.evolve(settings, gateway=attrs.evolve(settings.gateway, heartbeat=self.heartbeat))

    def _with_declared_topics(self, settings: GatewaySettings) -> GatewaySettings:
        """Code goes before the file where both name a pattern, setting by setting; a file may add others."""
        topics = dict(settings.topics)
        handled = {name: DECLARED for name, channel in self._channels.items() if channel.has_handlers}
        for pattern, declared in {**handled, **self._topic_settings}.items():
            base = topics.get(pattern, attrs.evolve(declared))
            changed = {
                field.name: getattr(declared, field.name)
                for field in attrs.fields(TopicSettings)
                if getattr(declared, field.name) != getattr(DECLARED, field.name)
            }
            topics[pattern] = attrs.evolve(base, **changed)
        known = TopicTable(topics, DECLARED)
        topics.update({pattern: DECLARED for pattern in self._permits if not known.is_declared(pattern)})
        return attrs.evolve(settings, topics=topics)


DECLARED = TopicSettings(join="anyone", publish="anyone")
"""A topic with app code is open unless the file says otherwise: its `on_join` and handlers decide."""


def _session_factory(
    endpoint: Any, arguments: dict[str, Any], passage: Passage
) -> Callable[[ConnectionActor, WebSocket], ActorRef[Any]]:
    """How the app code of an endpoint is started below its connection's machine."""
    if isinstance(endpoint, type):
        return lambda machine, ws: machine.spawn_session(EndpointSession, ws, endpoint, passage)
    return lambda machine, ws: machine.spawn_session(FunctionSession, ws, endpoint, arguments, passage)


def _content_type(name: str) -> str:
    """By Python's own table: what the system's files say would differ from one machine to the next."""
    kind, encoding = mimetypes.MimeTypes().guess_type(name, strict=False)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return "text/javascript" if kind == "application/javascript" else kind  # RFC 9239 6
