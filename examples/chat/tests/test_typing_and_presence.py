"""What passes: who is here, who comes and goes, and who types. None of it is kept."""

from __future__ import annotations

from typing import Any

from examples.chat.messages import IsTyping, Said, Say, Typing
from gateway import Gateway
from gateway.events import ConnectionClosed
from gateway.testing.client import Client

from .conftest import Serve

GENERAL = "room:general"


async def presence(client: Client) -> dict[str, list[str]]:
    """The users of the next frame about who is here: `state`, or `joins` and `leaves`."""
    while (frame := await client.receive_json())["action"] != "presence":
        pass
    parts: dict[str, Any] = {name: frame[name] for name in ("state", "joins", "leaves") if frame.get(name)}
    return {name: [entry["user"] for entry in entries] for name, entries in parts.items()}


async def test_who_types_is_told_to_the_others_and_kept_nowhere(gateway: Serve, app: Gateway) -> None:
    """Typing is ephemeral: no offset, no history, and neither oneself nor one's other tab hears of it."""
    async with gateway(app) as server:
        ada, tab = await server.connect(principal="Ada"), await server.connect(principal="Ada")
        bob = await server.connect(principal="Bob")
        for one in (ada, tab, bob):
            await one.join(GENERAL)
        assert "offset" not in await ada.publish(GENERAL, Typing())
        assert await bob.receive(IsTyping) == IsTyping(user="Ada")
        await ada.publish(GENERAL, Say(text="done"))
        for one in (ada, tab):
            assert (await one.receive(Said)).text == "done"
        events = (await bob.ask("history", room=GENERAL))["events"]
        assert [(event["event"], event["offset"]) for event in events] == [("said", 1)]


async def test_everybody_sees_who_is_here_and_who_comes_and_goes(gateway: Serve, app: Gateway) -> None:
    """Who comes is shown who is here; the others are told, also of a cable that was cut, if nobody is back at once."""
    async with gateway(app) as server:
        ada, bob = await server.connect(principal="Ada", answers_pings=True), await server.connect(principal="Bob")
        await ada.join(GENERAL, presence=True)
        assert await presence(ada) == {"state": ["Ada"]}
        await bob.join(GENERAL, presence=True)
        assert await presence(bob) == {"state": ["Ada", "Bob"]}
        assert await presence(ada) == {"joins": ["Bob"]}
        await bob.cut()
        await server.wait_for(ConnectionClosed)
        await server.clock.advance(5)
        assert await presence(ada) == {"leaves": ["Bob"]}
