"""The list of rooms: who comes gets it, who is there hears of new rooms, and of what is said in the others."""

from __future__ import annotations

import pytest

from examples.chat.directory import FIRST_ROOMS, LOBBY, MAX_ROOMS
from examples.chat.messages import OpenRoom, RoomMoved, RoomOpened, Say
from gateway import Gateway, Refused
from gateway.testing import Server

from .conftest import Serve


async def names(server: Server) -> list[str]:
    """The rooms that somebody new is shown."""
    newcomer = await server.connect(principal="Eve")
    reply = await newcomer.join(LOBBY)
    return [room["name"] for room in reply["response"]["rooms"]]


async def test_a_room_that_one_opens_is_there_for_all(gateway: Serve, app: Gateway) -> None:
    """Who is in the lobby is told, who comes later finds it in the list, and one can join it."""
    async with gateway(app) as server:
        ada, bob = await server.connect(principal="Ada"), await server.connect(principal="Bob")
        await ada.join(LOBBY)
        await bob.join(LOBBY)
        await ada.publish(LOBBY, OpenRoom(name="engines"))
        assert await bob.receive(RoomOpened) == RoomOpened(name="engines")
        assert (await bob.join("room:engines"))["status"] == "joined"
        assert await names(server) == [*FIRST_ROOMS, "engines"]


@pytest.mark.parametrize("name", ["", "A", "two words", "-", "x" * 31])
async def test_a_room_has_a_name_that_fits_into_an_address(gateway: Serve, app: Gateway, name: str) -> None:
    """Small letters, digits and hyphens; the answer names the field."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada")
        await ada.join(LOBBY)
        with pytest.raises(Refused) as refused:
            await ada.publish(LOBBY, {"name": name}, "open_room")
        assert refused.value.details["field"] == "name"


async def test_there_is_one_room_of_a_name_and_an_end_of_rooms(gateway: Serve, app: Gateway) -> None:
    """A second one of that name is refused, and so is the first one too many."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada", answers_pings=True)
        with pytest.raises(Refused, match="a room called general already"):
            await ada.publish(LOBBY, OpenRoom(name="general"))
        for number in range(MAX_ROOMS - len(FIRST_ROOMS)):
            await ada.publish(LOBBY, OpenRoom(name=f"room-{number}"))
        with pytest.raises(Refused, match="50 rooms"):
            await ada.publish(LOBBY, OpenRoom(name="one-more"))


async def test_the_lobby_tells_how_far_the_other_rooms_have_come(gateway: Serve, app: Gateway) -> None:
    """By offset, so a page that knows how far it has read knows how much it has not; typing moves nothing."""
    async with gateway(app) as server:
        ada, bob = await server.connect(principal="Ada"), await server.connect(principal="Bob")
        await bob.join(LOBBY)
        await ada.join("room:help")
        for text in ("one", "two"):
            await ada.publish("room:help", Say(text=text))
        moved = [await bob.receive(RoomMoved) for _ in range(2)]
        assert [(one.name, one.offset) for one in moved] == [("help", 1), ("help", 2)]
        again = await bob.join(LOBBY)
        assert {"name": "help", "offset": 2, "epoch": moved[1].epoch} in again["response"]["rooms"]


async def test_only_the_lobby_says_which_rooms_there_are(gateway: Serve, app: Gateway) -> None:
    """Else anybody could show a room to everybody."""
    async with gateway(app) as server:
        mallory = await server.connect(principal="Mallory")
        await mallory.join(LOBBY)
        with pytest.raises(Refused, match="only the lobby"):
            await mallory.publish(LOBBY, RoomOpened(name="free-money"))
