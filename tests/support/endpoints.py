"""Endpoints and authenticators that more than one test file serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import Principal

if TYPE_CHECKING:
    from gateway import WebSocket


async def by_name(handshake: Any) -> Principal | None:
    """Whoever sends a header `X-Name` is that."""
    name = handshake.headers.get("X-Name")
    return None if name is None else Principal(name)


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for frame in ws:
        await ws.send(frame.data)
