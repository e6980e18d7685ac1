"""The gateway, as an application holds it: endpoints, topics, handles, and the server that runs them."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, ActorRef, Child, ChildSpec

from .behaviour import Behaviour, Room
from .config import GatewaySettings, TopicSettings
from .injection import with_gateway
from .node import Node
from .reasons import TopicKindError
from .routes import Routes
from .session import EndpointSession, FunctionSession
from .settings_sources import load_settings
from .topic_handle import ChannelHandle, RoomHandle
from .topic_patterns import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from .connection import ConnectionActor
    from .outbox import SlowPolicy
    from .stream import History
    from .web.server import WebServer
    from .websocket import WebSocket


MAX_STATIC = 1_000
"""Files one call of `static` may serve: a page and its parts, not a file server."""


@attrs.frozen(eq=False)
class DeclaredTopic:
    """A pattern with app code."""

    pattern: TopicPattern
    behaviour: type[Behaviour]


class Gateway:
    """
    An application: `app = Gateway()`, then declare, then `app.run()` or `hubbub serve module:app`.

    Nothing runs before `start`; two gateways may live in one process.
    """

    def __init__(self, *, title: str = "hubbub", settings: GatewaySettings | None = None) -> None:
        self.title = title
        self.routes = Routes()
        self.settings = settings
        self._topics: list[DeclaredTopic] = []
        self._topic_settings: dict[str, TopicSettings] = {}
        self._channels: dict[str, ChannelHandle] = {}
        self._actors: list[tuple[type[Actor], tuple[Any, ...], dict[str, Any]]] = []
        self._node: Node | None = None
        self._server: WebServer | None = None
        self.pages: dict[str, tuple[Path, str]] = {}
        """URL path to (file, content type); see `static`."""

    # --- declaring

    def ws(self, path: str) -> Callable[[Any], Any]:
        """An endpoint: a coroutine function `f(ws, **path)`, or a `WebSocketEndpoint` class. Raw frames."""

        def add(endpoint: Any) -> Any:
            self.routes.add(path, endpoint)
            return endpoint

        return add

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
            self._topics.sort(key=lambda one: one.pattern.rank, reverse=True)
            self._topic_settings[pattern] = attrs.evolve(DECLARED, **changes)
            return behaviour

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

    async def start(self, settings: GatewaySettings | None = None, **node_options: Any) -> None:
        """Brings up the tree and the listeners on the running loop. `stop` takes them down."""
        if self._node is not None:
            raise RuntimeError(f"could not start {self.title!r}: it runs already")
        from .web.server import WebServer

        chosen = settings or self.settings or load_settings(None, {}, {}).settings
        chosen = self._with_declared_topics(chosen)
        node = self._node = Node(chosen, self._behaviour_for, **node_options)
        try:
            await node.open()
            self._server = WebServer(self, node)  # tells and counts what happens from here on
            await node.grow(self._declared_actors(), {"Gateway": self})
            await self._server.start()
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

    def run(self, *, host: str | None = None, port: int | None = None, settings: GatewaySettings | None = None) -> int:
        """Blocks until a signal, then drains. Returns the exit code."""
        chosen = settings or load_settings(None, {}, {"--host": host, "--port": port}).settings
        return self.run_configured(chosen)

    def run_configured(self, settings: GatewaySettings) -> int:
        """What `hubbub serve` calls."""
        from .web.process import run

        return run(self, settings)

    def session_factory(
        self, endpoint: Any, arguments: dict[str, Any]
    ) -> Callable[[ConnectionActor, WebSocket], ActorRef[Any]]:
        """How the app code of an endpoint is started below its connection's machine."""
        if isinstance(endpoint, type):
            return lambda machine, ws: machine.spawn_session(EndpointSession, ws, endpoint)
        return lambda machine, ws: machine.spawn_session(FunctionSession, ws, endpoint, arguments)

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
        return attrs.evolve(settings, topics=topics)


DECLARED = TopicSettings(join="anyone", publish="anyone")
"""A topic with app code is open unless the file says otherwise: its `on_join` and handlers decide."""


def _content_type(name: str) -> str:
    """By Python's own table: what the system's files say would differ from one machine to the next."""
    kind, encoding = mimetypes.MimeTypes().guess_type(name, strict=False)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return "text/javascript" if kind == "application/javascript" else kind  # RFC 9239 6
