"""`hubbub.js` at moments that a fast network hides: two requests at once, a page that was asleep, a dead line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser import find_chromium
from tests.support.page_client import FIRE, HELD, page, told

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

Serve = Any

AGAIN = "told.filter(({ name }) => name === 'joined').map(({ again }) => again)"
DEAF = """(() => {
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket { send(text) { window.unheard?.push(text) ?? super.send(text); } };
  hub.cut();
  hub.connect();
})()"""
"""From the next connection on nothing that is sent arrives once `unheard` is a list."""


@pytest.mark.parametrize("between", ["", "hub.leave('public:a'),", "hub.leave('public:a', { keepPosition: true }),"])
async def test_who_is_joined_twice_has_missed_nothing(serve: Serve, between: str) -> None:
    """A join that was sent before the answer to the first named no position, and so can have lost nothing."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate(f"Promise.all([hub.join('public:a'), {between} hub.join('public:a')])")
        assert await tab.evaluate(AGAIN) == [False, False]
        await tab.evaluate("told.length = 0, hub.join('public:a')")
        assert await tab.evaluate(AGAIN) == [True]


async def test_a_room_that_is_joined_when_the_connection_is_told_of_is_joined_once(serve: Serve) -> None:
    """By who joins at `hello`, or whenever the state is `connected`: after each reconnect it is wished already."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate("hub.on('hello', () => hub.join('public:a').catch(() => {})) && undefined")
        for again in (False, True):
            await tab.evaluate("told.length = 0, hub.cut(), hub.connect()")
            await tab.wait_for(told("joined", room="public:a"))
            await tab.evaluate("hub.presence('public:a')")  # requests keep their order: another reply would be here
            assert await tab.evaluate(AGAIN) == [again]


@pytest.mark.parametrize(("given", "least", "most"), [({"max": 3}, 500, 1000), ({"min": 4}, 4000, 8000)])
async def test_a_back_off_of_which_half_is_given_is_one(
    serve: Serve, given: dict[str, float], least: int, most: int
) -> None:
    """The other half is the default: a wait of no length would be a storm."""
    server = await serve()
    async with page(server, backoff=given) as tab:
        await tab.evaluate("Date.now = () => 0, told.length = 0, hub.cut()")
        assert least <= await tab.evaluate("told[0].retryAt") <= most


async def test_an_address_that_is_none_leaves_the_client_as_it_was(serve: Serve) -> None:
    """Whoever calls is told; the client does not say for ever that it is connecting."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate(
            "import('./assets/hubbub.js').then(({ Hubbub }) => { window.lost = new Hubbub({ url: 'nowhere://' }); })"
        )
        assert await tab.evaluate("(() => { try { lost.connect(); } catch { return lost.state; } })()") == "closed"


async def test_who_closes_when_told_that_it_connects_is_closed(serve: Serve) -> None:
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate("hub.on('state', ({ state }) => state === 'connecting' && hub.close()) && undefined")
        await tab.evaluate(HELD % 10_000)
        await tab.evaluate("hub.cut(), told.length = 0, hub.connect()")
        assert await tab.evaluate("[hub.state, held.size]") == ["closed", 0]


async def test_a_client_that_is_closed_listens_to_nothing(serve: Serve) -> None:
    """A page that makes a client for each of its views would keep them all."""
    server = await serve()
    async with page(server) as tab:
        counted = """(() => {
          window.listening = 0;
          const [add, remove] = [window.addEventListener, window.removeEventListener];
          window.addEventListener = (...given) => { listening += 1; add(...given); };
          window.removeEventListener = (...given) => { listening -= 1; remove(...given); };
        })()"""
        await tab.evaluate(counted)
        await tab.evaluate("import('./assets/hubbub.js').then(({ Hubbub }) => { window.hub = new Hubbub(); })")
        await tab.evaluate("hub.connect()")
        await tab.wait_for("hub.state === 'connected'")
        await tab.evaluate("hub.close()")
        assert await tab.evaluate("listening") == 0


LOOKED_AT = "document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))"


async def test_a_page_that_is_looked_at_again_asks_whether_its_connection_lives(serve: Serve) -> None:
    """A phone that was in a pocket says "connected" of a line that is dead since; it is seen to be within seconds."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate(DEAF)
        await tab.wait_for("hub.state === 'connected'")
        await tab.evaluate(f"{HELD % 5000}, window.unheard = [], {LOOKED_AT}")
        assert await tab.evaluate("unheard.map((text) => JSON.parse(text).action)") == ["ping"]
        await tab.evaluate(FIRE)
        assert await tab.evaluate("hub.state") == "reconnecting"


async def test_a_page_that_is_hidden_does_not_ask(serve: Serve) -> None:
    """It may be frozen before the answer comes, and would take that for silence."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate(HELD % 5000)
        await tab.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: true }}), {LOOKED_AT}")
        assert await tab.evaluate("held.size") == 0


async def test_a_request_that_is_not_answered_asks_whether_the_connection_lives(serve: Serve) -> None:
    """In a tunnel nothing closes a connection; who waits for an answer is the first to notice."""
    server = await serve()
    async with page(server, timeout=7) as tab:
        await tab.evaluate(DEAF)
        await tab.wait_for("hub.state === 'connected'")
        await tab.evaluate(f"{HELD % 7000}, window.unheard = []")
        await tab.evaluate("window.over = hub.publish('public:a', 'message', 1).catch(({ reason }) => reason), 1")
        await tab.evaluate(f"window.due = [...held.values()], {HELD % 5000}")
        await tab.evaluate("for (const act of due) act()")
        assert await tab.evaluate("over") == "timeout"
        await tab.evaluate(LOOKED_AT)
        said = await tab.evaluate("unheard.map((text) => JSON.parse(text).action)")
        assert said == ["publish", "ping"]  # asking again would give it more time
        await tab.evaluate(FIRE)
        assert await tab.evaluate("hub.state") == "reconnecting"


async def test_whatever_comes_is_a_sign_of_life(serve: Serve) -> None:
    """On a slow network the answer stands behind all that was missed."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate("hub.join('public:a')")
        await tab.evaluate(DEAF)
        await tab.wait_for("hub.state === 'connected'")
        await tab.wait_for(told("joined", room="public:a", again=True))
        await tab.evaluate(f"{HELD % 5000}, window.unheard = [], {LOOKED_AT}")
        assert await tab.evaluate("held.size") == 1
        await server.app.node.commands.publish("public:a", "meanwhile")
        await tab.wait_for(told("event", payload="meanwhile"))
        assert await tab.evaluate("[held.size, hub.state]") == [0, "connected"]


async def test_what_cannot_be_said_is_not_waited_for(serve: Serve) -> None:
    """A payload that is no JSON is refused at once, and nothing is left behind that would be due later."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate(HELD % 10_000)
        outcome = "hub.publish('public:a', 'message', 10n).catch(({ name }) => name)"
        assert await tab.evaluate(outcome) == "TypeError"
        assert await tab.evaluate("held.size") == 0
