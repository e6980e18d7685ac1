"""What is kept: who comes later reads it, who comes back misses nothing, who scrolls up gets it page by page."""

from __future__ import annotations

from typing import Any

from examples.chat.messages import Said, Say
from gateway import Gateway
from gateway.testing import Server
from gateway.testing.client import Client

from .conftest import Serve

GENERAL = "room:general"


async def having_said(server: Server, *texts: str) -> tuple[Client, dict[str, Any]]:
    """Somebody who said these, and the position of the last of them."""
    ada = await server.connect(principal="Ada")
    await ada.join(GENERAL)
    replies = [await ada.publish(GENERAL, Say(text=text)) for text in texts]
    for _ in texts:
        await ada.receive(Said)
    return ada, {"epoch": replies[-1]["epoch"], "offset": replies[-1]["offset"]}


def texts_of(reply: dict[str, Any]) -> list[str]:
    return [event["payload"]["text"] for event in reply["events"]]


async def test_who_comes_later_reads_what_was_said(gateway: Serve, app: Gateway) -> None:
    """Position 0 is everything that is kept, in order, before anything new."""
    async with gateway(app) as server:
        await having_said(server, "one", "two")
        bob = await server.connect(principal="Bob")
        assert (await bob.join(GENERAL, since={"offset": 0}))["missed"] == 2
        assert [(await bob.receive(Said)).text for _ in range(2)] == ["one", "two"]


async def test_who_was_cut_off_gets_what_was_missed_once(gateway: Serve, app: Gateway) -> None:
    """From the position it had, whoever it was that spoke meanwhile; its own name is not here twice."""
    async with gateway(app) as server:
        ada, position = await having_said(server, "before")
        bob = await server.connect(principal="Bob")
        await bob.join(GENERAL)
        await ada.cut()
        await bob.publish(GENERAL, Say(text="meanwhile"))
        back = await server.connect(principal="Ada")
        reply = await back.join(GENERAL, since=position)
        assert (reply["recovered"], reply["missed"]) == (True, 1)
        assert await back.receive(Said) == Said(user="Bob", text="meanwhile")


async def test_who_scrolls_up_gets_older_messages_page_by_page(gateway: Serve, app: Gateway) -> None:
    """Each page ends before the oldest message of the one below it; the last one is short."""
    async with gateway(app) as server:
        ada, _ = await having_said(server, "one", "two", "three", "four", "five")
        page = await ada.ask("history", room=GENERAL, limit=2, reverse=True)
        pages = [texts_of(page)]
        while len(page["events"]) == 2:
            oldest = min(event["offset"] for event in page["events"])
            since = {"epoch": page["epoch"], "offset": oldest}
            page = await ada.ask("history", room=GENERAL, limit=2, reverse=True, since=since)
            pages.append(texts_of(page))
        assert [sorted(page) for page in pages] == [["five", "four"], ["three", "two"], ["one"]]


async def test_a_restart_of_the_server_begins_anew_and_says_so(gateway: Serve, app: Gateway) -> None:
    """A position of the old epoch is worth nothing, and who brings it learns that; the rooms are there again."""
    async with gateway(app) as server:
        _, position = await having_said(server, "before")
        await server.restart()
        ada = await server.connect(principal="Ada")
        reply = await ada.join(GENERAL, since=position)
        assert reply["recovered"] is False
        assert reply["epoch"] != position["epoch"]
