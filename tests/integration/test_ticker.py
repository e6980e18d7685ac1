"""The ticker: a feed that fails and comes back, seen over a socket and in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from examples.ticker import create_app
from examples.ticker.desk import MAX_CRASHES, Pace
from gateway import Gateway, History, Room
from gateway.reasons import TopicKindError
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings
from gateway.settings.topic import TopicSettings
from tests.support.browser import Browser, find_chromium
from tests.support.client import Client, connect
from tests.support.tab import Tab

Serve = Any
ENDLESS = 10**9
FAST = Pace(interval=0.005, connect=0.0, lasts=ENDLESS)
BACK = 30.0
"""Seconds for a page to come back: two back-offs of at most 10 s, and a margin for a slow machine."""


def as_served(port: int = 0) -> GatewaySettings:
    """What `hubbub serve examples.ticker:app` starts with: an app and no file, so undeclared topics are closed."""
    return load_settings(None, {}, {"--port": port}, app=True).settings


def ticker(pace: Pace = FAST) -> Gateway:
    return create_app(pace)


async def until(client: Client, event: str) -> dict[str, Any]:
    """The next event of that name; those before it are dropped."""
    while (got := await client.event())["event"] != event:
        pass
    return got


async def crash(client: Client) -> dict[str, Any]:
    return await client.publish("prices", None, event="crash")


# --- over a socket


async def test_the_channel_of_the_feed_is_open_without_a_configuration_file(serve: Serve) -> None:
    """A channel with handlers is declared by them: clients may join; a name nobody declared stays closed."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        assert (await client.join("prices"))["status"] == "joined"
        refused = await client.ask(action="join_room", room="elsewhere")
        assert refused["error"]["reason"] == "permission_denied"


async def test_a_channel_is_declared_by_its_handlers_or_by_its_history(serve: Serve) -> None:
    """Either opens it; a handle alone declares nothing; what the configuration file says of the name goes before."""
    app = Gateway()
    app.channel("bare")
    app.channel("kept", history=History(size=10))
    for name in ("handled", "in the file"):
        app.channel(name).on("ask")(lambda member, data: data)
    base = as_served()
    server = await serve(
        app, attrs.evolve(base, topics={"in the file": TopicSettings(join="nobody", publish="nobody")})
    )
    async with connect(server.ws()) as client:
        joined = {
            name: await client.ask(action="join_room", room=name) for name in ("bare", "kept", "handled", "in the file")
        }
        assert [reply["status"] for reply in joined.values()] == ["error", "joined", "joined", "error"]
        assert (await client.publish("kept", 1))["offset"] == 1
        assert (await client.publish("handled", 2, event="ask"))["payload"] == 2


def test_a_room_has_its_own_history() -> None:
    """A channel handle of the same name cannot take the room's settings away."""
    app = Gateway()
    app.topic("table", history=History(size=1))(Room)
    with pytest.raises(TopicKindError):
        app.channel("table", history=History(size=99))


async def test_prices_come_in_the_order_of_their_offsets(serve: Serve) -> None:
    """Each is one event with all symbols, and takes the next offset."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        await client.join("prices")
        events = [await until(client, "price") for _ in range(5)]
    assert [set(one["payload"]["prices"]) for one in events] == [{"ORCH", "BROOK", "LUMEN"}] * 5
    first = events[0]["offset"]
    assert [one["offset"] for one in events] == list(range(first, first + 5))


async def test_a_feed_that_was_crashed_is_replaced_and_offsets_go_on(serve: Serve) -> None:
    """`failed` and `restarted` stand between the last price of one life and the first of the next, in one epoch."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        await client.join("prices")
        before = await until(client, "price")
        assert (await crash(client))["status"] == "published"
        failed = await until(client, "failed")
        restarted = await until(client, "restarted")
        after = await until(client, "price")
    assert failed["payload"] == {"reason": "somebody pressed the button"}
    assert restarted["payload"] == {"incarnation": 2}
    assert after["payload"]["incarnation"] == before["payload"]["incarnation"] + 1
    assert (restarted["offset"], after["offset"]) == (failed["offset"] + 1, failed["offset"] + 2)
    assert after["epoch"] == before["epoch"]


async def test_a_new_feed_goes_on_from_the_last_price(serve: Serve) -> None:
    """An instance forgets; the history of its channel does not: the walk makes one step across the crash."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        joined = await client.join("prices")
        await until(client, "price")
        await crash(client)
        await until(client, "restarted")
        await until(client, "price")
        read = await client.ask(
            action="history", room="prices", since={"offset": 0, "epoch": joined["epoch"]}, limit=999
        )
    events = [(one["event"], one["payload"]) for one in read["events"]]
    at = [event for event, _ in events].index("failed")
    last, first = events[at - 1][1]["prices"], events[at + 2][1]["prices"]
    assert all(abs(first[symbol] - last[symbol]) < 2.0 for symbol in last)  # nine standard deviations of one step


async def test_the_feed_fails_by_itself_and_goes_on(serve: Serve) -> None:
    """Nobody asks for it; each incarnation has as many prices as it lasts."""
    server = await serve(lambda: ticker(Pace(interval=0.005, connect=0.01, lasts=4)), as_served())
    async with connect(server.ws()) as client:
        await client.join("prices", since={"offset": 0})
        lives = [(await until(client, "price"))["payload"]["incarnation"] for _ in range(9)]
    assert lives == [1] * 4 + [2] * 4 + [3]


async def test_the_button_cannot_spend_the_budget_of_the_feed(serve: Serve) -> None:
    """One press more than the supervisor would be comfortable with is refused, and says when to try again."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        await client.join("prices")
        for _ in range(MAX_CRASHES):
            assert (await crash(client))["status"] == "published"
            await until(client, "restarted")
        error = (await crash(client))["error"]
        assert error["reason"] == "too_many_requests"
        assert 0 < error["retry_after"] <= 30
        await until(client, "price")


@pytest.mark.parametrize("event", ["price", "failed", "restarted"])
async def test_nobody_else_can_quote_prices(serve: Serve, event: str) -> None:
    """What the feed says can be said by nobody else: not fanned out, not kept, refused."""
    server = await serve(lambda: ticker(Pace(interval=3600.0)), as_served())
    async with connect(server.ws()) as client:
        await client.join("prices")
        refused = await client.publish("prices", {"prices": {"ORCH": 0.01}}, event=event)
        assert refused["error"]["reason"] == "permission_denied"
        assert (await client.ask(action="history", room="prices"))["events"] == []


async def test_who_was_cut_off_gets_every_price_of_the_meantime(serve: Serve) -> None:
    """By its position: no gap and no repeat, across a crash of the feed as well."""
    server = await serve(ticker, as_served())
    async with connect(server.ws()) as client:
        epoch = (await client.join("prices"))["epoch"]
        seen = [(await until(client, "price"))["offset"]]
        client.cut()
    async with connect(server.ws()) as other:
        await other.join("prices")
        await crash(other)
        await until(other, "restarted")
        await until(other, "price")
    async with connect(server.ws()) as client:
        joined = await client.join("prices", since={"offset": seen[0], "epoch": epoch})
        assert joined["recovered"] is True
        seen += [(await client.event())["offset"] for _ in range(joined["missed"] + 3)]
    assert seen == list(range(seen[0], seen[0] + len(seen)))


# --- in a browser

browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")


@asynccontextmanager
async def page(url: str) -> AsyncIterator[Tab]:
    """The ticker's page, connected and with prices; it may complain of nothing."""
    async with Browser() as chromium:
        tab = await chromium.open(url)
        await tab.wait_for("document.body.dataset.state === 'connected' && document.body.dataset.points > 2")
        yield tab
        assert tab.errors == []


@browser
@needs_chromium
async def test_the_page_draws_the_prices(serve: Serve) -> None:
    """Points arrive, the list shows a figure for each symbol, and the canvas is not empty."""
    server = await serve(lambda: ticker(Pace(interval=0.05, connect=0.0, lasts=ENDLESS)), as_served())
    async with page(server.url) as tab:
        await tab.wait_for("document.body.dataset.points > 10")
        figures = await tab.evaluate("[...document.querySelectorAll('.price')].map(one => parseFloat(one.textContent))")
        assert len(figures) == 3
        assert all(50 < figure < 150 for figure in figures)
        painted = """(() => { const c = document.getElementById('chart');
            return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(byte => byte) })()"""
        await tab.wait_for(painted)


@browser
@needs_chromium
async def test_a_crash_is_marked_and_the_lines_go_on(serve: Serve) -> None:
    """The page counts the restart, says why and when, marks the gap; prices of the next incarnation follow."""
    server = await serve(lambda: ticker(Pace(interval=0.05, connect=0.2, lasts=ENDLESS)), as_served())
    async with page(server.url) as tab:
        await tab.click("#crash")
        await tab.wait_for("document.body.dataset.gaps === '1' && document.body.dataset.incarnation === '2'")
        await tab.wait_for("document.getElementById('failed').textContent.endsWith('s ago')")
        shown = "['restarts', 'feed-state', 'reason'].map(id => document.getElementById(id).textContent)"
        assert await tab.evaluate(shown) == ["1", "running", "because somebody pressed the button"]
        points = await tab.evaluate("+document.body.dataset.points")
        await tab.wait_for(f"document.body.dataset.points > {points + 5}")
        await tab.reload()  # the mark is of the history, not of this page
        await tab.wait_for("document.body.dataset.gaps === '1' && document.body.dataset.points > 5")


@browser
@needs_chromium
async def test_a_cut_leaves_no_hole(serve: Serve) -> None:
    """The page comes back by itself with what it missed: as many points as offsets."""
    server = await serve(lambda: ticker(Pace(interval=0.05, connect=0.0, lasts=ENDLESS)), as_served())
    async with page(server.url) as tab:
        await tab.click("#cut")
        await tab.wait_for("document.body.dataset.recovered > 0", timeout=BACK)
        await tab.wait_for("document.getElementById('cut-outcome').textContent.includes('recovered')")
        assert await tab.evaluate("document.body.dataset.points === document.body.dataset.offset")


@browser
@needs_chromium
async def test_the_page_does_not_say_of_a_feed_what_it_cannot_know(serve: Serve) -> None:
    """Without a connection it does not call it running; the first price says so again."""
    server = await serve(lambda: ticker(Pace(interval=0.05, connect=0.0, lasts=ENDLESS)), as_served())
    async with page(server.url) as tab:
        await tab.set_offline(True)
        await tab.wait_for("document.body.dataset.state === 'offline'")
        assert await tab.evaluate("document.getElementById('feed-state').textContent") == "not known while offline"
        await tab.set_offline(False)
        await tab.wait_for("document.getElementById('feed-state').textContent === 'running'", timeout=BACK)


@browser
@needs_chromium
async def test_a_date_that_is_put_right_moves_nothing(serve: Serve) -> None:
    """A machine whose date jumps by an hour, after it began with a wrong one: what was a moment ago still was."""
    server = await serve(lambda: ticker(Pace(interval=0.05, connect=0.0, lasts=ENDLESS)), as_served())
    async with page(server.url) as tab:
        await tab.click("#crash")
        await tab.wait_for("/^\\d+ s ago$/.test(document.getElementById('failed').textContent)")
        await tab.evaluate("(real => { Date.now = () => real() + 3_600_000; })(Date.now.bind(Date))")
        before = await tab.evaluate("Number(document.body.dataset.points)")
        await tab.wait_for(f"document.body.dataset.points > {before + 20}")  # a second, and the age was written anew
        assert (await tab.evaluate("document.getElementById('failed').textContent")).endswith(" s ago")
