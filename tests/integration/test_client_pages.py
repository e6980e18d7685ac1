"""The pages of the Centrifuge and the Phoenix client: one board on every wire, and nothing missing after a cut."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from examples import centrifuge_js_client, phoenix_js_client
from examples.centrifuge_js_client.app import MAX_NAME, MAX_TEXT, TOPIC
from gateway import Gateway
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings
from tests.support.browser import Browser, find_chromium
from tests.support.client import Client, connect
from tests.support.raw_client import PATIENCE
from tests.support.tab import Tab

Serve = Any
ROOT = Path(__file__).parent.parent.parent
NEVER = 3600.0
"""Seconds between two ticks, where they would only be in the way."""


def as_served() -> GatewaySettings:
    """What `hubbub serve` starts these apps with, on ports of the system's choice."""
    return load_settings(None, {"HUBBUB_GATEWAY__ADMIN__LISTEN": "127.0.0.1:0"}, {"--port": 0}, app=True).settings


def quiet() -> Gateway:
    return phoenix_js_client.create_app(NEVER)


def ticking() -> Gateway:
    return centrifuge_js_client.create_app(0.002)


@asynccontextmanager
async def centrifuge(server: Any, data: object = None, **subscribe: Any) -> AsyncIterator[tuple[Client, Any]]:
    """A client of Centrifuge on the board, and what it was told on subscribing."""
    async with connect(server.ws("/connection/websocket")) as client:
        await client.send(json.dumps({"id": 1, "connect": {"data": data} if data is not None else {}}))
        assert "connect" in await line(client)
        await client.send(json.dumps({"id": 2, "subscribe": {"channel": TOPIC, **subscribe}}))
        yield client, (await line(client))["subscribe"]


async def line(client: Client) -> Any:
    return json.loads(await client.receive())


async def said(client: Client) -> Any:
    """The next publication a client of Centrifuge hears of."""
    async with asyncio.timeout(PATIENCE):
        while "pub" not in (push := (await line(client)).get("push", {})):
            pass
        return push["pub"]


@asynccontextmanager
async def phoenix(server: Any, name: str, gw: object) -> AsyncIterator[tuple[Client, Any]]:
    """A client of Phoenix on the board, and what it was told on joining."""
    async with connect(server.ws(f"/socket/websocket?vsn=2.0.0&name={name}")) as client:
        await client.send(json.dumps(["1", "1", TOPIC, "phx_join", {"gw": gw}]))
        reply = await line(client)
        assert (reply[3], reply[4]["status"]) == ("phx_reply", "ok")
        yield client, reply[4]["response"]["gw"]


async def heard(client: Client) -> Any:
    """The next message a client of Phoenix hears of."""
    async with asyncio.timeout(PATIENCE):
        while (frame := await line(client))[3] != "message":
            pass
        return frame[4]


# --- over a socket


async def test_everybody_reads_the_same_board(serve: Serve) -> None:
    """What one writes, the others read on each wire: the same name, the same text, the same offset."""
    server = await serve(quiet, as_served())
    async with (
        centrifuge(server, {"name": "Ada"}, positioned=True) as (ada, _),
        phoenix(server, "Bob", {"meta": True}) as (bob, _),
        connect(server.ws()) as eve,
    ):
        await eve.join(TOPIC)
        await ada.send(json.dumps({"id": 3, "publish": {"channel": TOPIC, "data": {"text": " hello "}}}))
        await bob.send(json.dumps(["1", "2", TOPIC, "message", {"text": "hi"}]))
        await eve.publish(TOPIC, {"text": "hey"}, event="message")
        wanted = {("Ada", "hello"), ("Bob", "hi"), ("somebody", "hey")}
        by_offset = {one["offset"]: one["data"] for one in [await said(ada) for _ in range(3)]}
        assert {(one["name"], one["text"]) for one in by_offset.values()} == wanted
        others = [await heard(bob) for _ in range(3)]
        assert {one["gw"]["offset"]: {"name": one["name"], "text": one["text"]} for one in others} == by_offset
        assert {one["offset"]: one["payload"] for one in [await eve.event() for _ in range(3)]} == by_offset


async def test_who_is_here_has_the_name_it_came_with(serve: Serve) -> None:
    """From either wire to the other; a long one is cut, and who says none has none."""
    server = await serve(quiet, as_served())
    async with (
        centrifuge(server, {"name": "A" * 99}) as (ada, _),
        centrifuge(server),
        phoenix(server, "Bob", {"meta": True}),
    ):
        await ada.send(json.dumps({"id": 4, "presence": {"channel": TOPIC}}))
        async with asyncio.timeout(PATIENCE):
            while "presence" not in (reply := await line(ada)):
                pass
        people = reply["presence"]["presence"].values()
        assert sorted(one.get("conn_info", {}).get("name", "") for one in people) == ["", "A" * MAX_NAME, "Bob"]


@pytest.mark.parametrize("data", [{}, {"text": 1}, {"text": "  "}, {"text": "x" * (MAX_TEXT + 1)}, "text", None])
async def test_what_is_no_message_is_refused(serve: Serve, data: object) -> None:
    """It takes no offset, and its writer is told why."""
    server = await serve(quiet, as_served())
    async with centrifuge(server) as (ada, _):
        await ada.send(json.dumps({"id": 3, "publish": {"channel": TOPIC, "data": data}}))
        assert (await line(ada))["error"]["code"] == 107
    assert (await server.app.room(TOPIC).history()).entries == ()


@pytest.mark.parametrize("name", ["null", "7", '"Ada"', '{"name":7}', '{"name":" "}', "[]"])
async def test_whatever_stands_for_a_name_somebody_comes_in(serve: Serve, name: str) -> None:
    """Data of another shape is nobody's name, and no reason to fail."""
    server = await serve(quiet, as_served())
    async with centrifuge(server, json.loads(name)) as (ada, _):
        await ada.send(json.dumps({"id": 3, "publish": {"channel": TOPIC, "data": {"text": "hi"}}}))
        assert (await said(ada))["data"] == {"name": "somebody", "text": "hi"}


async def test_the_ticker_does_not_wait_for_who_was_cut_off(serve: Serve) -> None:
    """Centrifuge: every tick of the meantime comes with the subscription, and then the live ones: no gap, no repeat."""
    server = await serve(ticking, as_served())
    async with centrifuge(server, positioned=True, recoverable=True) as (ada, at):
        last = (await said(ada))["offset"]
        ada.cut()
    async with connect(server.ws()) as other:
        await other.join(TOPIC)
        for _ in range(5):
            await other.event()
    again = {"recover": True, "offset": last, "epoch": at["epoch"], "recoverable": True}
    async with centrifuge(server, **again) as (ada, back):
        assert back["recovered"] is True
        offsets = [one["offset"] for one in back["publications"]] + [(await said(ada))["offset"] for _ in range(3)]
        assert len(back["publications"]) >= 5
        assert offsets == list(range(last + 1, last + 1 + len(offsets)))


async def test_a_client_of_phoenix_recovers_by_the_last_position_it_stored(serve: Serve) -> None:
    """By what the page sends: every tick of the meantime, then the live ones: no gap, no repeat."""
    server = await serve(ticking, as_served())
    async with phoenix(server, "Bob", {"meta": True}) as (bob, _):
        position = (await heard(bob))["gw"]
        bob.cut()
    async with connect(server.ws()) as other:
        await other.join(TOPIC)
        for _ in range(5):
            await other.event()
    async with phoenix(server, "Bob", {"meta": True, "since": position}) as (bob, back):
        assert back["recovered"] is True
        last, missed = position["offset"], back["offset"] - position["offset"]
        offsets = [(await heard(bob))["gw"]["offset"] for _ in range(missed + 3)]
        assert missed >= 5
        assert offsets == list(range(last + 1, last + 1 + len(offsets)))


# --- the files


@pytest.mark.parametrize(
    ("package", "file"),
    [("centrifuge", "centrifuge_js_client/page/vendor/centrifuge.js"),
     ("phoenix", "phoenix_js_client/page/vendor/phoenix.min.js")],
)  # fmt: skip
def test_the_client_is_the_one_that_was_published(package: str, file: str) -> None:
    """As its README says, by version and hash; the version is that of the compliance tests; with its licence."""
    path = ROOT / "examples" / file
    readme = (path.parents[2] / "README.md").read_text()
    pinned = json.loads((ROOT / "tests/compliance/package.json").read_text())["dependencies"][package]
    assert re.findall(rf"`{package}` (\d+\.\d+\.\d+) \(MIT\)", readme) == [pinned]
    assert hashlib.sha256(path.read_bytes()).hexdigest() in readme
    assert f" {pinned}, unmodified" in (path.parents[1] / "index.html").read_text()
    assert "Permission is hereby granted, free of charge" in (path.parent / "LICENSE").read_text()


@pytest.mark.parametrize("example", ["centrifuge_js_client", "phoenix_js_client", "cursors"])
def test_a_page_needs_nothing_from_elsewhere(example: str) -> None:
    """No address of another server in what we wrote: the page works without the internet."""
    page = ROOT / "examples" / example / "page"
    files = [file for file in page.rglob("*.*") if "vendor" not in file.parts]
    assert len(files) >= 2
    assert [file.name for file in files if re.search(r"""\b(https?|wss?):|["'(]//""", file.read_text())] == []


# --- in a browser

browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
ROWS = "[...document.querySelectorAll('.row')].map(row => +row.querySelector('.offset').textContent)"
WRITTEN = "document.querySelector('.row[data-from=people] .text').textContent"
BACK = 30.0
"""Seconds for a page to come back: its own back-off, and a margin for a slow machine."""


async def cut_and_recover(tab: Tab) -> None:
    """What the page is for; the server ticks meanwhile."""
    await tab.wait_for("document.body.dataset.offset > 2")
    await tab.click("#cut")
    await tab.wait_for("document.body.dataset.state === 'connecting'")
    await tab.wait_for("document.body.dataset.recovered > 0", timeout=BACK)
    marked = await tab.evaluate("document.querySelectorAll('.row[data-recovered=true]').length")
    assert marked == int(await tab.evaluate("document.body.dataset.recovered"))
    assert "recovered" in await tab.evaluate("document.getElementById('outcome').textContent")
    await tab.wait_for("document.querySelector('.rows').lastChild.dataset.recovered === 'false'")  # what is live again
    offsets = await tab.evaluate(ROWS)
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    assert await tab.evaluate("document.body.dataset.wrong") == "0"


@browser
@needs_chromium
async def test_the_page_of_the_centrifuge_client_recovers(serve: Serve) -> None:
    """A cut leaves nothing out; a restart of the server begins a new history and says so."""
    server = await serve(lambda: centrifuge_js_client.create_app(0.2), as_served())
    async with Browser() as chromium:
        tab = await chromium.open(server.url)
        await cut_and_recover(tab)
        await tab.type("#text", "a <b>word</b>")
        await tab.press("Enter")
        await tab.wait_for(f"{WRITTEN} === 'a <b>word</b>'")
        await server.restart()
        await tab.wait_for("document.querySelector('.divider')", timeout=BACK)
        await tab.wait_for("document.querySelector('.divider ~ .row .offset').textContent === '1'")
        assert await tab.evaluate("document.body.dataset.wrong") == "0"
        assert tab.errors == []


@browser
@needs_chromium
async def test_the_page_of_the_phoenix_client_recovers_beside_the_other(serve: Serve) -> None:
    """A cut leaves nothing out; the page of the other client, on the same board, shows the same people and words."""
    server = await serve(lambda: phoenix_js_client.create_app(0.2), as_served())
    async with Browser() as chromium:
        tab = await chromium.open(server.url)
        other = await chromium.open(f"{server.url}/centrifuge/", isolated=True)
        await cut_and_recover(tab)
        await tab.type("#text", "hello over there")
        await tab.press("Enter")
        await other.wait_for(f"{WRITTEN} === 'hello over there'")
        names = "[...document.querySelectorAll('.people .who')].map(one => one.textContent).join()"
        for one in (tab, other):
            await one.wait_for("document.body.dataset.people === '2'")
        assert await tab.evaluate(names) == await other.evaluate(names)
        assert (tab.errors, other.errors) == ([], [])
