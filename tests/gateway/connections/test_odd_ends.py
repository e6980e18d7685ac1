"""Ends that are neither a return nor an exception of the usual kind: groups, and what is no `Exception` at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actors.events import ActorFailed
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.hooks import Hook, Hooks
from gateway.endpoints.passage import Passage
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", ["function", "class", "class handler"])
async def test_a_group_that_says_only_that_the_client_has_gone_is_a_normal_end(
    system: ActorSystem, kind: str, depth: int
) -> None:
    """A `TaskGroup` raises nothing else; to read and write beside each other is what people use it for."""
    node, failures = await start_node(system), []

    def failed(ws: WebSocket, error: Exception) -> None:
        failures.append(error)

    async def both(ws: WebSocket) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(passes(1e6))
            tasks.create_task(ws.receive() if depth == 1 else deeper(ws))

    async def deeper(ws: WebSocket) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ws.receive())

    async def function(ws: WebSocket) -> None:
        await ws.accept()
        await both(ws)

    class Reading(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await ws.accept()
            if kind == "class":
                await both(ws)

        async def on_receive(self, ws: WebSocket, data: object) -> None:
            await both(ws)

    endpoint = function if kind == "function" else Reading
    ada = endpoint_peer(node, endpoint, passage=Passage(hooks=Hooks(failed=[Hook(failed, None, 2)])))
    await opened(ada)
    if kind == "class handler":
        ada.socket.feed("x")
    await settle()
    ada.socket.end(1006)
    await passes(10.0)
    assert failures == []


class Odd(BaseException):
    """No Exception."""


@pytest.mark.allow_failures("Odd", "CancelledError")
@pytest.mark.parametrize("error", [Odd, asyncio.CancelledError])
@pytest.mark.parametrize("is_class", [False, True])
async def test_a_connect_hook_that_ends_by_no_exception_closes_its_connection(
    system: ActorSystem, error: type[BaseException], is_class: bool
) -> None:
    """As every failure that no `on_error` takes; it may be what says whether somebody may be here."""

    async def connected(ws: WebSocket) -> None:
        raise error

    async def function(ws: WebSocket) -> None:
        await ws.accept()
        await passes(1e6)

    endpoint = type("Silent", (WebSocketEndpoint,), {}) if is_class else function
    passage = Passage(hooks=Hooks(connected=[Hook(connected, None, 1)]))
    ada = endpoint_peer(await start_node(system), endpoint, passage=passage)
    await opened(ada)
    await passes(1.0)
    assert ada.socket.sent_close == (1011, "internal server error")


@pytest.mark.allow_failures("Odd", "CancelledError")
@pytest.mark.parametrize("error", [Odd, asyncio.CancelledError])
@pytest.mark.parametrize("place", ["authenticators", "permissions", "middleware"])
@pytest.mark.parametrize("is_class", [False, True])
async def test_what_is_cancelled_on_the_way_in_is_a_failure(
    system: ActorSystem, error: type[BaseException], place: str, is_class: bool
) -> None:
    """500 and a fact, as of anything else: a task of the app's own that was cancelled says nothing of the client."""

    async def broken(*_: object) -> None:
        raise error

    async def function(ws: WebSocket) -> None:
        await ws.accept()

    endpoint = type("Silent", (WebSocketEndpoint,), {}) if is_class else function
    node = await start_node(system)
    failures = facts_of(system, ActorFailed)
    ada = endpoint_peer(node, endpoint, passage=Passage(**{place: (broken,)}))
    await settle()
    assert (await ada.ticket.verdict).status == 500
    assert [type(failed.error) for failed in failures] == [error]
