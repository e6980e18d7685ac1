"""The page of examples/chat in tabs of a browser: people who log in, what they say, and what their page shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from examples.chat.accounts import Hashing, demo_accounts
from examples.chat.app import create_app
from examples.chat.sessions import Sessions
from tests.integration.conftest import as_served
from tests.support.browser import Browser
from tests.support.tab import Tab

HERE = "document.querySelector('.timeline:not([hidden])')"
BY_TEXT = "[..." + HERE + ".querySelectorAll('.text')].find(t => t.textContent === '{}')"
TYPING = "document.querySelector('#typing').textContent"
BACK = 30.0
"""Seconds for a page to come back: two back-offs of at most 10 s, and a margin for a slow machine."""
PHONE = (390, 844)
"""CSS pixels of a common one."""


async def chat(serve: Any) -> Any:
    """As `hubbub serve examples.chat:app`; a restart of it forgets rooms and messages, and nobody's login."""
    accounts, sessions = demo_accounts(Hashing(n=2, p=1)), Sessions()
    return await serve(lambda: create_app(accounts, sessions), as_served())


@asynccontextmanager
async def people(url: str, *names: str) -> AsyncIterator[list[Tab]]:
    """One tab for each name, each with cookies of its own, all in the first room; no page may complain of anything."""
    async with Browser() as chromium:
        tabs = [await chromium.open(f"{url}/login.html", isolated=True) for _ in names]
        for tab, name in zip(tabs, names, strict=True):
            await log_in(tab, name)
        yield tabs
        assert {name: tab.errors for name, tab in zip(names, tabs, strict=True)} == {name: [] for name in names}


async def log_in(tab: Tab, name: str, password: str = "hubbub") -> None:
    await tab.type("#name", name)
    await tab.type("#password", password)
    await tab.press("Enter")
    await in_room(tab, "general")


async def in_room(tab: Tab, room: str, *, timeout: float = 10.0) -> None:
    condition = f"document.body.dataset.state === 'connected' && document.body.dataset.joined === '{room}'"
    await tab.wait_for(condition, timeout=timeout)


async def say(tab: Tab, text: str) -> None:
    await tab.type("#draft", text)
    await tab.press("Enter")
    await tab.wait_for(message(text))


def message(text: str) -> str:
    """The condition that the room on screen shows `text` as a message, exactly once."""
    wanted = f"m => m.querySelector('.text').textContent === {json.dumps(text)}"
    return f"[...{HERE}.querySelectorAll('.message')].filter({wanted}).length === 1"


def notice(words: str) -> str:
    return f"[...{HERE}.querySelectorAll('.notice')].some(n => n.textContent.includes({json.dumps(words)}))"


async def texts(tab: Tab) -> list[str]:
    """What the room on screen shows, top down."""
    found: list[str] = await tab.evaluate(f"[...{HERE}.querySelectorAll('.text')].map(t => t.textContent)")
    return found
