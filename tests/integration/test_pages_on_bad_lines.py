"""Every page on a line that breaks at the wrong moment, or put out of its room: what it shows then is all, and true."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from examples import centrifuge_js_client, cursors, game, phoenix_js_client, ticker
from examples.ticker.desk import Pace
from gateway import Gateway
from tests.integration.conftest import as_served
from tests.support import chat_page
from tests.support.browser import Browser, find_chromium
from tests.support.demo_page import HERE, DemoServer, message, notice, people, say, texts
from tests.support.tab import Tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

Serve = Any
BACK = 30.0
"""Seconds for a page to come back: two back-offs of at most 10 s, and a margin for a slow machine."""
NEVER = 3600.0
"""Seconds between two ticks, where they would only be in the way."""

CUT_AT = """(() => {
  const { send } = WebSocket.prototype;
  let isCut = false;
  WebSocket.prototype.send = function (text) {
    if (isCut || !String(text).includes(%s)) return send.call(this, text);
    isCut = true;
    this.close();
  };
})()"""
"""The first frame with these words in it is not sent: the line breaks."""
CLOSED_AT_GOODBYE = """(() => {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    return String(text).includes('goodbye') ? this.close(4500, 'enough') : send.call(this, text);
  };
})()"""
"""The frame with that word ends the connection for good; what else the page says then, of itself, does not."""
NO_STORAGE = """for (const kind of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, kind, { get() { throw new DOMException('denied', 'SecurityError'); } })"""
"""A browser that is told to keep nothing."""


def quotes() -> Gateway:
    """Twenty a second, from a feed that does not fail by itself."""
    return ticker.create_app(Pace(interval=0.05, connect=0.0, lasts=10**9))


@asynccontextmanager
async def page(url: str, *first: str) -> AsyncIterator[Tab]:
    """Opened after these scripts; it may complain of nothing."""
    async with Browser() as chromium:
        tab = await chromium.open("about:blank")
        for js in first:
            await tab.run_first(js)
        await tab.goto(url)
        yield tab
        assert tab.errors == []


async def put_out(server: Any, topic: str) -> None:
    """Everybody who is in it."""
    for member in server.app.node.commands.members(topic):
        await server.app.node.commands.in_turn(
            topic, lambda it, who=member.id: it.kick(who, "enough", may_return=False), "kick"
        )


# --- what was said before


async def test_a_chat_that_loses_its_line_with_its_first_question_shows_what_was_said(demo_server: DemoServer) -> None:
    """It comes back having missed nothing, which is not to have seen all."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        for text in ("one", "two"):
            await say(ada, text)
        await grace.run_first(CUT_AT % '\'"history","room":"public:lobby"\'')
        await grace.reload()
        await grace.wait_for(notice("nothing was missed"), timeout=BACK)
        for text in ("one", "two"):
            await grace.wait_for(message(text))
        assert await texts(grace) == ["one", "two"]


async def test_a_ticker_that_loses_its_line_with_its_first_question_draws_what_was_before(serve: Serve) -> None:
    server = await serve(quotes, as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.points > 8")
        await tab.run_first(CUT_AT % "'\"history\"'")
        await tab.reload()
        await tab.wait_for("document.body.dataset.recovered !== undefined", timeout=BACK)
        await tab.wait_for("document.body.dataset.points === document.body.dataset.offset")


@pytest.mark.parametrize(("example", "asks"), [(centrifuge_js_client, '"history"'), (phoenix_js_client, "gw:history")])
async def test_a_board_that_loses_its_line_with_its_first_question_shows_what_was_before(
    serve: Serve, example: Any, asks: str
) -> None:
    server = await serve(lambda: example.create_app(NEVER), as_served())
    await server.app.node.commands.publish("public:board", {"name": "ada", "text": "one"}, "message")
    async with page(server.url, CUT_AT % json.dumps(asks)) as tab:
        await tab.wait_for("document.body.dataset.recovered === '0'", timeout=BACK)  # nothing was missed since it came
        await tab.wait_for("document.querySelector('.row .text')?.textContent === 'one'")


# --- what was typed


async def test_what_is_said_in_the_moment_of_coming_back_stands_behind_what_waited(demo_server: DemoServer) -> None:
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await ada.set_offline(True)
        await ada.click("#cut")
        await ada.type("#draft", "in the tunnel")
        await ada.press("Enter")
        await ada.wait_for(message("in the tunnel", state="waiting"))
        at_once = """(() => {
          const { send } = WebSocket.prototype;
          WebSocket.prototype.send = function (text) {
            WebSocket.prototype.send = send;
            send.call(this, text);
            document.getElementById('draft').value = 'out of it';
            document.getElementById('composer').requestSubmit();
          };
        })()"""
        await ada.evaluate(at_once)
        await ada.set_offline(False)
        for tab in (ada, grace):
            await tab.wait_for(message("out of it"), timeout=BACK)
            await tab.wait_for(message("in the tunnel"))
            assert await texts(tab) == ["in the tunnel", "out of it"]


async def test_what_was_under_way_when_the_server_closed_is_not_said_to_be_unsent(demo_server: Any) -> None:
    """Nobody knows whether it arrived: only that nothing came back."""
    async with people(demo_server, "Ada") as (ada,):
        await ada.evaluate(CLOSED_AT_GOODBYE)
        await ada.type("#draft", "goodbye")
        await ada.press("Enter")
        await ada.wait_for(message("goodbye", state="failed"))
        words = await ada.evaluate(f"{HERE}.querySelector('.trouble').textContent")
        assert words.startswith("not confirmed: the connection was lost")


async def test_what_could_not_be_written_on_the_board_is_in_its_field_again(serve: Serve) -> None:
    server = await serve(lambda: centrifuge_js_client.create_app(NEVER), as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.state === 'connected'")
        await tab.wait_for("document.body.dataset.people === '1'")
        await tab.evaluate(CUT_AT % "'a long thought'")
        await tab.type("#text", "a long thought")
        await tab.press("Enter")
        await tab.wait_for("document.querySelector('.problem').textContent")
        assert await tab.evaluate("document.getElementById('text').value") == "a long thought"


# --- put out


async def test_who_is_put_out_of_a_chat_room_waits_for_nothing_there(demo_server: Any) -> None:
    """Nobody is there any more as far as the page knows, and what is typed now is not sent, which it says."""
    async with people(demo_server, "Ada") as (ada,):
        await put_out(demo_server, "public:lobby")
        await ada.wait_for(notice("removed from this room: enough"))
        await ada.wait_for("document.body.dataset.people === '0'")
        await ada.set_offline(True)
        await ada.click("#cut")
        await ada.type("#draft", "is anybody there?")
        await ada.press("Enter")
        await ada.wait_for(message("is anybody there?", state="failed"))


@pytest.mark.parametrize("example", [centrifuge_js_client, phoenix_js_client])
async def test_who_is_put_out_of_a_board_is_told(serve: Serve, example: Any) -> None:
    server = await serve(lambda: example.create_app(NEVER), as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.people === '1'")
        await put_out(server, "public:board")
        await tab.wait_for("document.body.dataset.state === 'closed'")


async def test_who_is_put_out_of_the_ticker_is_told(serve: Serve) -> None:
    """A page that goes on saying that it is connected, over a picture that does not move, says nothing."""
    server = await serve(quotes, as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.points > 1")
        await put_out(server, "prices")
        await tab.wait_for("document.getElementById('state-text').textContent === 'put out: enough'")
        assert await tab.evaluate("document.body.dataset.feed") == "unknown"


async def test_who_is_put_out_of_the_cursors_is_told(serve: Serve) -> None:
    server = await serve(cursors.create_app, as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.people === '1'")
        await put_out(server, "cursors")
        await tab.wait_for("document.getElementById('away').textContent.includes('enough')")
        assert await tab.evaluate("document.body.dataset.people") == "0"
        assert await tab.evaluate("document.getElementById('robots').disabled")


async def test_who_is_put_out_of_a_game_is_told(serve: Serve) -> None:
    server = await serve(game.create_app, as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.seat === 'red'")
        await put_out(server, "game:" + await tab.evaluate("location.hash.slice(1)"))
        said = "document.getElementById('verdict').textContent === 'You were put out of this table: enough'"
        await tab.wait_for(said)
        await tab.evaluate("dispatchEvent(new Event('offline')), dispatchEvent(new Event('online'))")
        assert await tab.evaluate(said)


# --- a browser that keeps nothing


async def test_a_board_needs_no_storage(serve: Serve) -> None:
    """But for that of phoenix.js, which cannot do without one."""
    server = await serve(lambda: centrifuge_js_client.create_app(NEVER), as_served())
    async with page(server.url, NO_STORAGE) as tab:
        await tab.wait_for("document.body.dataset.people === '1'")


# --- a server that does not answer


@pytest.mark.parametrize("answer", ["Promise.reject(new TypeError('no network'))", "new Response('', { status: 503 })"])
async def test_who_could_not_be_logged_out_is_told_so(serve: Serve, answer: str) -> None:
    """The cookie is still there, and lets in who comes next: only the server can end what it stands for."""
    server = await chat_page.chat(serve)
    async with chat_page.people(server.url, "Ada") as (ada,):
        await ada.evaluate(f"window.real = fetch, window.fetch = async () => {answer}, 1")
        await ada.resize(*chat_page.PHONE)
        await ada.emulate_media({"prefers-reduced-motion": "reduce"})  # a panel that slides is missed by a click
        await ada.click("#panel-toggle")
        await ada.click("#logout-panel")
        await ada.wait_for(
            "document.getElementById('banner-text').textContent.startsWith('You are not logged out')", timeout=BACK
        )
        assert await ada.evaluate("location.pathname") == "/"
        await ada.evaluate("window.fetch = real, 1")
        await ada.click("#banner-act")
        await ada.wait_for("location.pathname + location.hash === '/login.html#logged-out'", timeout=BACK)


SILENT = """AbortSignal.timeout = () => AbortSignal.abort();
window.fetch = (path, { signal } = {}) => new Promise((resolve, reject) => signal?.aborted && reject(signal.reason))"""
"""A network that takes every request and answers none, and patience that is over."""


async def test_a_chat_whose_server_says_nothing_is_no_blank_page(serve: Serve) -> None:
    server = await chat_page.chat(serve)
    async with chat_page.people(server.url, "Ada") as (ada,):
        await ada.run_first(SILENT)
        await ada.reload()
        await ada.wait_for("document.body.innerText.includes('The server does not answer')")


async def test_a_login_that_is_not_answered_can_be_tried_again(serve: Serve) -> None:
    server = await chat_page.chat(serve)
    async with page(f"{server.url}/login.html", SILENT) as tab:
        await tab.type("#name", "Ada")
        await tab.type("#password", "hubbub")
        await tab.press("Enter")
        await tab.wait_for("document.getElementById('problem').textContent.startsWith('The server does not answer')")
        assert not await tab.evaluate("document.querySelector('#form button').disabled")
