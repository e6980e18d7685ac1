"""The chat page in a real browser, against a real gateway: what people see when all goes well, and when it does not."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.browser import find_chromium
from tests.support.client import settings, when
from tests.support.demo_page import HERE, DemoServer, in_room, message, notice, people, present, say, texts

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

BACK = 30.0
"""Seconds for coming back: two back-offs of at most 10 s, and a margin for a slow machine."""


async def test_two_people_talk_and_each_message_shows_once_in_one_order(demo_server: DemoServer) -> None:
    """Both pages show every message once, in the server's order, and a sender's own is confirmed."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await say(ada, "hello")
        await grace.wait_for(message("hello"))
        await say(grace, "hello yourself")
        await ada.wait_for(message("hello yourself"))
        await say(ada, "<b>not bold</b>")
        await grace.wait_for(message("<b>not bold</b>"))
        assert await texts(ada) == await texts(grace) == ["hello", "hello yourself", "<b>not bold</b>"]


async def test_people_are_listed_by_name_and_their_tabs_are_counted(demo_server: DemoServer) -> None:
    """A second tab of the same name is the same person, shown as two tabs; nobody is told they joined again."""
    async with people(demo_server, "Ada", "Grace", "Grace") as (ada, grace, _second):
        await ada.wait_for(present("Ada", "Grace"))
        await ada.wait_for("document.querySelector('#people li[data-name=Grace]').innerText.includes('×2')")
        await grace.wait_for("document.querySelector('#people li[data-name=Grace] .you')")
        assert await ada.evaluate(f"{HERE}.innerText.match(/Grace joined/g).length") == 1


async def test_a_name_is_to_its_owner_what_it_is_to_others(demo_server: DemoServer) -> None:
    """Marks that would turn round what stands behind them are in nobody's name, and people find themselves."""
    async with people(demo_server, "\u202eada") as [ada]:
        await ada.wait_for("document.querySelector('#people li[data-name=ada] .you')")
        await say(ada, "hello")
        assert await ada.evaluate("document.getElementById('my-name').textContent") == "ada"
        assert await ada.evaluate(f"{HERE}.querySelector('.author').textContent") == "ada"


async def test_a_long_name_keeps_no_button_off_a_phone(demo_server: DemoServer) -> None:
    """The strip of rooms scrolls; one's own name takes a part of it, however long it is."""
    async with people(demo_server, "W" * 40) as [ada]:
        await ada.resize(360, 640, mobile=True)
        width = "document.querySelector('.me').getBoundingClientRect().width"
        assert await ada.evaluate(width) < 360


async def test_a_name_from_right_to_left_is_cut_at_its_end(demo_server: DemoServer) -> None:
    """Where there is no room for all of it, each name begins with its beginning, in its own direction."""
    name = "\u05de\u05e8\u05d9\u05dd " * 7
    async with people(demo_server, name) as [miriam]:
        await say(miriam, "hello")
        for selector in (".author", "#people .who"):
            found = f"getComputedStyle(document.querySelector({json.dumps(selector)})).direction"
            assert await miriam.evaluate(found) == "rtl"


async def test_a_full_room_keeps_its_buttons_in_reach_and_what_was_said(demo_server: DemoServer) -> None:
    """The list of who is here scrolls by itself; who came is told in two lines and a number, not a name each."""
    async with people(demo_server, "Ada") as [ada], AsyncExitStack() as sockets:
        for number in range(60):
            guest = await sockets.enter_async_context(connect(demo_server.url.replace("http", "ws") + "/ws"))
            info = {"name": f"Guest number {number}"}
            await guest.send(
                json.dumps({"action": "join_room", "room": "public:lobby", "presence": True, "info": info})
            )
        await ada.wait_for("document.body.dataset.people === '61'")
        assert await ada.evaluate("document.getElementById('here-count-panel').textContent") == "61"
        assert await ada.evaluate("document.getElementById('cut').getBoundingClientRect().bottom < innerHeight")
        found = f"[...{HERE}.querySelectorAll('.notice span')].map((one) => one.textContent)"
        told: list[str] = await ada.evaluate(found)
        assert len(told) == 1
        assert re.fullmatch(r"Guest number 0 joined, .* and \d+ more", told[0]), told


async def test_who_comes_and_who_goes_is_told(demo_server: DemoServer) -> None:
    """Joining and closing the tab are each one line for the others, and change who is here."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await ada.wait_for(notice("Grace joined"))
        await ada.wait_for(present("Ada", "Grace"))
        await grace.close()
        await ada.wait_for(notice("Grace left"))
        await ada.wait_for(present("Ada"))


async def test_who_comes_later_reads_what_was_said_before(demo_server: DemoServer) -> None:
    """Joining shows the history, in order, once."""
    async with people(demo_server, "Ada") as (ada,):
        said = ["first", "second", "third"]
        for text in said:
            await say(ada, text)
        async with people(demo_server, "Grace") as (grace,):
            await grace.wait_for(message("third"))
            assert await texts(grace) == said


async def test_a_name_is_asked_once_and_a_new_one_is_seen_by_others(demo_server: DemoServer) -> None:
    """The name survives a reload; changing it changes who is here, and repeats no message."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await say(grace, "before")
        await grace.reload()
        await in_room(grace)
        await grace.wait_for(message("before"))
        await grace.click("#rename")
        await grace.type("#name-field", "Admiral Hopper")
        await grace.press("Enter")
        await ada.wait_for(present("Ada", "Admiral Hopper"))
        await say(grace, "after")
        await ada.wait_for(message("after"))
        assert await texts(grace) == ["before", "after"]


async def test_other_rooms_count_what_was_not_read(demo_server: DemoServer) -> None:
    """A message in a room that is not on screen counts as unread there until the room is opened."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        for tab in (ada, grace):
            await tab.type("#join-field", "engines")
            await tab.press("Enter")
            await in_room(tab)
        await ada.click(".room[data-room='public:lobby']")
        await say(grace, "one")
        await say(grace, "two")
        await ada.wait_for("document.querySelector(\".room[data-room='public:engines']\").dataset.unread === '2'")
        assert await texts(ada) == []
        await ada.click(".room[data-room='public:engines']")
        await ada.wait_for("document.querySelector(\".room[data-room='public:engines']\").dataset.unread === '0'")
        assert await texts(ada) == ["one", "two"]


async def test_who_was_cut_off_comes_back_and_has_lost_nothing(demo_server: DemoServer) -> None:
    """Five messages said while a page is away arrive when it returns, each once, in order, and it says so."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await say(ada, "before the cut")
        await grace.wait_for(message("before the cut"))
        await grace.set_offline(True)
        await grace.click("#cut")
        await grace.wait_for("['offline', 'reconnecting'].includes(document.body.dataset.state)")
        missed = [f"missed {number}" for number in range(1, 6)]
        for text in missed:
            await say(ada, text)
        assert await texts(grace) == ["before the cut"]
        await grace.set_offline(False)
        await grace.wait_for(notice("recovered 5 messages"), timeout=BACK)
        await grace.wait_for(message("missed 5"))
        assert await texts(grace) == ["before the cut", *missed]


async def test_a_cut_connection_is_replaced_by_itself(demo_server: DemoServer) -> None:
    """Cutting needs no reload: a new connection with a new id is there within the back-off, and works."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        before = await ada.evaluate("document.body.dataset.client")
        await ada.click("#cut")
        await ada.wait_for("document.body.dataset.connects === '2'", timeout=BACK)
        await ada.wait_for(notice("nothing was missed"))
        assert await ada.evaluate("document.querySelector('.client-id').textContent") != before
        await say(ada, "back")
        await grace.wait_for(message("back"))


async def test_what_is_typed_while_away_is_sent_on_return(demo_server: DemoServer) -> None:
    """A message written without a connection waits on the page and is sent once there is one."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await ada.set_offline(True)
        await ada.click("#cut")
        await ada.type("#draft", "written in a tunnel")
        await ada.press("Enter")
        await ada.wait_for(message("written in a tunnel", state="waiting"))
        await ada.set_offline(False)
        await ada.wait_for(message("written in a tunnel"), timeout=BACK)
        await grace.wait_for(message("written in a tunnel"))


async def test_a_countdown_is_not_read_out_each_second(demo_server: DemoServer) -> None:
    """The part of the state that changes all the time is for eyes alone; what was said of an earlier cut is gone."""
    async with people(demo_server, "Ada") as (ada,):
        await ada.click("#cut")
        await ada.wait_for(
            "document.getElementById('cut-outcome').textContent === 'back again, nothing was missed'", timeout=BACK
        )
        await demo_server.stop()
        await ada.wait_for("document.body.dataset.state === 'reconnecting'", timeout=BACK)
        await ada.wait_for("/^ in \\d+ s$/.test(document.querySelector('#state span [aria-hidden]').textContent)")
        assert await ada.evaluate("document.getElementById('state-text').textContent") == "reconnecting"
        assert await ada.evaluate("document.getElementById('cut-outcome').textContent") == ""


async def test_a_crash_of_the_room_throws_nobody_out(demo_server: DemoServer) -> None:
    """The room's code is restarted and counted; connections, people and history stay, and messages flow."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await say(ada, "before the crash")
        await ada.click("#crash")
        await ada.wait_for("document.getElementById('crash-outcome').textContent.includes('crashed and was restarted')")
        for tab in (ada, grace):
            await tab.wait_for("document.getElementById('restarts').textContent === '1'")
            await tab.wait_for(notice("crashed and was restarted"))
        await say(grace, "still here")
        await ada.wait_for(message("still here"))
        for tab in (ada, grace):
            assert await tab.evaluate("document.body.dataset.connects") == "1"
            assert await tab.evaluate(present("Ada", "Grace"))
            assert await texts(tab) == ["before the crash", "still here"]


async def test_after_a_restart_of_the_server_history_begins_anew_and_the_page_keeps_its_own(
    demo_server: DemoServer,
) -> None:
    """A new epoch is a line across the page: what was there stays above it, what is said now comes below."""
    async with people(demo_server, "Ada", "Grace") as (ada, grace):
        await say(ada, "before the restart")
        await grace.wait_for(message("before the restart"))
        await demo_server.restart()
        for tab in (ada, grace):
            await tab.wait_for(f"{HERE}.querySelectorAll('.divider[data-kind=epoch]').length === 1", timeout=BACK)
            await in_room(tab, timeout=BACK)
        await say(grace, "after the restart")
        await ada.wait_for(message("after the restart"))
        shown = await ada.evaluate(f"[...{HERE}.querySelectorAll('.text, .divider .title')].map(n => n.textContent)")
        assert shown[-3:] == ["before the restart", "History begins anew", "after the restart"]


async def test_what_is_typed_while_the_server_stops_is_sent_to_the_next_one(serve: Any) -> None:
    """It was refused for a moment, not for good: nobody has to press anything."""
    server = await serve(settings=settings(DRAIN__SPREAD="20s"))
    async with people(server, "Ada") as (ada,):
        draining = asyncio.ensure_future(server.app.drain())
        await when(lambda: server.app.node.is_draining)
        await ada.type("#draft", "just in time")
        await ada.press("Enter")
        await ada.wait_for(message("just in time", state="waiting"))
        await server.restart()
        await ada.wait_for(message("just in time"), timeout=BACK)
        await asyncio.wait({draining})
