"""
A real aiohttp server on loopback whose sockets are taken over, for tests: on asyncio or uvloop, plain or TLS.

Every listener writes down what it hears, in order. A scenario is played in a loop of its own, and fails if the loop's
exception handler was called without the scenario having expected it.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import attrs
import trustme
import uvloop
from aiohttp import web

from gateway.sockets.socket import Socket, SocketLimits
from gateway.web.upgraded.upgrade import Handshake, Upgrader
from tests.support.raw_client import PATIENCE, RawClient

Heard = tuple[Any, ...]


class Recorder:
    """A listener that keeps what it hears. `credit`: messages it still takes, None for any number."""

    def __init__(self, socket: Socket, credit: int | None = None) -> None:
        self.socket = socket
        self.credit = credit
        self.heard: list[Heard] = []
        self.shuts = 0
        """How often it was told that nothing may be written any more."""
        self._waiting: asyncio.Event = asyncio.Event()

    def _note(self, *what: Any) -> None:
        self.heard.append(what)
        self._waiting.set()

    def _message(self, *what: Any) -> bool:
        if self.credit is not None:
            self.credit -= 1
        self._note(*what)
        return self.credit is None or self.credit > 0

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        return self._message("text", data)

    def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
        return self._message("bytes", data)

    def pong_received(self, data: bytes) -> None:
        self._note("pong", data)

    def congested(self) -> None:
        self._note("congested")

    def shut(self) -> None:
        self.shuts += 1

    def writable(self) -> None:
        self._note("writable")

    def closed(self, code: int, reason: str, clean: bool) -> None:
        self._note("closed", code, reason, clean)

    async def until(self, enough: Callable[[list[Heard]], object]) -> list[Heard]:
        """Waits until what was heard is `enough`; returns all of it."""
        async with asyncio.timeout(PATIENCE):
            while not enough(self.heard):
                self._waiting.clear()
                await self._waiting.wait()
        return self.heard

    async def end(self) -> Heard:
        """Waits for `closed`; fails if anything was heard after it."""
        heard = await self.until(lambda heard: heard and any(what[0] == "closed" for what in heard))
        await asyncio.sleep(0)
        assert [what[0] for what in heard].index("closed") == len(heard) - 1
        assert self.shuts == 1
        return heard[-1]

    @property
    def texts(self) -> list[str]:
        return [what[1] for what in self.heard if what[0] == "text"]


@attrs.define
class Server:
    """A running server: every path opens a WebSocket, its listeners in order of their opening."""

    port: int
    tls: ssl.SSLContext | None
    runner: web.AppRunner
    listeners: list[Recorder]
    errors: list[dict[str, Any]]
    """What the loop's exception handler was told; a scenario that expects it takes it out."""

    async def open(self, tail: bytes = b"", path: str = "/") -> tuple[RawClient, Recorder]:
        """A new WebSocket, from both of its ends."""
        client = await RawClient.open(self.port, self.tls, path, tail)
        return client, self.listeners[-1]

    async def connect(self) -> RawClient:
        return await RawClient.connect(self.port, self.tls)


Scenario = Callable[[Server], Awaitable[None]]


@attrs.frozen
class Wire:
    """A kind of loop and a kind of transport."""

    loop: str
    secure: bool

    def play(
        self,
        scenario: Scenario,
        *,
        listener: Callable[[Socket], Any] = Recorder,
        limits: SocketLimits | None = None,
        application: Callable[[], web.Application] = web.Application,
        before: Callable[[web.Request], Awaitable[None]] | None = None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        **server_options: Any,
    ) -> None:
        """Runs a scenario against a server of its own; `before` runs in the handler, in front of the hand-over."""

        async def run() -> None:
            async with self._serve(listener, limits, application, before, headers, method, server_options) as server:
                await scenario(server)
                assert server.errors == []

        factory = uvloop.new_event_loop if self.loop == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run())

    @asynccontextmanager
    async def _serve(
        self,
        listener: Callable[[Socket], Any],
        limits: SocketLimits | None,
        application: Callable[[], web.Application],
        before: Callable[[web.Request], Awaitable[None]] | None,
        headers: dict[str, str] | None,
        method: str,
        server_options: dict[str, Any],
    ) -> AsyncIterator[Server]:
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        upgrader = Upgrader(limits or SocketLimits(), perf_counter)
        listeners: list[Any] = []

        def introduce(socket: Socket) -> Any:
            made = listener(socket)
            listeners.append(made)
            return made

        async def opens(request: web.Request) -> web.StreamResponse:
            handshake = Handshake.of(request)
            if before is not None:
                await before(request)
            return await upgrader.take_over(request, handshake, introduce, headers=headers)

        app = application()
        app.router.add_route(method, "/{path:.*}", opens)
        runner = web.AppRunner(app, **server_options)
        await runner.setup()
        serving, trusting = contexts() if self.secure else (None, None)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving)
        await site.start()
        try:
            yield Server(runner.addresses[0][1], trusting, runner, listeners, errors)
        finally:
            for made in listeners:
                if isinstance(made, Recorder):
                    made.socket.abort()
                    await made.end()
            await runner.cleanup()


async def when(condition: Callable[[], object]) -> None:
    """Lets the loop turn until `condition` holds: for states of a transport, which nobody announces."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0)


@functools.cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server on localhost and for the clients that trust it alone; made once: it takes 40 ms."""
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(serving)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities: to read them takes 130 ms
    authority.configure_trust(trusting)
    return serving, trusting


WIRES = [Wire(loop, secure) for loop in ("asyncio", "uvloop") for secure in (False, True)]
PLAIN_WIRES = [wire for wire in WIRES if not wire.secure]


def named(wire: Wire) -> str:
    return f"{wire.loop}-{'tls' if wire.secure else 'plain'}"
