"""The page of the demo in tabs of a browser: people who come in, what they say, and what their page shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from tests.support.browser import Browser
from tests.support.tab import Tab

HERE = "document.querySelector('.timeline:not([hidden])')"


class DemoServer(Protocol):
    """A gateway in development mode that serves the page; `restart` loses all rooms and keeps the port."""

    url: str

    async def restart(self) -> None: ...

    async def stop(self) -> None: ...


@asynccontextmanager
async def people(server: DemoServer, *names: str) -> AsyncIterator[list[Tab]]:
    """One tab for each name, each with storage of its own, all in the lobby; no page may complain of anything."""
    async with Browser() as browser, AsyncExitStack() as checks:
        tabs: list[Tab] = []
        for name in names:
            tab = await browser.open(server.url, isolated=True)
            checks.callback(assert_no_errors, name, tab)
            await introduce(tab, name)
            tabs.append(tab)
        yield tabs


def assert_no_errors(name: str, tab: Tab) -> None:
    assert not tab.errors, f"the page of {name} complained: {tab.errors}"


async def introduce(tab: Tab, name: str) -> None:
    await tab.type("#name-field", name)
    await tab.press("Enter")
    await in_room(tab)


async def in_room(tab: Tab, *, timeout: float = 10.0) -> None:
    await tab.wait_for(f"document.body.dataset.state === 'connected' && {HERE}.dataset.joined", timeout=timeout)


async def say(tab: Tab, text: str) -> None:
    """Types, sends, and waits until the server has given the message its offset."""
    await tab.type("#draft", text)
    await tab.press("Enter")
    await tab.wait_for(message(text, state="sent"))


def message(text: str, *, state: str = "sent") -> str:
    """The condition that the room on screen shows `text` as a message, exactly once."""
    wanted = f"m => m.querySelector('.text').textContent === {json.dumps(text)} && m.dataset.state === '{state}'"
    return f"[...{HERE}.querySelectorAll('.message')].filter({wanted}).length === 1"


def notice(words: str) -> str:
    found = f"n => n.textContent.includes({json.dumps(words)})"
    return f"[...{HERE}.querySelectorAll('.notice')].some({found})"


def present(*names: str) -> str:
    """The condition that exactly these people are listed as here."""
    listed = "[...document.querySelectorAll('#people li')].map(li => li.dataset.name).sort().join('|')"
    return f"{listed} === {json.dumps('|'.join(sorted(names)))}"


async def texts(tab: Tab) -> list[str]:
    """What the room on screen shows, top down."""
    found: list[str] = await tab.evaluate(f"[...{HERE}.querySelectorAll('.text')].map(t => t.textContent)")
    return found
