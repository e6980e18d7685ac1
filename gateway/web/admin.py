"""
The admin listener: is it alive, is it ready, what does it count, why was this user disconnected.

Truthful: `/live` asks the tree itself and fails when it does not answer; `/ready` is off from the first moment of a
drain. Never on the public port.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from actors import Actor, ActorDeadError, AskTimeout, handles

from ..telemetry import Telemetry

if TYPE_CHECKING:
    from ..app import Gateway
    from ..node import Node

PATIENCE = 2.0
"""Seconds an actor may take to answer a health check: a healthy loop needs milliseconds, probes wait 5 s or more."""

PARTS = ("engine", "topics", "heartbeat", "connections", "app")


class Probe(Actor):
    """Answers when the dispatcher runs it; spawned per check, so that a stuck queue shows."""

    @handles(str)
    def answer(self, question: str) -> str:
        return question


def admin_app(app: Gateway, node: Node) -> web.Application:
    application = web.Application()
    telemetry = Telemetry(node)
    handlers = Admin(app, node, telemetry)
    application.router.add_get("/live", handlers.live)
    application.router.add_get("/ready", handlers.ready)
    application.router.add_get("/metrics", handlers.metrics)
    application.router.add_get("/connections/{id}", handlers.connection)
    return application


class Admin:
    def __init__(self, app: Gateway, node: Node, telemetry: Telemetry) -> None:
        self._app = app
        self._node = node
        self._telemetry = telemetry

    async def live(self, request: web.Request) -> web.Response:
        """200 if the loop turns, the dispatcher runs actors, and every part of the tree is there; else 503 and why."""
        problems = await self._problems()
        return web.json_response({"live": not problems, "problems": problems}, status=503 if problems else 200)

    async def ready(self, request: web.Request) -> web.Response:
        """200 if new connections are welcome."""
        problems = await self._problems()
        if self._node.is_draining:
            problems.append("draining")
        limit = self._node.limits.max_connections
        if limit is not None and self._node.connection_count >= limit:
            problems.append(f"connection limit of {limit} reached")
        return web.json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._telemetry.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def connection(self, request: web.Request) -> web.Response:
        """Why a connection ended, or that it lives."""
        client = request.match_info["id"]
        if self._node.connection(client) is not None:
            return web.json_response({"connection": client, "state": "open"})
        closed = self._telemetry.recent.get(client)
        if closed is None:
            text = f"nothing is known of {client}: it never was here, or was not among the last 1,000 that left\n"
            return web.Response(status=404, text=text)
        return web.json_response({"state": "closed", **attrs.asdict(closed)})

    async def _problems(self) -> list[str]:
        system = self._node.system
        present = {child._name: child.info() for child in system.root.children()}
        problems = [f"/{part} is gone" for part in PARTS if part not in present]
        problems += [f"/{name} is {info.phase}" for name, info in present.items() if info.phase not in ("running",)]
        probe: Any = system.spawn(Probe)
        try:
            await probe.request("?", timeout=PATIENCE)
        except (AskTimeout, ActorDeadError, asyncio.CancelledError) as error:
            problems.append(f"the dispatcher does not run actors: {error}")
        probe.stop_now()
        return problems
