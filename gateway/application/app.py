"""The gateway, as an application holds it: what it declares, its handles, and the server that runs all of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import attrs

from actors import ActorRef, Child
from actors.config.config import ConfigError

from ..access.authenticators import JWT
from ..access.tokens import Tokens
from ..close_codes import validate_close
from ..endpoints.endpoint_session import session_of
from ..endpoints.function_session import FunctionSession
from ..events import GatewayStopped, SecretTooShort
from ..limits.names import check_name
from ..messages.receipts import Receipt
from ..node import Node
from ..settings.program import default_file, end_with, planned
from ..settings.sources import load_settings
from ..telemetry.logs import configure_logging
from .connections import Connections, Rooms
from .declarations import Declarations
from .injection import with_gateway
from .topic_handle import ChannelHandle, RoomHandle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp.web import Application

    from actors import ActorSystem

    from ..connections.connection import ConnectionActor
    from ..endpoints.passage import Passage
    from ..endpoints.passage_options import Several
    from ..endpoints.tickets import Ticket
    from ..endpoints.websocket import WebSocket
    from ..engines.stream import History
    from ..pulse.heartbeat import HeartbeatConfig
    from ..settings.config import GatewaySettings
    from ..web.server import WebServer
    from .routes import Route


class Gateway(Declarations):
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
        authenticators: Several = (),
        permissions: Several = (),
        middleware: Several = (),
        heartbeat: HeartbeatConfig | None = None,
    ) -> None:
        super().__init__(
            title=title,
            version=version,
            authenticators=authenticators,
            permissions=permissions,
            middleware=middleware,
            heartbeat=heartbeat,
        )
        self.settings = settings
        self._handles: WeakValueDictionary[str, ChannelHandle] = WeakValueDictionary()
        """Of channels, by name: those that somebody holds, or that have handlers."""
        self._node: Node | None = None
        self._server: WebServer | None = None
        self.connections = Connections(self)
        """By id: the connections that are open now."""
        self.rooms = Rooms(self)

    # --- handles

    def room(self, name: str) -> RoomHandle:
        """Raises TypeError: The name is no text."""
        return RoomHandle(self, name)

    def channel(self, name: str, *, history: History | None = None) -> ChannelHandle:
        """
        The one handle of that name: handlers declared on it stay, and so does `history`, also if it is dropped.

        One without either is not kept, so names may come from clients. With either the name is declared, and open to
        anyone unless the configuration file says otherwise; see `topic`.

        Raises:
            TopicKindError: `history` is given for a name that is declared as a Room, which has its own.
            TypeError: The name is no text.
        """
        check_name(name)
        if history is not None:
            self.topics.keep_history(name, history)
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = ChannelHandle(self, name)
        return handle

    # --- running

    @property
    def system(self) -> ActorSystem:
        """
        What the app's actors live in, those of `app.actor` under /app: find one, keep entities, subscribe to facts.

        Raises RuntimeError while the gateway does not run.
        """
        return self.node.system

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
            raise RuntimeError(f"could not start {self.title!r}: it runs already; stop it first")
        from ..web.server import WebServer

        chosen = settings or self.settings or load_settings(None, {}, {}).settings
        node = self._node = self._make_node(self._with_heartbeat(chosen), node_options)
        try:
            await node.open()
            self._server = WebServer(self, node)  # tells and counts what happens from here on
            await node.grow(self._declared_actors(), {"Gateway": self})
            await self._server.start(listens=listens)
        except BaseException:
            await self.stop()
            raise
        for fact in self._weak_secrets(node):
            node.events.publish(fact)

    def _make_node(self, settings: GatewaySettings, options: Mapping[str, Any]) -> Node:
        return Node(
            settings,
            self.topics.behaviour_for,
            calls=self.calls,
            authenticators=self.authenticators,
            permits=self.topics.permits,
            topics=self.topics.within(settings),
            params_of=self.topics.params_of,
            limited_events=self.limited_events,
            **options,
        )

    def _weak_secrets(self, node: Node) -> Iterator[SecretTooShort]:
        for path, secret in node.auth.secrets.items():
            tokens = Tokens(secret)
            if tokens.is_weak:
                yield SecretTooShort(path, tokens.bytes, tokens.wanted)
        of_routes = (one for route in self.routes for one in route.passage.authenticators)
        every = {id(one): one for one in (*self.authenticators, *of_routes)}  # an app's need not be hashable
        for one in every.values():
            if isinstance(one, JWT) and one.tokens.is_weak:
                yield SecretTooShort("JWT", one.tokens.bytes, one.tokens.wanted)

    async def drain(self) -> None:
        """Readiness off, no new connections, everybody is let go in bounded time. `stop` follows."""
        await self.server.drain()

    async def stop(self) -> None:
        """Takes everything down; safe to call twice. Raises what ended the tree, or a handler's `sys.exit`."""
        (server, self._server), node = (self._server, None), self._node
        try:
            if server is not None:
                await server.stop()
            if self._node is not None:
                await self._node.stop()
        finally:
            self._node = None  # only now: until the tree is down, the app's actors publish
            if node is not None and server is not None and server.started is not None and node.is_down:
                node.events.publish(GatewayStopped(round(node.now() - server.started, 3)))

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

        As `hubbub serve` with this application: from the arguments, then the environment, then the file, then the
        defaults. The log is set up as well, unless the program has done that. A setting that is wrong is said on
        standard error, and ends the program with 2.

        Args:
            host: Goes before the environment and the file, as `port` does.
            config: A TOML file, as for `hubbub serve --config`; without, `hubbub.toml` if there is one.
            settings: All of it, in place of the others; also those that the gateway was made with.

        Raises:
            RuntimeError: Not on the main thread.
        """
        flags = {"--host": host, "--port": port}
        chosen = settings or self.settings or self._settings_from(config, flags)
        configure_logging(chosen.log.format, keeps=True)
        return self.run_configured(chosen)

    @staticmethod
    def _settings_from(config: str | Path | None, flags: Mapping[str, object]) -> GatewaySettings:
        file = default_file() if config is None else Path(config)
        try:
            loaded = load_settings(file, os.environ, flags, app=True)
            planned(loaded)
        except ConfigError as error:
            end_with(error.letters())
        return loaded.settings

    def run_configured(self, settings: GatewaySettings) -> int:
        """What `hubbub serve` calls."""
        from ..web.process import run

        return run(self, settings)

    def mount_into(self, application: Application, settings: GatewaySettings | None = None) -> None:
        """
        Runs inside somebody's aiohttp application: starts and stops with it, and answers where it has nothing itself.

        The gateway then listens nowhere but at its admin address. Call it before the application runs, with the one
        that is run: paths are whole ones, so that one below a prefix (`add_subapp`) would ask for none of ours.
        """
        from ..web.http import mount_into

        mount_into(self, application, settings)

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

    # --- what its parts ask of it

    def prepare(self, ticket: Ticket, route: Route, arguments: Mapping[str, Any]) -> None:
        """What the connection of this ticket needs to reach its endpoint."""
        passage = ticket.passage = self._passage(route)
        ticket.heartbeat = passage.heartbeat
        ticket.expires_at = None if passage.expires is None else self.node.wall() + passage.expires
        ticket.says_goodbye = route.is_class or bool(passage.hooks.disconnected)
        ticket.session = StartsSession(route.endpoint, arguments, passage)
        if route.is_class:
            ticket.limits = route.endpoint._typed.limits

    def _declared_actors(self) -> list[Child]:
        return [
            Child(actor_class, args, with_gateway(actor_class, args, kwargs, self), **options)
            for actor_class, args, kwargs, options in self._actors
        ]

    def _with_heartbeat(self, settings: GatewaySettings) -> GatewaySettings:
        if self.heartbeat is None:
            return settings
        return attrs.evolve(settings, gateway=attrs.evolve(settings.gateway, heartbeat=self.heartbeat))


@attrs.frozen(eq=False)
class StartsSession:
    """How the app code of an endpoint is started below its connection's machine; a closure would take 0.2 KiB."""

    endpoint: Any
    arguments: Mapping[str, Any]
    passage: Passage

    def __call__(self, machine: ConnectionActor, ws: WebSocket) -> ActorRef[Any]:
        if isinstance(self.endpoint, type):
            return machine.spawn_session(session_of(self.endpoint, self.passage), ws, self.endpoint, self.passage)
        return machine.spawn_session(FunctionSession, ws, self.endpoint, self.arguments, self.passage)
