"""The page of examples/chat in a real browser: people log in, talk, type, scroll up, are cut off, log out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from examples.chat.accounts import Hashing, demo_accounts
from examples.chat.app import create_app
from examples.chat.messages import Said
from tests.integration.conftest import as_served
from tests.support.browser import Browser, find_chromium
from tests.support.chat_page import (
    BACK,
    HERE,
    PHONE,
    TYPING,
    chat,
    in_room,
    log_in,
    message,
    notice,
    people,
    say,
    texts,
)

Serve = Any

PAGE = Path(__file__).parents[2] / "examples" / "chat" / "page"
README = PAGE.parent / "README.md"

browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")


def test_the_readme_names_every_file() -> None:
    """Who looks for something finds it there; what it names is there."""
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", README.read_text()))
    there = {file.name + "/" * file.is_dir() for file in README.parent.iterdir()} - {"__pycache__/"}
    assert {name for name in there if name.endswith((".py", "/"))} - {"__init__.py"} <= named


def test_nothing_that_people_say_becomes_markup() -> None:
    """No page of the chat has a way to turn text into nodes, nor a script or a style inside of it."""
    for file in PAGE.iterdir():
        source = file.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b", source), file
        assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", source), file


@browser
@needs_chromium
async def test_a_wrong_password_is_told_and_the_keyboard_is_enough(serve: Serve) -> None:
    """Without a login every way leads to its page; Tab and Enter get one from there into the room and to the field."""
    server = await chat(serve)
    async with Browser() as chromium:
        tab = await chromium.open(server.url)
        await tab.wait_for("document.activeElement.id === 'name'")
        await tab.type("#name", "Ada")
        await tab.press("Tab")
        await tab.write("not it")
        await tab.press("Enter")
        await tab.wait_for("document.querySelector('#problem').textContent.includes('no account of that name')")
        await tab.wait_for("document.activeElement.id === 'password' && !document.activeElement.disabled")
        await tab.write("hubbub")
        await tab.press("Enter")
        await in_room(tab, "general")
        await tab.wait_for("document.activeElement.id === 'draft'")
        await tab.write("hello")
        await tab.press("Enter")
        await tab.wait_for(message("hello"))
        assert tab.errors == []


@browser
@needs_chromium
async def test_two_people_talk_and_see_each_other_type(serve: Serve) -> None:
    """Each message shows once, as text; who types is shown until it is said, or until nothing comes for a while."""
    server = await chat(serve)
    async with people(server.url, "Ada", "Bob") as (ada, bob):
        await ada.wait_for("document.body.dataset.people === '2'")
        await ada.type("#draft", "hello <b>Bob</b>")
        await bob.wait_for(f"{TYPING} === 'Ada is typing'")
        await ada.press("Enter")
        await bob.wait_for(message("hello <b>Bob</b>"))
        await bob.wait_for(f"{TYPING} === ''")
        await bob.type("#draft", "hm")
        await ada.wait_for(f"{TYPING} === 'Bob is typing'")
        await bob.type("#draft", "")
        await ada.wait_for(f"{TYPING} === ''")
        assert await texts(ada) == await texts(bob) == ["hello <b>Bob</b>"]


@browser
@needs_chromium
async def test_a_room_of_ones_own_and_what_is_not_read_elsewhere(serve: Serve) -> None:
    """A new room is in everybody's list; what is said in a room that is not on screen counts there until it is read."""
    server = await chat(serve)
    async with people(server.url, "Ada", "Bob") as (ada, bob):
        await ada.type("#open-field", "engines")
        await ada.press("Enter")
        await in_room(ada, "engines")
        for text in ("one", "two"):
            await say(ada, text)
        await bob.wait_for("document.querySelector('.room[data-room=engines]')?.dataset.unread === '2'")
        await bob.click(".room[data-room=engines]")
        await in_room(bob, "engines")
        await bob.wait_for(message("two"))
        await bob.wait_for("document.querySelector('.room[data-room=engines]').dataset.unread === '0'")
        assert await texts(bob) == ["one", "two"]


@browser
@needs_chromium
async def test_logging_out_ends_every_tab(serve: Serve) -> None:
    """The one where it was asked for and the other one of the same browser are at the door, and the cookie is gone."""
    server = await chat(serve)
    async with Browser() as chromium:
        tab = await chromium.open(f"{server.url}/login.html")
        await log_in(tab, "Ada")
        other = await chromium.open(f"{server.url}/")
        await in_room(other, "general")
        await tab.click("#logout")
        for one in (tab, other):
            await one.wait_for("location.pathname + location.hash === '/login.html#logged-out'")
            await one.wait_for("document.querySelector('#why').textContent === 'You are logged out.'")
        assert tab.errors == other.errors == []


@browser
@needs_chromium
async def test_an_admin_puts_somebody_out(serve: Serve) -> None:
    """Only an admin sees the buttons; who is out is told why, and the others too."""
    server = await chat(serve)
    async with people(server.url, "admin", "Bob", "Ada") as (admin, bob, ada):
        await admin.click("[data-name=Bob] .put-out")
        await admin.type("#put-out-reason", "spam")
        await admin.press("Enter")
        await bob.wait_for("document.querySelector('#banner-text').textContent.includes('put out by admin: spam')")
        await ada.wait_for(notice("admin put Bob out: spam"))
        await bob.click("#banner-act")
        await bob.wait_for("/come back in \\d+ s/.test(document.querySelector('#banner-text').textContent)")
        assert await ada.evaluate("document.querySelectorAll('.put-out').length") == 0


@browser
@needs_chromium
async def test_a_phone_has_all_of_it(serve: Serve) -> None:
    """Nothing is wider than the screen; who is here and logging out are a touch away, and Escape closes that again."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await ada.resize(*PHONE, mobile=True)
        await say(ada, "a-word-without-an-end-" * 20)
        assert await ada.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        at_rest = "document.querySelector('#panel').getBoundingClientRect().right <= innerWidth"
        await ada.click("#panel-toggle")
        await ada.wait_for("document.activeElement.id === 'panel-close'")
        await ada.wait_for(at_rest)
        await ada.press("Escape")
        await ada.wait_for("document.activeElement.id === 'panel-toggle'")
        await ada.click("#panel-toggle")
        await ada.wait_for(at_rest)  # what still slides in is not where it was when one aimed at it
        await ada.click("#logout-panel")
        await ada.wait_for("location.pathname === '/login.html'")


@browser
@needs_chromium
async def test_what_one_tab_has_read_no_other_counts(serve: Serve) -> None:
    """Two tabs of one person in two rooms: neither counts what was read in the other, nor does a page opened later."""
    server = await chat(serve)
    unread = "document.querySelector('.room[data-room={}]')?.dataset.unread === '{}'"
    async with Browser() as chromium:
        one = await chromium.open(f"{server.url}/login.html")
        await log_in(one, "Ada")
        other = await chromium.open(f"{server.url}/#random")
        await in_room(other, "random")
        bob = await chromium.open(f"{server.url}/login.html", isolated=True)
        await log_in(bob, "Bob")
        await say(bob, "in general")
        await bob.click(".room[data-room=random]")
        await in_room(bob, "random")
        await say(bob, "in random")
        for tab, seen in ((one, "in general"), (other, "in random")):
            await tab.wait_for(message(seen))
            await tab.wait_for(unread.format("general", 0))
            await tab.wait_for(unread.format("random", 0))
        await one.reload()
        await in_room(one, "general")
        assert await one.evaluate(unread.format("random", 0))


@browser
@needs_chromium
async def test_what_was_typed_outlives_the_login(serve: Serve) -> None:
    """A server that was started anew asks who one is; after that one is in the same room, with what one had typed."""
    accounts = demo_accounts(Hashing(n=2, p=1))
    server = await serve(lambda: create_app(accounts), as_served())
    async with Browser() as chromium:
        tab = await chromium.open(f"{server.url}/login.html")
        await log_in(tab, "Ada")
        await tab.type("#draft", "for general")
        await tab.click(".room[data-room=random]")
        await in_room(tab, "random")
        await tab.type("#draft", "half a sentence")
        await server.restart()
        ended = "document.querySelector('#why').textContent.startsWith('Your session has ended')"
        await tab.wait_for(ended, timeout=BACK)
        await tab.type("#name", "ada")
        await tab.type("#password", "hubbub")
        await tab.press("Enter")
        await in_room(tab, "random")
        assert await tab.evaluate("document.querySelector('#draft').value") == "half a sentence"
        await tab.click(".room[data-room=general]")
        await in_room(tab, "general")
        assert await tab.evaluate("document.querySelector('#draft').value") == "for general"
        await tab.click("#logout")
        await tab.wait_for("location.pathname === '/login.html'")
        assert await tab.evaluate("sessionStorage.length") == 0, "who logs out leaves nothing to the next one"
        assert tab.errors == []


@browser
@needs_chromium
async def test_a_page_that_is_not_told_who_reads_it_asks_again(serve: Serve) -> None:
    """A server that was away while the page came is no blank page: the page says so, and goes on by itself."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await ada.run_first("""{
            const real = fetch;
            fetch = (...asked) => window.isThere ? real(...asked) : Promise.reject(new TypeError('away'));
        }""")
        await ada.reload()
        await ada.wait_for("document.querySelector('#banner-text').textContent.includes('does not answer')")
        await ada.evaluate("window.isThere = true")
        await ada.click("#banner-act")
        await in_room(ada, "general")
        assert await ada.evaluate("document.querySelector('#banner').hidden")


@browser
@needs_chromium
async def test_what_is_pasted_is_not_cut(serve: Serve) -> None:
    """More than a message may have stays in the field, and its author is told; no part of it is sent."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await ada.type("#draft", "x" * 1_500)
        await ada.press("Enter")
        await ada.wait_for("document.querySelector('#problem').textContent.includes('1500 characters')")
        assert await ada.evaluate("document.querySelector('#draft').value.length") == 1_500
        assert await texts(ada) == []


@browser
@needs_chromium
async def test_a_message_on_its_way_keeps_nobody_from_typing_in_another_room(serve: Serve) -> None:
    """While the one room has not answered, the other one's field takes what is typed; each keeps its own."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await ada.evaluate("WebSocket.prototype.send = function () {}")  # a network that swallows what is sent
        await ada.type("#draft", "for general")
        await ada.press("Enter")
        assert await ada.evaluate("document.querySelector('#draft').readOnly")
        await ada.click(".room[data-room=random]")
        await ada.type("#draft", "for random")
        assert await ada.evaluate("document.querySelector('#draft').value") == "for random"
        await ada.click(".room[data-room=general]")
        assert await ada.evaluate("document.querySelector('#draft').value") == "for general"


@browser
@needs_chromium
async def test_a_link_to_a_room_leads_there_and_the_skip_link_stays(serve: Serve) -> None:
    """Another `#room` in the address enters it; what leads to the message field changes no room, nor the address."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await ada.evaluate("location.hash = 'random'")
        await in_room(ada, "random")
        await ada.evaluate("document.querySelector('.skip').click()")
        assert await ada.evaluate("[location.hash, document.activeElement.id]") == ["#random", "draft"]


@browser
@needs_chromium
async def test_high_contrast_and_paper_show_what_matters(serve: Serve) -> None:
    """In forced colours the room that one is in is marked by more than a colour; on paper is all that was said."""
    server = await chat(serve)
    for number in range(60):
        server.app.room("room:general").broadcast(Said(user="Bob", text=f"line {number}"))
    async with people(server.url, "Ada") as (ada,):
        await ada.wait_for(message("line 59"))
        marked = "[...document.querySelectorAll('.room')].map(one => getComputedStyle(one).outlineStyle)"
        await ada.emulate_media({"forced-colors": "active"})
        assert await ada.evaluate(marked) == ["solid", "none", "none"]
        await ada.emulate_media({}, medium="print")
        cut = f"{HERE}.querySelector('.scroller')"
        assert await ada.evaluate(f"getComputedStyle({cut}).overflowY") == "visible"
        assert await ada.evaluate(f"{cut}.getBoundingClientRect().height > 40 * 22")
        assert not await ada.evaluate("document.querySelector('#composer').getClientRects().length")
