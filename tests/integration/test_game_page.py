"""The page of connect four: two people at two pages, a third who watches, and a move out of turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from examples.game import create_app
from tests.integration.conftest import as_served
from tests.support.browser import Browser, find_chromium
from tests.support.client import connect
from tests.support.tab import Tab

Serve = Any
BOARD = "document.body.dataset.cells"
ARROW_RIGHT = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")


@asynccontextmanager
async def pages(server: Any, count: int) -> AsyncIterator[list[Tab]]:
    """So many people at one table: the first makes it, the others follow the link; no page may complain."""
    async with Browser() as chromium:
        tabs = [await chromium.open(server.url, isolated=True)]
        await tabs[0].wait_for("document.body.dataset.seat === 'red'")
        link = await tabs[0].evaluate("document.getElementById('link').value")
        for _ in range(count - 1):
            tabs.append(await chromium.open(link, isolated=True))
            await tabs[-1].wait_for("document.body.dataset.turn === 'red'")
        yield tabs
        assert [tab.errors for tab in tabs] == [[]] * count


async def drop(tab: Tab, column: int, discs: int) -> None:
    """Clicks a column when it is this player's turn; returns when the page shows so many discs."""
    await tab.wait_for("document.body.dataset.turn === document.body.dataset.seat")
    await tab.click(f".column:nth-child({column})")
    await tab.wait_for(f"{BOARD}.replaceAll('.', '').length === {discs}")


@browser
@needs_chromium
async def test_two_tabs_play_to_the_end_across_a_crash(serve: Serve) -> None:
    """By link, by mouse and by keyboard; the referee crashes in the middle; the winner is shown, then a rematch."""
    server = await serve(create_app, as_served())
    async with pages(server, 2) as (ada, bob):
        await drop(ada, 1, 1)
        await drop(bob, 7, 2)
        await drop(ada, 2, 3)
        held = await ada.evaluate(BOARD)
        await bob.click("#crash")
        for tab in (ada, bob):
            await tab.wait_for("document.body.dataset.restarts === '1'")
            assert await tab.evaluate(BOARD) == held
        await drop(bob, 7, 4)
        await drop(ada, 3, 5)
        await drop(bob, 7, 6)
        await ada.wait_for("document.body.dataset.turn === 'red'")
        await ada.evaluate(ARROW_RIGHT)  # from the third column, where the last click was, to the fourth
        await ada.press("Enter")
        for tab, words in ((ada, "You win: four in a row"), (bob, "wins: four in a row")):
            await tab.wait_for(f"document.getElementById('verdict').textContent.includes('{words}')")
            assert await tab.evaluate("document.querySelectorAll('.cell[data-won=true]').length") == 4
        await ada.click("#rematch")
        await bob.click("#rematch")
        await ada.wait_for(f"document.body.dataset.turn === 'yellow' && !/[ry]/.test({BOARD})")


@browser
@needs_chromium
async def test_who_comes_third_watches_and_a_reload_keeps_the_seat(serve: Serve) -> None:
    """The players see who watches; the third has no column to press; a player who reloads plays on."""
    server = await serve(create_app, as_served())
    async with pages(server, 3) as (ada, bob, eve):
        await ada.wait_for("document.body.dataset.watching === '1'")
        assert await eve.evaluate("document.body.dataset.seat === '' && document.querySelector('.column').disabled")
        await drop(ada, 4, 1)
        await bob.reload()
        await bob.wait_for("document.body.dataset.seat === 'yellow'")
        await drop(bob, 4, 2)
        await eve.wait_for(f"{BOARD}.replaceAll('.', '').length === 2")


@browser
@needs_chromium
async def test_a_move_out_of_turn_is_explained(serve: Serve) -> None:
    """The page asks the referee and shows what it says."""
    server = await serve(create_app, as_served())
    async with pages(server, 2) as (_, bob):
        await bob.click(".column:nth-child(1)")
        await bob.wait_for("document.getElementById('problem').textContent.includes('it is not your turn')")


@browser
@needs_chromium
async def test_a_watcher_whose_name_is_no_text_stops_no_game(serve: Serve) -> None:
    """Whatever JSON somebody joins with, they are somebody, and the players play."""
    server = await serve(create_app, as_served())
    async with pages(server, 1) as (ada,), connect(server.ws()) as eve:
        room = await ada.evaluate("'game:' + location.hash.slice(1)")
        await eve.join(room, info={"name": {"toString": 1, "valueOf": 1}})
        await ada.wait_for("document.body.dataset.watching === '1'")
        assert await ada.evaluate("document.getElementById('watching').innerText.trim()") == "somebody"


@browser
@needs_chromium
async def test_who_watches_has_the_name_of_now_and_takes_no_seat_of_players_who_are_away(serve: Serve) -> None:
    """A watcher's new name is seen by all; after a restart of the server the seats wait for those who had them."""
    server = await serve(create_app, as_served())
    async with pages(server, 3) as (ada, bob, eve):
        await eve.type("#name-field", "W" * 24)
        await eve.press("Enter")
        for tab in (ada, eve):
            await tab.wait_for(f"document.getElementById('watching').innerText.trim() === '{'W' * 24}'")
        for tab in (ada, bob):
            await tab.set_offline(True)
            await tab.wait_for("document.body.dataset.state === 'offline'")
        await server.restart()
        await eve.wait_for("document.body.dataset.state === 'connected' && !document.body.dataset.turn", timeout=30)
        for tab in (ada, bob):
            await tab.set_offline(False)
            await tab.wait_for("document.body.dataset.state === 'connected' && document.body.dataset.seat", timeout=30)
        assert await eve.evaluate("document.body.dataset.seat") == ""


@browser
@needs_chromium
async def test_a_long_name_fits_on_a_phone(serve: Serve) -> None:
    """Nothing is wider than the page, whoever is to move."""
    server = await serve(create_app, as_served())
    async with pages(server, 2) as (ada, bob):
        await bob.resize(360, 640, mobile=True)
        await ada.type("#name-field", "W" * 24)
        await ada.press("Enter")
        await bob.wait_for("document.getElementById('verdict').textContent.startsWith('WW')")
        assert await bob.evaluate("document.documentElement.scrollWidth") == 360


@browser
@needs_chromium
async def test_skipping_to_the_board_keeps_the_table(serve: Serve) -> None:
    """The table is in the address: the link that leads past the header leads to its board, and to no other table."""
    server = await serve(create_app, as_served())
    async with pages(server, 1) as (ada,):
        await ada.evaluate("(window.isThis = true, document.querySelector('.skip').click())")
        assert await ada.evaluate("window.isThis && document.activeElement.id === 'board'")
        assert await ada.evaluate("location.href === document.getElementById('link').value")


@browser
@needs_chromium
@pytest.mark.parametrize("size", [(640, 400), (844, 390), (800, 320)], ids=["zoomed", "landscape", "flat"])
async def test_a_low_window_has_a_board_to_play_on(serve: Serve, size: tuple[int, int]) -> None:
    """A page at 200 %, or a phone on its side: the cells stay as large as a finger, and the page scrolls."""
    server = await serve(create_app, as_served())
    async with pages(server, 1) as (ada,):
        await ada.resize(*size)
        assert await ada.evaluate("document.querySelector('.column').getBoundingClientRect().width >= 36")
        assert await ada.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browser
@needs_chromium
async def test_discs_are_seen_in_high_contrast(serve: Serve) -> None:
    """Colours that the reader chose leave the two discs, and an empty hole, three things that differ."""
    server = await serve(create_app, as_served())
    async with pages(server, 2) as (ada, bob):
        await drop(ada, 1, 1)
        await drop(bob, 1, 2)
        await ada.emulate_media({"forced-colors": "active"})
        cells = "['.board .red', '.board .yellow', '.board .disc:not(.red, .yellow)']"
        seen = await ada.evaluate(f"{cells}.map(one => getComputedStyle(document.querySelector(one)).backgroundColor)")
        assert len(set(seen)) == 3


@browser
@needs_chromium
async def test_without_a_connection_there_is_no_clock(serve: Serve) -> None:
    """The referee's goes on, and the page does not know it: it says so."""
    server = await serve(create_app, as_served())
    clock = "document.getElementById('clock-text').textContent"
    async with pages(server, 2) as (ada, _):
        await ada.wait_for(f"{clock}.endsWith(' s')")
        await ada.set_offline(True)
        await server.stop()
        await ada.wait_for("document.body.dataset.state !== 'connected'")
        assert await ada.evaluate(clock) == ""
        assert "the clock runs on" in await ada.evaluate("document.getElementById('verdict').textContent")


@browser
@needs_chromium
async def test_a_duplicated_tab_is_a_second_player(serve: Serve) -> None:
    """A browser copies what a tab has kept into its duplicate, which is no reason to take its seat."""
    server = await serve(create_app, as_served())
    async with Browser() as chromium:
        ada = await chromium.open(server.url)
        await ada.wait_for("document.body.dataset.seat === 'red'")
        link, copied = await ada.evaluate("[location.href, JSON.stringify(sessionStorage)]")
        copy = await chromium.open("about:blank")
        await copy.run_first(f"Object.assign(sessionStorage, {copied})")
        await copy.goto(link)
        await copy.wait_for("document.body.dataset.seat === 'yellow'")
        assert await ada.evaluate("document.body.dataset.seat") == "red"
