"""The shared cursors: who is told of a position, who skips some, and what the page shows of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from examples.cursors import create_app, robots, slow_reader
from examples.cursors.guests import TOPIC
from examples.cursors.sight import MAX_POINTERS, Sight
from gateway.events import ConnectionClosed, PublicationDropped
from tests.integration.conftest import as_served
from tests.support.browser import Browser, find_chromium
from tests.support.client import Client, connect, when
from tests.support.raw_client import PATIENCE
from tests.support.tab import Tab

Serve = Any


async def until(client: Client, event: str) -> dict[str, Any]:
    """The next event of that name; those before it are dropped."""
    async with asyncio.timeout(PATIENCE):
        while (got := await client.event())["event"] != event:
            pass
        return got


async def say(client: Client, event: str, payload: object) -> dict[str, Any]:
    return await client.publish(TOPIC, payload, event=event)


# --- over a socket


async def test_a_position_reaches_the_others_and_leaves_no_trace(serve: Serve) -> None:
    """In the name of who sent it, not to itself, without an offset; nothing is kept of it."""
    server = await serve(create_app, as_served())
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for who in (ada, bob):
            assert (await who.join(TOPIC))["response"] == {"robots": False, "slow": False}
        for n in (1, 2):
            assert (await say(ada, "at", {"x": 0.25, "y": 1, "n": n, "more": "dropped"}))["status"] == "published"
        await say(bob, "at", {"x": 0, "y": 0.123456, "n": 7})
        got = await ada.event()
        assert (got["payload"], got["sender"]["client"]) == ({"x": 0, "y": 0.1235, "n": 7}, bob.id)
        heard = [await bob.event() for _ in range(2)]
        assert [one["payload"] for one in heard] == [{"x": 0.25, "y": 1, "n": n} for n in (1, 2)]
        assert all("offset" not in one for one in heard)
        assert (await ada.ask(action="history", room=TOPIC))["events"] == []


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("at", {"x": 1.1, "y": 0, "n": 1}, "bad_request"),
        ("at", {"x": True, "y": 0, "n": 1}, "bad_request"),
        ("at", {"x": 0.5, "y": 0}, "bad_request"),
        ("at", "here", "bad_request"),
        ("robots", 24, "bad_request"),
        ("slow", None, "bad_request"),
        ("robot", {"robot": 1, "x": 0, "y": 0, "n": 1}, "permission_denied"),
        ("seen", {"read": 1}, "permission_denied"),
        ("guests", {"robots": True}, "permission_denied"),
    ],
)
async def test_what_is_no_position_is_refused(serve: Serve, event: str, payload: object, reason: str) -> None:
    """Nobody hears of it; what only the server says can be said by nobody else."""
    server = await serve(create_app, as_served())
    async with connect(server.ws()) as client:
        await client.join(TOPIC)
        assert (await say(client, event, payload))["error"]["reason"] == reason


async def test_the_slow_reader_skips_positions_and_nobody_else_does(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway drops for it what a newer position replaces, and keeps its connection; others read every number."""
    monkeypatch.setattr(robots, "PACE", 0.002)
    monkeypatch.setattr(slow_reader, "PER_SECOND", 50)
    server = await serve(create_app, as_served())
    drops = server.watch(PublicationDropped, ConnectionClosed)
    async with connect(server.ws()) as client:
        await client.join(TOPIC)
        for wanted in ("robots", "slow"):
            await say(client, wanted, payload=True)
        mine = Sight()
        async with asyncio.timeout(PATIENCE):
            while len(drops) < 100:
                frame = await client.event()
                mine.see(frame, frame["time"])
        (reader,) = {*server.app.node.directory.ids()} - {client.id}
        assert {(type(drop), drop.connection) for drop in drops} == {(PublicationDropped, reader)}
        assert mine.skipped == 0
        assert mine.read > 100


async def test_the_guests_leave_with_the_last_person(serve: Serve) -> None:
    """Nobody moves and nobody reads for an empty page."""
    server = await serve(create_app, as_served())
    async with connect(server.ws()) as client:
        await client.join(TOPIC)
        for wanted in ("robots", "slow"):
            await say(client, wanted, payload=True)
        assert (await until(client, "guests"))["payload"] == {"robots": True, "slow": False}
        await until(client, "seen")
    await when(lambda: len(server.app.node.directory) == 0, "the end of the slow reader")
    async with connect(server.ws()) as client:
        assert (await client.join(TOPIC))["response"] == {"robots": False, "slow": False}


async def test_a_slow_reader_that_lost_its_connection_takes_another(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as somebody wants it, there is one."""
    monkeypatch.setattr(slow_reader, "AGAIN", 0.01)
    server = await serve(create_app, as_served())
    async with connect(server.ws()) as client:
        await client.join(TOPIC)
        await say(client, "slow", payload=True)
        await until(client, "seen")
        node = server.app.node
        (reader,) = {*node.directory.ids()} - {client.id}
        assert node.directory.close(reader)
        await when(lambda: bool({*node.directory.ids()} - {client.id, reader}), "another connection")
        await when(lambda: reader not in node.directory.ids(), "the end of the first one")
        await when(lambda: server.app.room(TOPIC).size == 2, "its place in the room")


def test_what_is_left_out_of_the_numbers_was_skipped() -> None:
    """Per pointer; where one begins, and other events, count for nothing. One that was long still is forgotten."""
    sight = Sight()
    for pointer, n in [("ada", 5), ("bob", 1), ("ada", 6), ("ada", 10), ("bob", 2)]:
        sight.see({"event": "at", "payload": {"n": n}, "sender": {"client": pointer}, "time": 1.0}, now=3.5)
    sight.see({"event": "robot", "payload": {"n": 3, "robot": 0}, "time": 3.0}, now=3.5)
    sight.see({"event": "guests", "payload": {}}, now=9.0)
    assert (sight.read, sight.skipped, sight.late) == (6, 3, 0.5)
    assert {pointer: place["n"] for pointer, place in sight.at.items()} == {"ada": 10, "bob": 2, "robot 0": 3}
    for robot in range(1, MAX_POINTERS):
        sight.see({"event": "robot", "payload": {"n": 1, "robot": robot}, "time": 3.0}, now=3.0)
    assert len(sight.at) == MAX_POINTERS
    assert "ada" not in sight.at


# --- in a browser

MIDDLE = """(() => {
    const [at, all] = [document.querySelector('.pointer'), stage].map(node => node.getBoundingClientRect());
    const [x, y] = [(at.left - all.left) / all.width, (at.top - all.top) / all.height];
    return Math.hypot(x - 0.5, y - 0.5) < 0.01;
})()"""
"""Whether the pointer of the other one stands in the middle of the stage."""


async def point(tab: Tab, x: int, y: int) -> None:
    """A person's mouse."""
    await tab._call("Input.dispatchMouseEvent", type="mouseMoved", button="none", x=x, y=y)


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
async def test_two_people_see_each_other_and_the_slow_reader_skip(serve: Serve) -> None:
    """A pointer stands where its owner's mouse is; the page skips nothing, the slow reader does; who leaves is gone."""
    server = await serve(create_app, as_served())
    async with Browser() as chromium:
        ada, bob = await chromium.open(server.url), await chromium.open(server.url, isolated=True)
        for tab in (ada, bob):
            await tab.wait_for("document.body.dataset.people === '2'")
        box = await ada.evaluate("stage.getBoundingClientRect().toJSON()")
        for part in (0.2, 0.3, 0.5):
            await point(ada, int(box["left"] + part * box["width"]), int(box["top"] + part * box["height"]))
        await bob.wait_for(MIDDLE)
        await ada.click("#robots")
        await bob.wait_for("document.querySelectorAll('.robot').length === 24")
        await bob.click("#slow")
        await ada.wait_for("document.querySelectorAll('.stage .ring').length >= 24")
        await ada.wait_for("document.body.dataset.slowSkipped > 0", timeout=30)
        assert await ada.evaluate("document.body.dataset.skipped") == "0"
        await ada.click("#slow")
        await ada.click("#robots")
        await bob.wait_for("!document.querySelector('.robot') && !document.querySelector('.stage .ring')")
        await ada.close()
        await bob.wait_for("document.body.dataset.people === '1' && !document.querySelector('.pointer')")
        assert (ada.errors, bob.errors) == ([], [])


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
async def test_a_pointer_moves_by_keys_as_well(serve: Serve) -> None:
    """Tab leads to the stage, arrows move; the others see it where its owner does, who is told how, and of a loss."""
    server = await serve(create_app, as_served())
    places = "[...document.querySelectorAll('.pointer')].map(at => at.style.cssText.match(/--x: ?([\\d.]+)/)[1]).join()"
    async with Browser() as chromium:
        ada, bob = await chromium.open(server.url), await chromium.open(server.url, isolated=True)
        for tab in (ada, bob):
            await tab.wait_for("document.body.dataset.people === '2'")
        assert "←" in await ada.evaluate("document.getElementById('invitation').innerText")
        await ada.press("Tab")
        await ada.press("ArrowDown")
        await bob.wait_for(f"{places} === '0.5'")
        assert await ada.evaluate(places) == "0.5"
        assert await ada.evaluate("document.querySelector('.pointer').innerText") == "you"
        await server.stop()
        await ada.wait_for("document.getElementById('away').textContent.includes('comes back by itself')")
        assert (ada.errors, bob.errors) == ([], [])


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
async def test_a_stranger_whose_name_is_no_text_hides_nobody(serve: Serve) -> None:
    """Whatever JSON somebody joins with, they are somebody, and the others' pointers stay."""
    server = await serve(create_app, as_served())
    odd = {"toString": 1, "valueOf": 1}
    async with Browser() as chromium, connect(server.ws()) as eve:
        await eve.join("cursors", info={"name": odd, "hue": odd})
        tab = await chromium.open(server.url)
        await tab.wait_for("document.body.dataset.people === '2'")
        await tab.wait_for("document.querySelector('#people').innerText.includes('somebody')")
        await say(eve, "at", {"x": 0.5, "y": 0.5, "n": 1})
        await tab.wait_for("document.querySelector('.pointer')")
        assert tab.errors == []
