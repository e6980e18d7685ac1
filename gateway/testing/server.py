"""
A gateway under test: on a real loopback socket, in the loop of the test, with a clock that the test moves on.

It is the one of production but for three things: the system chooses the port, there is no admin listener, and one more
authenticator is asked before all others, which believes the badges of this server alone (`badges`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from actors import ActorSystem, NotCharged
from actors.events import ActorFailed
from actors.testkit.movable_time import MovableClock, MovableTimeLoop
from actors.testkit.threads import threads_at_work

from ..access.tokens import Tokens
from ..application.app import Gateway
from ..settings.listen import AdminSettings
from ..settings.parts import plan_tree
from ..settings.sources import load_settings
from .badges import Badges
from .client import Client
from .conversation import Conversation
from .facts import PATIENCE, Facts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType
    from typing import Any, Self

    from ..access.handshake import Handshake
    from ..access.identity import Principal
    from ..settings.config import GatewaySettings

F = TypeVar("F")

CENTRIFUGE = "/connection/websocket"


class NotedClock(MovableClock):
    """The clock of one test, which a failure's report knows of."""

    def __init__(self, loop: MovableTimeLoop, conversation: Conversation) -> None:
        super().__init__(loop)
        self._conversation = conversation

    def advance(self, seconds: float) -> Awaitable[None]:
        passing = super().advance(seconds)
        self._conversation.note("clock", "~", f"{seconds:g} s")
        return passing


class Server:
    """
    `async with gateway(app) as server:`. Several may run at once; those of one test share its time, and nothing else.

    Raises, on entering:
        TypeError: `app` is no Gateway. RuntimeError: It runs already, or the loop is not the test's own.
        ConfigError: The settings are wrong.
    """

    def __init__(
        self,
        app: Gateway,
        *,
        settings: GatewaySettings | None = None,
        config: Path | str | None = None,
        conversation: Conversation | None = None,
    ) -> None:
        """
        Args:
            settings: All of it. Default: those the app was made with, else those of `hubbub serve module:app`.
            config: A TOML file, read in place of them.
            conversation: Where to note what is said; the fixture gives that of its test.
        """
        if not isinstance(app, Gateway):
            raise TypeError(f"could not serve {app!r}: it is no Gateway; give the app itself")
        self.app = app
        self.clock: NotedClock
        """`advance(seconds)`; one for all servers of a test."""
        self.facts: Facts
        """What has happened: `server.facts[ConnectionClosed]`."""
        self._settings = _local(settings or _read(config) or app.settings)
        self._conversation = conversation or Conversation()
        self._clients: list[Client] = []
        self._badges = Badges()

    @property
    def url(self) -> str:
        """Where it listens, as `http://127.0.0.1:PORT`."""
        return self.app.server.url

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, MovableTimeLoop):
            raise RuntimeError("could not serve: this loop is not the test's own; use the fixture `gateway`")  # noqa: TRY004  # nothing that was given is wrong
        self._loop = loop
        self.clock, self.facts = NotedClock(loop, self._conversation), Facts(loop)
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drops every client, then the tree is taken down. What is said meanwhile is not noted if the test failed."""
        self._conversation.is_over = self._conversation.is_over or error is not None
        try:
            for client in self._clients:
                await client.cut()
        finally:
            await self._stop()

    async def restart(self) -> None:
        """Another process of the same app, at the same address: clients are closed, rooms and history begin anew."""
        self._conversation.note("server", "~", "restarts")
        await self._stop()
        await self._start()

    async def _start(self) -> None:
        system = self._make_system()
        await system.start()  # before its app does, so that no fact is missed
        self.facts.watch(system)
        system.events.subscribe(ActorFailed, self._note_failure)
        self._loop.hold_while(partial(threads_at_work, system))
        asked = self.app.authenticators
        self.app.authenticators = (self._badges, *asked)
        try:
            await self.app.start(self._settings, system=system)
        except BaseException:
            await system.stop()
            raise
        finally:
            self.app.authenticators = asked
        self._believe_badges()
        self._settings = _at_port(self._settings, self.app.server.port)

    async def _stop(self) -> None:
        try:
            await self.app.stop()
        finally:
            self.app._passages.clear()

    def _make_system(self) -> ActorSystem:
        """As the node makes its own, with the clock of the test."""
        shared, root = self._settings.actors, plan_tree(self._settings).root
        return ActorSystem(
            "gateway",
            dispatcher=shared.dispatcher,
            ask_timeout=shared.ask_timeout,
            supervision=root.supervision,
            clock=self.clock,
        )

    def _believe_badges(self) -> None:
        """At every endpoint, before its own authenticators; where it has none, the configured secret still counts."""
        tokens = self._settings.gateway.auth.tokens()
        by_secret = () if tokens is None else (_by_secret(tokens),)
        for route in self.app.routes:
            passage = self.app._passage(route)
            chain = (self._badges, *(passage.authenticators or by_secret))
            self.app._passages[route] = attrs.evolve(passage, authenticators=chain)

    def _note_failure(self, fact: ActorFailed) -> None:
        error = fact.error.__cause__ if isinstance(fact.error, NotCharged) else fact.error
        self._conversation.note("server", "!", f"{fact.ref} failed on {fact.doing}: {(error or fact.error)!r}")

    # --- what a test does

    async def connect(
        self,
        path: str = "/ws",
        *,
        principal: Principal | str | None = None,
        name: str = "",
        answers_pings: bool = False,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
    ) -> Client:
        """
        Opens a WebSocket; it is dropped at the end of the test.

        Args:
            path: With its query, if it needs one.
            principal: Who it is, without a token: a `Principal`, or the id of one. None: what `headers` prove.
            name: In the report of a failure; default: the id of the principal, else `client`.
            answers_pings: Whether it lives while the clock is moved on; else that is silence, and it is closed for it.
            headers: Of the upgrade request: a token, an `Origin`, cookies.

        Raises:
            NotConnected: The gateway refused the upgrade.
            ValueError: A principal at Centrifuge's path, whose clients say who they are in their first command.
        """
        __tracebackhide__ = True
        if principal is not None and path.partition("?")[0] == CENTRIFUGE:
            words = "its clients say who they are in their first command; send a token in that"
            raise ValueError(f"could not connect to {path} as {principal!r}: {words}")
        badge = {} if principal is None else self._badges.issue(principal)
        wanted = name or (principal if isinstance(principal, str) else getattr(principal, "id", "")) or "client"
        chosen = self._conversation.name(wanted)
        client = Client(chosen, self._loop, self.facts, self._conversation, answers_pings=answers_pings)
        self._clients.append(client)
        await client.open(self.url, path, {**(headers or {}), **badge}, subprotocols)
        return client

    async def wait_for(
        self, kind: type[F], where: Callable[[F], bool] = lambda _: True, timeout: float = PATIENCE
    ) -> F:
        """The next fact of a class, as `server.facts.wait_for`: each is returned once, also if it is there already."""
        __tracebackhide__ = True
        return await self.facts.wait_for(kind, where, timeout)


def _read(config: Path | str | None) -> GatewaySettings | None:
    return None if config is None else load_settings(Path(config), {}, {}, app=True).settings


def _local(settings: GatewaySettings | None) -> GatewaySettings:
    """On loopback, at a port that the system chooses, without the admin listener."""
    chosen = settings or load_settings(None, {}, {}, app=True).settings
    listen = attrs.evolve(chosen.gateway, host="127.0.0.1", port=0, uds="", admin=AdminSettings(listen="off"))
    return attrs.evolve(chosen, gateway=listen)


def _at_port(settings: GatewaySettings, port: int) -> GatewaySettings:
    return attrs.evolve(settings, gateway=attrs.evolve(settings.gateway, port=port))


def _by_secret(tokens: Tokens) -> Callable[[Handshake], Any]:
    """What the gateway does where an endpoint has no authenticators: any token there is must be one of these."""

    async def by_secret(handshake: Handshake) -> Principal | None:
        return None if handshake.token is None else tokens.principal(handshake.token, handshake.at)

    return by_secret
