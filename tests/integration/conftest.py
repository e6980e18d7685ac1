"""Real sockets, real time: every coroutine test here runs on a plain loop with a gateway of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from gateway import Gateway
from gateway.demo import create_demo_app
from gateway.settings.config import GatewaySettings
from gateway.settings.listen import AdminSettings
from gateway.settings.sources import load_settings


def pytest_itemcollected(item: pytest.Item) -> None:
    if inspect.iscoroutinefunction(getattr(item, "obj", None)) and "integration" in str(item.path):
        item.add_marker(pytest.mark.actors(real_time=True))


def local_settings(port: int = 0, **topics: Any) -> GatewaySettings:
    """Development mode on a port of the system's choice."""
    return load_settings(None, {}, {"--port": port}).settings


def as_served() -> GatewaySettings:
    """What `hubbub serve module:app` starts with where there is no file, on a port of the system's choice."""
    return load_settings(None, {}, {"--port": 0}, app=True).settings


class Running:
    """A gateway in this loop. `restart` makes a new one on the same port: all rooms and streams begin anew."""

    def __init__(self, make: Any, settings: GatewaySettings) -> None:
        self._make = make
        self.settings = settings
        self.app: Gateway = make()
        self.facts: list[Any] = []

    async def start(self, **options: Any) -> None:
        await self.app.start(self.settings, **options)
        listen = self.settings.gateway
        # the next port is mostly an even one, from which Linux lets others connect: it may be taken at a restart
        admin = listen.admin if listen.admin.listen else AdminSettings(listen="127.0.0.1:0")
        self.settings = attrs.evolve(
            self.settings, gateway=attrs.evolve(listen, port=self.app.server.port, admin=admin)
        )

    async def restart(self) -> None:
        await self.app.stop()
        self.app = self._make()
        await self.start()

    async def stop(self) -> None:
        await self.app.stop()

    def watch(self, *kinds: type) -> list[Any]:
        """Collects facts of these kinds from now on."""
        for kind in kinds:
            self.app.node.events.subscribe(kind, self.facts.append)
        return self.facts

    @property
    def url(self) -> str:
        return self.app.server.url

    @property
    def admin_url(self) -> str:
        assert self.app.server.admin_url is not None
        return self.app.server.admin_url

    def ws(self, path: str = "/ws") -> str:
        return self.url.replace("http", "ws", 1) + path


@pytest.fixture
def serve(actor_loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """`server = await serve(app_or_factory, settings)`: started now, stopped after the test."""
    running: list[Running] = []

    async def start(make: Any = create_demo_app, settings: GatewaySettings | None = None, **options: Any) -> Running:
        factory = (lambda: make) if isinstance(make, Gateway) else make
        server = Running(factory, settings or local_settings())
        running.append(server)
        await server.start(**options)
        return server

    yield start
    for server in running:
        actor_loop.run_until_complete(server.stop())


@pytest.fixture
def demo_server(actor_loop: asyncio.AbstractEventLoop) -> Iterator[Running]:
    """The gateway that `hubbub serve` runs without an app."""
    server = Running(create_demo_app, local_settings())
    actor_loop.run_until_complete(server.start())
    yield server
    actor_loop.run_until_complete(server.stop())
