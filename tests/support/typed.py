"""Typed messages that more than one test file speaks, and a client that says something and hears the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import message

from .seeds import read

if TYPE_CHECKING:
    from .client import Client


@message
class Say:
    text: str


@message
class Said:
    user: str
    text: str


async def says(client: Client, **frame: Any) -> Any:
    """Sends, and returns what comes back next."""
    await client.say(**frame)
    return await read(client)
