"""
A client as users have one: the `websockets` library, and on top of it the words of the native wire.

Every wait ends after `PATIENCE` seconds. What comes while a reply is awaited is kept and read later, in order.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings

from .raw_client import PATIENCE

SUBPROTOCOL = Subprotocol("gateway.v1")

Box = asyncio.Queue[Any]
"""What app code saw, for the test to wait for."""


async def out_of(box: Box) -> Any:
    """The next thing that app code saw."""
    async with asyncio.timeout(PATIENCE):
        return await box.get()


def settings(**variables: str) -> GatewaySettings:
    """Development mode on a port of the system's choice; `LIMITS__BURST="5"` is `gateway.limits.burst`."""
    environ = {f"HUBBUB_GATEWAY__{name}": value for name, value in variables.items()}
    return load_settings(None, environ, {"--port": 0}).settings


class Client:
    """One open WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._kept: deque[Any] = deque()
        self._ref = 0

    @property
    def id(self) -> str:
        """What the 101 called this connection."""
        assert self.socket.response is not None
        return self.socket.response.headers["Hubbub-Connection"]

    # --- plain frames

    async def send(self, data: str | bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.socket.send(data)

    async def receive(self) -> str | bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.socket.recv()

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the end as this side saw it; what comes before it is dropped."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                return self.socket.close_code or 0, self.socket.close_reason or ""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        async with asyncio.timeout(PATIENCE):
            await self.socket.close(code, reason)

    def cut(self) -> None:
        """Drops the TCP connection without a word."""
        self.socket.transport.abort()

    # --- the native wire

    async def say(self, **frame: Any) -> None:
        await self.send(json.dumps(frame))

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Sends with a `ref`; returns the reply that carries it, `ref` and `action` taken off unless it is an error."""
        self._ref += 1
        ref = self._ref
        await self.say(**frame, ref=ref)
        while (got := await self._read()).get("ref") != ref:
            self._kept.append(got)
        del got["ref"]
        if got.get("status") != "error":
            del got["action"]
        return got

    async def join(self, room: str, **options: Any) -> dict[str, Any]:
        reply = await self.ask(action="join_room", room=room, **options)
        assert reply.get("status") == "joined", reply
        return reply

    async def publish(self, room: str, payload: Any, **options: Any) -> dict[str, Any]:
        return await self.ask(action="publish", room=room, payload=payload, **options)

    async def next(self) -> dict[str, Any]:
        """The next frame that is no reply taken by `ask`."""
        return self._kept.popleft() if self._kept else await self._read()

    async def event(self) -> dict[str, Any]:
        """The next event; other frames before it are dropped."""
        while (got := await self.next()).get("action") != "event":
            pass
        return got

    async def payloads(self, count: int) -> list[Any]:
        return [(await self.event())["payload"] for _ in range(count)]

    async def _read(self) -> dict[str, Any]:
        got: dict[str, Any] = json.loads(await self.receive())
        return got


@asynccontextmanager
async def connect(
    url: str,
    *,
    subprotocols: tuple[str, ...] = (),
    origin: str | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Client]:
    """Opens, and drops what is left at the end."""
    socket = await open_socket(
        url,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
        proxy=None,
        open_timeout=PATIENCE,
        close_timeout=PATIENCE,
        compression=None,
        max_queue=None,  # a close must not wait until what came before it was read
        **options,
    )
    try:
        yield Client(socket)
    finally:
        socket.transport.abort()
        async with asyncio.timeout(PATIENCE):
            await socket.wait_closed()


async def refused(url: str, **options: Any) -> tuple[int, Mapping[str, str]]:
    """Status and headers of an upgrade that must not succeed."""
    try:
        async with connect(url, **options):
            raise AssertionError(f"{url} was upgraded")
    except InvalidStatus as error:
        return error.response.status_code, error.response.headers


async def when(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Turns of the loop until it holds; fails after `PATIENCE`."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # any state of the server may be waited for
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {PATIENCE:g} s") from None
