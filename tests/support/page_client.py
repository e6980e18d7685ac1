"""`hubbub.js` in a page of its own: all that it tells is kept, and timers are due when a test says so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.browser import Browser
from tests.support.tab import Tab

HUB = """import('./assets/hubbub.js').then(({ Hubbub }) => {
  window.told = [];
  window.hub = new Hubbub(%s);
  for (const name of ['state', 'hello', 'joined', 'caught_up', 'refused', 'removed', 'event', 'expiring'])
    hub.on(name, (detail) => told.push({ name, ...detail }));
  hub.connect();
})"""

HELD = """(() => {
  const [set, clear] = [window.setTimeout, window.clearTimeout];
  window.held = new Map();
  window.setTimeout = (act, after) => after === %d ? held.set(-1 - held.size, act) && -held.size : set(act, after);
  window.clearTimeout = (timer) => held.delete(timer) || clear(timer);
})()"""
"""From now on timers of so many milliseconds are kept in `held` until they are cleared; `FIRE` lets them be due."""
FIRE = "for (const act of held.values()) act()"


@asynccontextmanager
async def page(server: Any, **options: Any) -> AsyncIterator[Tab]:
    """A page with a client of its own, `hub`, beside the chat's, which has not begun; `told` is what it told."""
    async with Browser() as browser:
        tab = await browser.open(server.url)
        await tab.evaluate(HUB % json.dumps(options))
        await tab.wait_for("hub.state === 'connected'")
        yield tab


def told(name: str, **wanted: Any) -> str:
    """The condition that `hub` told this at least once."""
    return f"told.some((one) => Object.entries({json.dumps({'name': name, **wanted})}).every(([k, v]) => one[k] === v))"
