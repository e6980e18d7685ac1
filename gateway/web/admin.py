"""
The admin listener: is it alive, is it ready, what does it count, who is in the tree, why was this user disconnected.

    /live  /ready                                      200 or 503, and why
    /metrics                                           for Prometheus
    /tree?max_children=100                             the supervision tree as it stands
    /top?by=mailbox|handled|failed|restarts&count=10   the actors with the most of it, and the gateway in numbers
    /connections?principal=ada&limit=20                who is open and who ended lately, the newest first
    /connections/{id}                                  why it ended, or how it is

Truthful: `/live` asks the tree itself and fails when it does not answer; `/ready` is off from the first moment of a
drain. All of this runs on the loop it reports on: while a handler blocks that, nothing here answers, `/live` neither.
So a probe's timeout is its verdict, and belongs between `PATIENCE` and the time one is willing to stand still. The fact
`HandlerStuck` comes from a thread and names the culprit in the log meanwhile; once the loop turns again,
`loop_lag_seconds` tells how long it stood. Never on the public port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from actors import Actor, ActorDeadError, AskTimeout, handles

from ..telemetry.readiness import closed_doors, missing_parts
from .origin import is_local_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actors import ActorInfo, TreeNode
    from actors.tree import By

    from ..application.app import Gateway
    from ..node import Node
    from ..telemetry.telemetry import Telemetry

PATIENCE = 2.0
"""Seconds an actor may take to answer a health check: a healthy loop needs milliseconds, probes wait 5 s or more."""

MAX_CHILDREN = 100
"""Children of one actor in `/tree`, if the question does not say how many: a page of JSON of some 40 KiB."""
MOST_CHILDREN = 10_000
"""At most: 4 MB of JSON, and some 50 ms in which the gateway does nothing else."""
COUNT = 10
MOST_COUNT = 1_000
"""Of `/top`: as many lines as anybody reads, and as many as anybody sorts."""
LISTED = 20
MOST_LISTED = 1_000
"""Of `/connections`, of the open and of the ended; as many as are remembered."""
MEASURES: tuple[By, ...] = ("mailbox", "handled", "failed", "restarts")


class Probe(Actor):
    """Answers when the dispatcher runs it; spawned per check, so that a stuck queue shows."""

    @handles(str)
    def answer(self, question: str) -> str:
        return question


@web.middleware
async def only_local_names(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """
    A page that has its own name point at this machine (DNS rebinding) may not read what is here. Who names no host, as
    HTTP/1.0 allows, is no page: browsers always do.
    """
    host = request.headers.get("Host")
    if host is not None and not is_local_name(host):
        words = "could not answer: Host is none of this machine's; ask localhost or its address"
        return web.Response(status=403, text=f"{words}\n")
    return await handler(request)


def admin_app(app: Gateway, node: Node, telemetry: Telemetry, *, is_at_home: bool) -> web.Application:
    """`is_at_home`: whether it is for this machine alone."""
    application = web.Application(middlewares=[only_local_names] if is_at_home else [])
    handlers = Admin(app, node, telemetry)
    application.router.add_get("/live", handlers.live)
    application.router.add_get("/ready", handlers.ready)
    application.router.add_get("/metrics", handlers.metrics)
    application.router.add_get("/tree", handlers.tree)
    application.router.add_get("/top", handlers.top)
    application.router.add_get("/connections", handlers.connections)
    application.router.add_get("/connections/{id}", handlers.connection)
    application.cleanup_ctx.append(handlers.running)
    return application


class Admin:
    def __init__(self, app: Gateway, node: Node, telemetry: Telemetry) -> None:
        self._app = app
        self._node = node
        self._telemetry = telemetry

    async def running(self, application: web.Application) -> AsyncIterator[None]:
        """The loop's lag is sampled as long as somebody can ask for it."""
        self._telemetry.start()
        yield
        self._telemetry.stop()

    async def live(self, request: web.Request) -> web.Response:
        """200 if the loop turns, the dispatcher runs actors, and every part of the tree is there; else 503 and why."""
        problems = await self._problems()
        return web.json_response({"live": not problems, "problems": problems}, status=503 if problems else 200)

    async def ready(self, request: web.Request) -> web.Response:
        """200 if new connections are welcome."""
        problems = await self._problems() + closed_doors(self._node)
        return web.json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = await self._telemetry.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def tree(self, request: web.Request) -> web.Response:
        """The tree in start order; where an actor has more children than were asked for, `hidden` says how many."""
        limit = _number(request, "max_children", MAX_CHILDREN, MOST_CHILDREN)
        return web.json_response(_tree_json(self._node.system.tree(limit)))

    async def top(self, request: web.Request) -> web.Response:
        """The busiest actors; counts are since each of them was started, not per second."""
        by, count = _measure(request), _number(request, "count", COUNT, MOST_COUNT)
        actors = [_actor_json(info) for info in await self._node.system.survey_top(count, by)]
        return web.json_response({"gateway": await self._gateway_json(), "by": by, "actors": actors})

    async def _gateway_json(self) -> dict[str, Any]:
        node, telemetry = self._node, self._telemetry
        classes = (await node.system.survey()).values()
        return {
            "title": self._app.title,
            "url": self._app.server.url,
            "uptime": node.now() - telemetry.since,
            "draining": node.is_draining,
            "connections": len(node.directory),
            "topics": len(node.live.names()),
            "actors": sum(one.actors for one in classes),
            "queued": sum(one.queued for one in classes),
            "handled": sum(one.handled for one in classes),
            "failed": sum(one.failed for one in classes),
            "restarts": sum(one.restarts for one in classes),
            "gave_up": telemetry.total("supervisor.gave_up"),
            "published": node.publications,
            "loop_lag": telemetry.lag.last,
            "loop_lag_worst": telemetry.lag.worst,
        }

    async def connection(self, request: web.Request) -> web.Response:
        """Why a connection ended, or how it is."""
        client = request.match_info["id"]
        view = self._node.directory.view_of(client)
        if view is not None:
            return web.json_response({"state": "open", **attrs.asdict(view)})
        closed = self._telemetry.recent.get(client)
        if closed is None:
            text = f"nothing is known of {client}: it never was here, or was not among the last 1,000 that left\n"
            return web.Response(status=404, text=text)
        return web.json_response({"state": "closed", **attrs.asdict(closed)})

    async def connections(self, request: web.Request) -> web.Response:
        """Those that are open and those that ended lately, the newest first; of one principal, or of all."""
        limit = _number(request, "limit", LISTED, MOST_LISTED)
        principal = request.query.get("principal")
        open_ones, count = self._open_ones(principal, limit)
        closed = [{"state": "closed", **attrs.asdict(one)} for one in self._app.connections.recent(principal, limit)]
        return web.json_response({"open": open_ones, "open_count": count, "closed": closed})

    def _open_ones(self, principal: str | None, limit: int) -> tuple[list[dict[str, Any]], int]:
        node = self._node
        refs = node.directory.of(principal) if principal else node.directory.refs()
        if principal == "":  # the anonymous, whom no index has
            refs = tuple(ref for ref in refs if not ref._actor.principal.id)
        newest = list(refs)[::-1]
        views = [view for ref in newest[:limit] if (view := node.directory.view_of(ref._actor.client)) is not None]
        return [{"state": "open", **attrs.asdict(view)} for view in views], len(newest)

    async def _problems(self) -> list[str]:
        return missing_parts(self._node) + await self._probe()

    async def _probe(self) -> list[str]:
        """What is wrong with running an actor: the whole system may have ended, or be stuck."""
        try:
            probe: Any = self._node.system.spawn(Probe)
        except ActorDeadError as error:
            return [f"the actor system has ended: {error}"]
        try:
            await probe.request("?", timeout=PATIENCE)
        except (AskTimeout, ActorDeadError) as error:
            return [f"the dispatcher does not run actors: {error}"]
        finally:
            probe.stop_now()
        return []


def _tree_json(node: TreeNode) -> dict[str, Any]:
    children = [_tree_json(child) for child in node.children]
    return {**_actor_json(node.info), "hidden": node.hidden, "children": children}


def _actor_json(info: ActorInfo) -> dict[str, Any]:
    """One actor. Times in seconds; `mailbox` counts what waits and what is in hand."""
    return {
        "path": info.path,
        "class": info.actor_class,
        "phase": info.phase,
        "incarnation": info.incarnation,
        "restarts": info.restarts,
        "budget_left": info.budget_left,
        "mailbox": info.counts.queued,
        "handled": info.counts.handled,
        "failed": info.counts.failed,
        "lost": info.counts.lost,
        "doing": info.doing,
        "doing_for": info.doing_for,
        "last_error": info.last_error,
        "watchers": info.watchers,
        "children_count": info.children,
    }


def _measure(request: web.Request) -> By:
    asked = request.query.get("by", MEASURES[0])
    for measure in MEASURES:
        if measure == asked:
            return measure
    raise web.HTTPBadRequest(text=f"cannot sort by {asked!r}: no such measure; use one of {', '.join(MEASURES)}\n")


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise web.HTTPBadRequest(text=f"cannot read {name}: it is {text!r}; use a whole number from 0 to {most}\n")
    return int(text)
