"""Connect four over sockets: a table, who sits at it, its clock, and crashes of the referee in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from examples.game import Game, create_app
from gateway import Gateway
from tests.integration.conftest import as_served
from tests.support.client import Client, connect

Serve = Any
Wanted = Callable[[dict[str, Any]], bool]
TABLE = "game:7"


class Hasty(Game):
    """As the game, with a clock that a test can wait for."""

    turn = 0.3


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
