"""What people do in a room: they talk, type, come later, read back, and are put out."""

from __future__ import annotations

import pytest

from examples.chat.messages import Said, Say, Typing
from gateway import Gateway, Refused
from gateway.events import MessageDropped
from gateway.testing import NotReceived

from .conftest import Serve

GENERAL = "room:general"


async def test_what_one_says_all_others_read_with_the_name_of_who_said_it(gateway: Serve, app: Gateway) -> None:
    """The name is that of the session, whatever a client claims; its own message comes back to it as well."""
    async with gateway(app) as server:
        ada, bob = await server.connect(principal="Ada"), await server.connect(principal="Bob")
        await ada.join(GENERAL)
        await bob.join(GENERAL)
        reply = await ada.publish(GENERAL, Say(text="hello"))
        for one in (ada, bob):
            assert await one.receive(Said) == Said(user="Ada", text="hello")
        assert reply["offset"] == 1


async def test_me_does_something(gateway: Serve, app: Gateway) -> None:
    """`/me waves` is an act, and no message that begins with a slash."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada")
        await ada.join(GENERAL)
        await ada.publish(GENERAL, Say(text="/me waves"))
        assert await ada.receive(Said) == Said(user="Ada", text="waves", is_act=True)


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1001])
async def test_blank_and_endless_messages_are_refused_by_the_field(gateway: Serve, app: Gateway, text: str) -> None:
    """The answer names the field, and nobody reads anything."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada")
        await ada.join(GENERAL)
        with pytest.raises(Refused, match="1 to 1000 characters") as refused:
            await ada.publish(GENERAL, {"text": text}, "say")
        assert refused.value.details["field"] == "text"
        assert (await ada.ask("history", room=GENERAL))["events"] == []


@pytest.mark.parametrize("event", ["said", "is_typing", "was_put_out"])
async def test_nobody_speaks_as_the_room(gateway: Serve, app: Gateway, event: str) -> None:
    """What only rooms say is refused from people: else anybody could speak as anybody."""
    async with gateway(app) as server:
        mallory = await server.connect(principal="Mallory")
        await mallory.join(GENERAL)
        with pytest.raises(Refused, match="only the room says this"):
            await mallory.publish(GENERAL, {"user": "Ada", "text": "I resign"}, event)


async def test_a_flood_is_answered_with_the_time_to_wait(gateway: Serve, app: Gateway) -> None:
    """Ten messages at once are a person in a hurry, the eleventh is refused; typing too often is no news."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada", answers_pings=True)
        await ada.join(GENERAL)
        for number in range(10):
            await ada.publish(GENERAL, Say(text=str(number)))
        with pytest.raises(Refused) as refused:
            await ada.publish(GENERAL, Say(text="10"))
        assert (refused.value.reason, refused.value.temporary) == ("too_many_requests", True)
        for _ in range(6):
            await ada.publish(GENERAL, Typing())
        assert len(server.facts[MessageDropped]) == 1
        await server.clock.advance(1.1)
        await ada.publish(GENERAL, Say(text="a second later"))


async def test_one_speaks_only_where_one_is(gateway: Serve, app: Gateway) -> None:
    """Who has not joined a room, or was put out, has no word there; a room that nobody has opened is none."""
    async with gateway(app) as server:
        ada = await server.connect(principal="Ada")
        with pytest.raises(Refused, match="join room:general first"):
            await ada.publish(GENERAL, Say(text="psst"))
        with pytest.raises(Refused, match="no room called attic"):
            await ada.join("room:attic")
        with pytest.raises(NotReceived):
            await ada.receive(Said, timeout=0.01)
