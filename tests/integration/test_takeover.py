"""The hand-over of a transport from aiohttp, on every kind of loop and transport."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket as sockets
import weakref
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.web.upgraded.socket_factory import TCP_NOTSENT_LOWAT
from tests.support.raw_client import frame, upgrade
from tests.support.raw_server import Server, Wire, when
from tests.support.taken_over import every_wire, plain_wires, turns


@every_wire
def test_what_came_behind_the_upgrade_request_is_not_lost(wire: Wire) -> None:
    """400 kB sent in one write behind the request are heard in order, and reading goes on after them."""
    texts = [f"{number:05}" + "." * 95 for number in range(3800)]

    async def scenario(server: Server) -> None:
        client, listener = await server.open(tail=b"".join(frame(text.encode()) for text in texts))
        await listener.until(lambda heard: len(heard) == len(texts))
        client.send(frame(b"and on"))
        await listener.until(lambda heard: len(heard) > len(texts))
        assert listener.texts == [*texts, "and on"]
        client.abort()

    async def dawdle(request: web.Request) -> None:
        await when(lambda: request.protocol._buffer_paused)

    wire.play(scenario, before=dawdle)


@every_wire
def test_a_transport_that_was_full_is_taken_over_as_full(wire: Wire) -> None:
    """A transport that was write-paused before the hand-over is congested, says so, and says when it is writable."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 65_536 + b"\r\n\r\n"

    async def fill(request: web.Request) -> None:
        assert request.transport is not None
        while not request.protocol.writing_paused:
            request.transport.write(hint)
            await asyncio.sleep(0)

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.stop_reading()
        client.send(upgrade())
        await when(lambda: server.listeners)
        listener = server.listeners[0]
        assert listener.heard == [("congested",)]
        assert (listener.socket.is_congested, listener.socket.unsent_bytes > 0) == (True, True)
        client.read_on()
        while (status := (await client.response())[0]) == 103:
            pass
        assert status == 101
        await listener.until(lambda heard: heard[1:] == [("writable",)])
        assert not listener.socket.is_congested
        client.abort()

    wire.play(scenario, before=fill)


@every_wire
def test_a_peer_that_left_before_the_hand_over_opens_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A client gone while its identity is checked makes no listener, no error, and 499 in the access log."""
    caplog.set_level(logging.INFO, "aiohttp")
    arrived, left = asyncio.Event(), asyncio.Event()

    async def wait_for_loss(request: web.Request) -> None:
        arrived.set()
        await when(lambda: request.transport is None)
        left.set()

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await arrived.wait()
        client.abort()
        await left.wait()
        await released(server)
        assert server.listeners == []

    wire.play(scenario, before=wait_for_loss)
    assert statuses(caplog) == [499]


@every_wire
def test_a_peer_that_leaves_during_the_answer_opens_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A client gone while the response signals run makes no listener and no error."""
    caplog.set_level(logging.INFO, "aiohttp")
    arrived, left = asyncio.Event(), asyncio.Event()

    async def wait_for_loss(request: web.Request, response: web.StreamResponse) -> None:
        arrived.set()
        await when(lambda: request.transport is None)
        left.set()

    def application() -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(wait_for_loss)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await arrived.wait()
        client.abort()
        await left.wait()
        await released(server)
        assert server.listeners == []

    wire.play(scenario, application=application)
    assert statuses(caplog) == [499]


@every_wire
def test_aiohttp_keeps_nothing_of_a_connection_it_let_go(wire: Wire) -> None:
    """
    After the hand-over the server has no connection, and request, handler and task are freed without a collection.
    """
    requests: list[weakref.ref[web.Request]] = []

    async def note(request: web.Request) -> None:
        requests.append(weakref.ref(request))

    async def scenario(server: Server) -> None:
        gc.collect()
        handlers, tasks = count(RequestHandler), len(asyncio.all_tasks())
        opened = [await server.open() for _ in range(5)]
        await released(server)
        gc.collect()
        assert [request() for request in requests] == [None] * 5
        assert count(RequestHandler) == handlers
        assert len(asyncio.all_tasks()) == tasks
        for client, listener in opened:
            client.send(frame(b"still here"))
            await listener.until(lambda heard: heard == [("text", "still here")])
            client.abort()

    wire.play(scenario, before=note)


@plain_wires
def test_request_and_handler_are_freed_without_a_collection(wire: Wire) -> None:
    """The hand-over leaves no reference cycle: 100,000 of them would be one long pause of the collector."""
    requests: list[weakref.ref[web.Request]] = []

    async def note(request: web.Request) -> None:
        requests.append(weakref.ref(request))

    async def scenario(server: Server) -> None:
        gc.collect()
        gc.disable()
        try:
            handlers = count(RequestHandler)
            client, _ = await server.open()
            await released(server)
            assert requests[0]() is None
            assert count(RequestHandler) == handlers
        finally:
            gc.enable()
        client.abort()

    wire.play(scenario, before=note)


@every_wire
def test_middlewares_signals_and_access_log_see_the_101(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """To the rest of an aiohttp application a WebSocket is a request that was answered with 101."""
    caplog.set_level(logging.INFO, "aiohttp.access")
    seen: list[tuple[str, int, str]] = []

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        await asyncio.sleep(0)
        seen.append(("middleware", response.status, response.headers["Hubbub-Connection"]))
        return response

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        seen.append(("signal", response.status, response.headers["Hubbub-Connection"]))
        response.headers["X-Signal"] = "was here"

    def application() -> web.Application:
        app = web.Application(middlewares=[look])
        app.on_response_prepare.append(prepare)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate"))
        status, headers = await client.response()
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert headers["hubbub-connection"] == "c1"
        assert headers["x-signal"] == "was here"
        assert headers["upgrade"] == "websocket"
        assert headers["connection"] == "Upgrade"
        assert not {"sec-websocket-extensions", "content-type", "transfer-encoding", "content-length"} & headers.keys()
        await released(server)
        client.abort()

    wire.play(scenario, application=application, headers={"Hubbub-Connection": "c1"})
    assert seen == [("signal", 101, "c1"), ("middleware", 101, "c1")]
    assert statuses(caplog) == [101]


@plain_wires
def test_a_runner_that_cancels_handlers_does_not_cancel_the_hand_over(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """`handler_cancellation=True` is for handlers whose client left; letting go of a connection is no such loss."""
    caplog.set_level(logging.INFO, "aiohttp.access")

    @web.middleware
    async def linger(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        await turns(3)  # where a cancellation would strike
        return response

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"on"))
        await listener.until(lambda heard: heard == [("text", "on")])
        await when(lambda: statuses(caplog))
        client.abort()

    wire.play(scenario, application=lambda: web.Application(middlewares=[linger]), handler_cancellation=True)
    assert statuses(caplog) == [101]


@plain_wires
def test_a_server_that_shuts_down_opens_nothing(wire: Wire) -> None:
    """A handler caught by the shutdown answers 503: aiohttp has dropped bytes of that connection since."""

    async def shut_down(request: web.Request) -> None:
        request.protocol.close()

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        assert (await client.response())[0] == 503
        assert server.listeners == []
        await client.aclose()

    wire.play(scenario, before=shut_down)


@plain_wires
def test_a_shutdown_while_the_answer_is_prepared_drops_the_connection(wire: Wire) -> None:
    """The shutdown that begins between our look and the switch makes no listener either."""

    async def shut_down(request: web.Request, response: web.StreamResponse) -> None:
        request.protocol.close()

    def application() -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(shut_down)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await client.gone()
        assert server.listeners == []
        await client.aclose()

    wire.play(scenario, application=application)


@every_wire
def test_the_socket_is_tuned_for_many_small_writes(wire: Wire) -> None:
    """No Nagle, 32 KiB of unsent bytes in the kernel, our own limits in the transport."""
    transports: list[asyncio.Transport] = []

    async def note(request: web.Request) -> None:
        assert request.transport is not None
        transports.append(request.transport)

    async def scenario(server: Server) -> None:
        client, _ = await server.open()
        tcp = transports[0].get_extra_info("socket")
        assert tcp.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY)
        if TCP_NOTSENT_LOWAT is not None:
            assert tcp.getsockopt(sockets.IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 32 * 1024
        client.abort()
        transports.clear()

    wire.play(scenario, before=note)


def count(kind: type) -> int:
    return sum(type(thing) is kind for thing in gc.get_objects())


def statuses(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The statuses in the access log; fails on anything else aiohttp had to say."""
    assert [record.message for record in caplog.records if record.levelno > logging.INFO] == []
    return [record.response_status for record in caplog.records if record.name == "aiohttp.access"]  # type: ignore[attr-defined]


async def released(server: Server) -> None:
    """Waits until aiohttp has let go of every connection and every request task has ended."""
    running, mine = server.runner.server, asyncio.current_task()
    assert running is not None
    await when(lambda: not running.connections)
    await when(lambda: all(task is mine or "RequestHandler" not in repr(task) for task in asyncio.all_tasks()))
