"""Asks the admin listener of a running gateway; used by `hubbub top` and `hubbub why`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from .top_snapshot import Snapshot

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PATIENCE = 5.0
"""Seconds for one answer; a loop that is busy needs some 100 ms with 100,000 actors, a blocked one gives none."""
CHILDREN = 50
"""Children of one actor that are asked for: as many rows as a tall terminal has."""
BUSIEST = 30


class CannotWatch(Exception):
    """There is no gateway to look at. The text is for whoever typed the command."""

    def __init__(self, url: str, problem: str, hint: str) -> None:
        super().__init__(url, problem, hint)
        self.url, self.problem, self.hint = url, problem, hint

    def __str__(self) -> str:
        return f"could not ask {self.url}: {self.problem}; {self.hint}"


class AdminClient:
    """One admin listener, for the time of an `async with`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def snapshot(self) -> Snapshot:
        """
        Asks for the tree, those with the fullest mailboxes and those that handled most: three answers, not one instant.

        Raises:
            CannotWatch: Nobody listens, or it is not the admin listener of a gateway of this version.
        """
        tree = await self._get("/tree", max_children=CHILDREN)
        tops = [await self._get("/top", by=by, count=BUSIEST) for by in ("mailbox", "handled")]
        try:
            return Snapshot.read(asyncio.get_running_loop().time(), tree, *tops)
        except (KeyError, TypeError) as error:
            raise self._cannot(f"its answer has no {error}", "watch it with the hubbub that serves it") from error

    async def connection(self, client: str) -> dict[str, Any] | None:
        """
        Why this connection ended, or how it is; None if nothing is known of it.

        Raises:
            CannotWatch: As `snapshot`.
        """
        path = f"/connections/{quote(client, safe='')}"
        found = await self._get(path, may_be_missing=b"nothing is known of")
        return self._checked(path, found, "state") if found is not None else None

    async def connections(self, principal: str | None, limit: int) -> dict[str, Any]:
        """
        Who is open, and who ended lately, the newest first.

        Args:
            principal: None: of all.

        Raises:
            CannotWatch: As `snapshot`.
        """
        path = "/connections"
        if principal is None:
            return self._checked(path, await self._get(path, limit=limit), "closed")
        return self._checked(path, await self._get(path, limit=limit, principal=principal), "closed")

    def _checked(self, path: str, found: Any, key: str) -> dict[str, Any]:
        if not isinstance(found, dict) or key not in found:
            raise self._cannot(f"its answer to {path} has no {key!r}", "ask it with the hubbub that serves it")
        return found

    async def _get(self, path: str, may_be_missing: bytes = b"", **query: str | int) -> Any:
        try:
            async with self._session.get(self.url + path, params=query) as response:
                if response.status == 404 and may_be_missing and (await response.read()).startswith(may_be_missing):
                    return None
                if response.status != 200:
                    raise self._cannot(f"it answered {response.status} to {path}", OTHER_PORT)
                return await response.json()
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise self._cannot("that is no URL", "write it like http://127.0.0.1:8001") from error
        except aiohttp.ClientConnectorError as error:
            raise self._cannot(_reason(error), START) from error
        except TimeoutError as error:
            raise self._cannot(f"no answer within {PATIENCE:g} s", BLOCKED) from error
        except (aiohttp.ClientError, ValueError) as error:  # ValueError: JSON that is none
            raise self._cannot(f"it does not answer as a gateway does, {type(error).__name__}", OTHER_PORT) from error

    def _cannot(self, problem: str, hint: str) -> CannotWatch:
        return CannotWatch(self.url, problem, hint)


START = "start one with `hubbub serve`, or name the admin listener (gateway.admin.listen) with --url"
OTHER_PORT = "name the admin listener with --url; by default its port is the gateway's and one"
BLOCKED = "its loop may be blocked; the log says by whom (handler.stuck)"


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error.os_error, ConnectionRefusedError):
        return "nothing listens there"
    return error.os_error.strerror or str(error.os_error)
