"""`hubbub why`: asks a running gateway once, and writes the letter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .admin_client import AdminClient, CannotWatch
from .why import letter, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def about(url: str, client: str) -> list[str] | None:
    """
    What is known of one connection; None if nothing is.

    Raises:
        CannotWatch: There is no gateway, or one of another version.
    """
    found = asyncio.run(_about(url, client))
    return None if found is None else _written(url, letter, found)


def about_all(url: str, principal: str | None, limit: int) -> list[str]:
    """
    A line for each connection that is open or ended lately; of one principal, or of all.

    Raises:
        CannotWatch: As `about`.
    """
    return _written(url, lambda found: listing(found, principal), asyncio.run(_about_all(url, principal, limit)))


async def _about(url: str, client: str) -> dict[str, Any] | None:
    async with AdminClient(url) as admin:
        return await admin.connection(client)


async def _about_all(url: str, principal: str | None, limit: int) -> dict[str, Any]:
    async with AdminClient(url) as admin:
        return await admin.connections(principal, limit)


def _written(url: str, write: Callable[[Mapping[str, Any]], list[str]], found: Mapping[str, Any]) -> list[str]:
    try:
        return write(found)
    except KeyError as error:
        raise CannotWatch(url, f"its answer has no {error}", "ask it with the hubbub that serves it") from error
