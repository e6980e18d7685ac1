"""What these tests share: the app with three accounts, and a browser's HTTP beside the sockets of the fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.cookies import Morsel
from typing import Any, TypeAlias

import aiohttp
import pytest

from examples.chat.accounts import Accounts, Hashing, demo_accounts
from examples.chat.app import create_app
from gateway import Gateway
from gateway.testing import Server

Serve: TypeAlias = Callable[..., Server]

QUICK = Hashing(n=2, p=1)
"""What makes it safe is what makes it slow."""


@pytest.fixture(scope="session")
def accounts() -> Accounts:
    """Three, as one meets them. No test changes them."""
    return demo_accounts(QUICK)


@pytest.fixture
def app(accounts: Accounts) -> Gateway:
    return create_app(accounts)


class Site:
    """One person's browser, as far as HTTP goes: it keeps its cookie, and says whose page it shows."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._http.get(self._url + path) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: object, origin: str | None = None) -> tuple[int, Any]:
        headers = {"Origin": origin or self._url}
        async with self._http.post(self._url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def log_in(self, name: str, password: str = "hubbub") -> tuple[int, Any]:
        return await self.post("/login", {"name": name, "password": password})

    def cookies(self) -> list[Morsel[str]]:
        return list(self._http.cookie_jar)

    def cookie(self) -> dict[str, str]:
        """As a header of an upgrade; without one it is empty."""
        found = "; ".join(f"{one.key}={one.value}" for one in self.cookies())
        return {"Cookie": found} if found else {}


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[Site]:
    cookies = aiohttp.CookieJar(unsafe=True)  # what is safe for it is a host with a name, which 127.0.0.1 has not
    patient = aiohttp.ClientTimeout(total=None, sock_connect=None)  # a test may move the clock
    async with aiohttp.ClientSession(cookie_jar=cookies, timeout=patient) as http:
        yield Site(url, http)


Visit: TypeAlias = Callable[[str], AbstractAsyncContextManager[Site]]


@pytest.fixture
def visit() -> Visit:
    """`async with visit(server.url) as site:`."""
    return visiting
