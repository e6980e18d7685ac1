"""Connect four: its rules, a table over sockets, a crash of the referee in the middle, and two people at two pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from examples.game import Game, create_app
from examples.game.rules import COLUMNS, ROWS, Board, IllegalMove, Side
from gateway import Gateway
from gateway.config import GatewaySettings
from gateway.settings_sources import load_settings
from tests.support.browser import Browser, find_chromium
from tests.support.client import Client, connect
from tests.support.tab import Tab

Serve = Any
Wanted = Callable[[dict[str, Any]], bool]
TABLE = "game:7"


class Hasty(Game):
    """As the game, with a clock that a test can wait for."""

    turn = 0.3


def as_served() -> GatewaySettings:
    return load_settings(None, {}, {"--port": 0}, app=True).settings


def hasty() -> Gateway:
    return create_app(Hasty)


class Player:
    """One connection at the table, and the table as it last heard."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.table: dict[str, Any] = {}

    async def enter(self) -> None:
        self.table = (await self.client.join(TABLE, info={"name": self.name}))["response"]

    async def sit(self, key: str | None = None) -> str | None:
        reply = await self.asks("sit", {"name": self.name, "key": key or f"the secret of {self.name}"})
        seat: str | None = reply["payload"]["seat"]
        return seat

    async def asks(self, event: str, payload: Any = None) -> dict[str, Any]:
        return await self.client.publish(TABLE, payload, event=event)

    async def drops(self, column: int) -> dict[str, Any]:
        return await self.asks("move", {"column": column})

    async def refused(self, event: str, payload: Any = None) -> tuple[str, str]:
        """Reason and words of a refusal."""
        error = (await self.asks(event, payload))["error"]
        return error["reason"], error["message"]

    async def sees(self, wanted: Wanted) -> dict[str, Any]:
        """The next table of which that is true."""
        while not wanted(self.table):
            frame = await self.client.event()
            if frame["event"] == "table":
                self.table = frame["payload"]
        return self.table


@asynccontextmanager
async def at_table(server: Any, *names: str) -> AsyncIterator[list[Player]]:
    """They enter and sit down in this order, until no seat is left."""
    async with AsyncExitStack() as stack:
        players = []
        for name in names:
            players.append(Player(await stack.enter_async_context(connect(server.ws())), name))
            await players[-1].enter()
            await players[-1].sit()
        yield players


async def play(*moves: tuple[Player, int]) -> None:
    for player, column in moves:
        reply = await player.drops(column)
        assert reply.get("status") == "published", reply


def has(**values: Any) -> Wanted:
    return lambda table: all(table.get(key) == value for key, value in values.items())


def is_away(side: str) -> Wanted:
    return lambda table: side in table["seats"] and table["seats"][side]["client"] is None


# --- the rules


def board(*rows: str) -> Board:
    """From the bottom rows of a board."""
    return Board("".join(rows).rjust(COLUMNS * ROWS, "."))


@pytest.mark.parametrize(
    ("rows", "column", "side"),
    [
        (("rrr....",), 3, "red"),
        (("y......", "y......", "y......"), 0, "yellow"),
        (("..yr...", ".yrr...", "yrrr..."), 3, "yellow"),
        (("...ry..", "...rry.", "...rrry"), 3, "yellow"),
        (("rrr.rrr",), 3, "red"),
    ],
    ids=["row", "column", "rising", "falling", "from the middle"],
)
def test_four_in_a_row_wins_in_every_direction(rows: tuple[str, ...], column: int, side: Side) -> None:
    """The line is found from the disc that completes it, wherever in the line that is."""
    after, cell = board(*rows).drop(column, side)
    line = after.line_through(cell)
    assert len(line) >= 4
    assert cell in line
    assert {after.cells[one] for one in line} == {side[0]}


def test_a_line_does_not_go_around_the_edge() -> None:
    """Three at the right end of a row and one at the left of the next are no four."""
    after, cell = board(".....rr", "r......").drop(4, "red")
    assert after.line_through(cell) == ()
    after, cell = board("......r", "rr.....").drop(2, "red")
    assert after.line_through(cell) == ()


def test_a_disc_falls_on_what_is_there_until_the_column_is_full() -> None:
    """Six fit; the seventh, and columns that do not exist, are refused with words for people."""
    at = Board()
    cells = []
    for _ in range(ROWS):
        at, cell = at.drop(2, "red")
        cells.append(cell)
    assert cells == [37, 30, 23, 16, 9, 2]
    with pytest.raises(IllegalMove, match="column 3 is full; choose another"):
        at.drop(2, "yellow")
    for column in (-1, COLUMNS):
        with pytest.raises(IllegalMove, match=f"there is no column {column + 1}"):
            at.drop(column, "red")


# --- over sockets


async def test_two_sit_down_and_the_game_begins(serve: Serve) -> None:
    """The first has red and moves first; a third may only watch; everybody sees the same table."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob", "eve") as (ada, bob, eve):
        table = await eve.sees(lambda table: table["left"] is not None)
        assert {side: seat["name"] for side, seat in table["seats"].items()} == {"red": "ada", "yellow": "bob"}
        assert table["to_move"] == "red"
        assert 0 < table["left"] <= Game.turn
        assert await eve.sit() is None
        assert (await eve.refused("move", {"column": 0}))[0] == "not_seated"
        await play((ada, 3), (bob, 3))
        cells = (await eve.sees(lambda table: table["cells"].count(".") == 40))["cells"]
        assert (cells[38], cells[31]) == ("r", "y")
        assert cells == (await ada.sees(has(cells=cells)))["cells"] == (await bob.sees(has(cells=cells)))["cells"]


async def test_keys_are_told_to_nobody(serve: Serve) -> None:
    """Who knows a key can take the seat, so no table and no reply carries one."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob", "eve") as (_, _, eve):
        await eve.sees(lambda table: len(table["seats"]) == 2)
        assert "secret" not in str(eve.table)


async def test_what_is_against_the_rules_is_refused_and_changes_nothing(serve: Serve) -> None:
    """Out of turn, into a full column, beside the board, or nonsense: each with words that say what to do."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        assert await bob.refused("move", {"column": 0}) == ("illegal_move", "it is not your turn; wait for ada")
        await play((ada, 0), (bob, 0), (ada, 0), (bob, 0), (ada, 0), (bob, 0))
        assert await ada.refused("move", {"column": 0}) == ("illegal_move", "column 1 is full; choose another")
        assert (await ada.refused("move", {"column": 7}))[1].startswith("there is no column 8")
        for nonsense in (None, {}, {"column": "1"}, {"column": 1.0}, {"column": True}, [1]):
            assert (await ada.refused("move", nonsense))[0] == "bad_request"
        assert (await ada.refused("rematch"))[0] == "illegal_move"
        assert (await ada.refused("table", {"cells": "r" * 42}))[0] == "permission_denied"
        cells = (await bob.sees(lambda table: table["cells"].count(".") == 36))["cells"]
        await play((ada, 1))
        table = await bob.sees(lambda table: table["cells"] != cells)
        assert table["cells"].count(".") == 35


KEY = "k" * 8


@pytest.mark.parametrize(
    "payload",
    [
        None, {}, {"name": "x"}, {"key": KEY}, {"name": " ", "key": KEY}, {"name": 1, "key": KEY},
        {"name": "x", "key": "short"}, {"name": "x", "key": "k" * 65}, {"name": "x", "key": 12345678},
    ],
)  # fmt: skip
async def test_nobody_sits_down_without_a_name_and_a_secret(serve: Serve, payload: Any) -> None:
    """Whatever else is sent is refused, and says what should have come."""
    server = await serve(create_app, as_served())
    async with at_table(server) as _, connect(server.ws()) as client:
        player = Player(client, "x")
        await player.enter()
        reason, words = await player.refused("sit", payload)
        assert reason == "bad_request"
        assert words.startswith("to sit down send")


async def test_a_game_is_played_to_its_end_and_played_again(serve: Serve) -> None:
    """Four in a row wins and is shown; moves are over; when both want a rematch, the other begins."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        await play((ada, 0), (bob, 6), (ada, 1), (bob, 6), (ada, 2), (bob, 6), (ada, 3))
        table = await bob.sees(lambda table: table["outcome"] is not None)
        assert table["outcome"] == {"winner": "red", "why": "four", "line": [35, 36, 37, 38]}
        assert (table["left"], table["seats"]["red"]["wins"], table["seats"]["yellow"]["wins"]) == (None, 1, 0)
        assert (await bob.refused("move", {"column": 0}))[0] == "illegal_move"
        await ada.asks("rematch")
        assert (await bob.sees(has(rematch=["red"])))["outcome"] is not None
        await bob.asks("rematch")
        table = await ada.sees(has(to_move="yellow", cells="." * 42))
        assert (table["outcome"], table["seats"]["red"]["wins"]) == (None, 1)


async def test_who_does_not_move_in_time_has_lost(serve: Serve) -> None:
    """The clock is of the room, not of the pages: nobody has to send anything."""
    server = await serve(hasty, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        for player in (ada, bob):
            table = await player.sees(lambda table: table["outcome"] is not None)
            assert table["outcome"] == {"winner": "yellow", "why": "time", "line": []}


async def test_a_crash_of_the_referee_keeps_board_seats_and_clock(serve: Serve) -> None:
    """It threw the board away before it crashed; the next referee has it, and the clock did not begin anew."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        await play((ada, 3), (bob, 2))
        before = await ada.sees(lambda table: table["cells"].count(".") == 40)
        assert (await ada.refused("crash"))[0] == "internal"
        after = await bob.sees(has(restarts=1))
        assert (after["cells"], after["seats"], after["to_move"]) == (before["cells"], before["seats"], "red")
        assert after["left"] < before["left"]
        await play((ada, 3), (bob, 2))
        await ada.sees(lambda table: table["cells"].count(".") == 38)


async def test_the_clock_that_a_crash_ended_is_set_again(serve: Serve) -> None:
    """Timers belong to the instance that is gone; the deadline is in the state, and comes."""
    server = await serve(hasty, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        assert (await ada.refused("crash"))[0] == "internal"
        assert (await bob.sees(has(restarts=1)))["left"] > 0
        table = await bob.sees(lambda table: table["outcome"] is not None)
        assert (table["outcome"]["why"], table["restarts"]) == ("time", 1)


async def test_who_comes_back_with_the_key_has_the_seat_again(serve: Serve) -> None:
    """A reload is a new connection; the seat is kept while the game runs, and nobody else gets it."""
    server = await serve(create_app, as_served())
    async with at_table(server, "ada", "bob") as (ada, bob):
        await play((ada, 3))
        bob.client.cut()
        await ada.sees(is_away("yellow"))
        async with at_table(server, "eve", "bob") as (eve, again):
            assert await eve.sit() is None
            assert again.name == "bob"
            await play((again, 3))
            assert (await ada.sees(lambda table: table["cells"].count(".") == 40))["to_move"] == "red"


async def test_a_seat_that_was_left_after_the_game_is_free(serve: Serve) -> None:
    """Who watched may take it, and a new game begins."""
    server = await serve(hasty, as_served())
    async with at_table(server, "ada", "bob", "eve") as (ada, bob, eve):
        await ada.sees(lambda table: table["outcome"] is not None)
        bob.client.cut()
        await eve.sees(is_away("yellow"))
        assert await eve.sit() == "yellow"
        table = await ada.sees(lambda table: table["left"] is not None)
        assert table["seats"]["yellow"]["name"] == "eve"
        assert table["outcome"] is None


# --- in a browser

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
