"""Reading back in the chat of examples/chat, in a real browser: scrolled up, cut off, come back; nothing is missing."""

from __future__ import annotations

from typing import Any

import pytest

from examples.chat.messages import Said
from tests.support.browser import find_chromium
from tests.support.chat_page import BACK, BY_TEXT, HERE, chat, in_room, message, notice, people, say, texts

Serve = Any

browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")


@browser
@needs_chromium
async def test_who_scrolls_up_gets_all_that_was_said(serve: Serve) -> None:
    """A room opens at its end with a part of its history; the rest comes as one scrolls, in order, each once."""
    server = await chat(serve)
    for number in range(100):
        server.app.room("room:general").broadcast(Said(user="Bob", text=f"line {number}"))
    async with people(server.url, "Ada") as (ada,):
        await ada.wait_for(message("line 99"))
        assert (await texts(ada))[0] == "line 60"
        at_end = f"{HERE}.querySelector('.scroller')"
        assert await ada.evaluate(f"{at_end}.scrollHeight - {at_end}.scrollTop - {at_end}.clientHeight < 2")
        for oldest, looked_at in (("line 20", "line 70"), ("line 0", "line 30")):
            where = f"{{top: ({BY_TEXT.format(looked_at)}).getBoundingClientRect().top}}"
            before = await ada.evaluate(f"(({at_end}.scrollTop = 0), {where})")
            await ada.wait_for(message(oldest))
            assert await ada.evaluate(f"({where})") == before, "what is above it pushed it away"
            assert await ada.evaluate(f"{HERE}.querySelector('.jump').hidden"), "older messages are no new ones"
        await ada.wait_for("document.querySelector('.older').textContent.startsWith('Nothing older')")
        assert await texts(ada) == [f"line {number}" for number in range(100)]


READING_ON = """Promise.all(['./assets/timeline.js', './scrollback.js'].map((file) => import(file))).then(
  async ([{ Timeline }, { Scrollback }]) => {
    const frames = async () => { for (let left = 4; left; left -= 1) await new Promise(requestAnimationFrame); };
    const event = (offset) => ({ name: 'Bob', text: `${offset}`, time: 1e9 + offset, offset, epoch: 'e' });
    let said = 40;
    const fetch = async ({ limit, since }) => {
      const newest = since ? since.offset - 1 : said;
      const offsets = Array.from({ length: limit }, (_, at) => newest - at).filter((offset) => offset > 0);
      return { epoch: 'e', events: offsets.map(event) };
    };
    const timeline = new Timeline('full', { resend: () => {}, forgot: (place) => scrollback.forget(place) });
    const scrollback = new Scrollback(timeline.scroller, { fetch, show: (one) => timeline.addMessage(one) });
    const { scroller } = timeline;
    const shown = () => [...timeline.node.querySelectorAll('.text')].map((node) => Number(node.textContent));
    const seen = [];
    const look = async () => {
      await frames();
      const all = shown();
      seen.push([all[0], all.length, all.every((offset, at) => offset === all[0] + at)]);
    };
    document.getElementById('timelines').append(timeline.node);
    timeline.startEra('e', said);
    await scrollback.begin(said);
    while (said < 1100) timeline.addMessage(event(said += 1));
    await look();
    for (let page = 0; page < 2; page += 1) {
      const there = timeline.node.querySelector(`[data-offset="${shown()[0] + 5}"]`);
      scroller.scrollTop = 0;
      const before = there.getBoundingClientRect().top;
      await look();
      seen.push(Math.round(there.getBoundingClientRect().top - before));
    }
    while (said < 1200) timeline.addMessage(event(said += 1));
    await look();
    scroller.scrollTop = scroller.scrollHeight;
    await look();
    scroller.scrollTop = 0;
    await look();
    return seen;
  })"""
"""A room in which more is said than a page keeps: its oldest, how many, and whether none is missing among them."""


@browser
@needs_chromium
async def test_who_reads_back_on_a_full_page_reads_on(serve: Serve) -> None:
    """What is older comes as one scrolls up, however much there is; it goes once one is at the end again."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        seen = await ada.evaluate(READING_ON)
        assert seen == [
            [101, 1000, True],  # it followed the end
            *([61, 1040, True], 0),  # and scrolled up, twice: where it looked nothing moved
            *([21, 1080, True], 0),
            [21, 1180, True],  # what is said meanwhile takes nothing away
            [201, 1000, True],  # at the end again
            [161, 1040, True],  # what was taken off then is fetched again
        ]


@browser
@needs_chromium
async def test_who_was_cut_off_is_told_and_comes_back_without_a_loss(serve: Serve) -> None:
    """A banner while there is no connection; after it, what was missed, once. The message that waited is sent."""
    server = await chat(serve)
    async with people(server.url, "Ada", "Bob") as (ada, bob):
        await say(ada, "before")
        await bob.wait_for(message("before"))
        await bob.set_offline(True)
        await bob.click("#cut")
        await bob.wait_for("!document.querySelector('#banner').hidden")
        for text in ("one", "two"):
            await say(ada, text)
        await bob.type("#draft", "written in a tunnel")
        await bob.press("Enter")
        await bob.wait_for("document.querySelector('#problem').textContent.includes('not sent yet')")
        assert await texts(bob) == ["before"]
        await bob.set_offline(False)
        await bob.wait_for(notice("recovered 2 messages"), timeout=BACK)
        await ada.wait_for(message("written in a tunnel"), timeout=BACK)
        await bob.wait_for("document.querySelector('#banner').hidden && !document.querySelector('#draft').value")
        await bob.wait_for(message("written in a tunnel"))
        assert await texts(bob) == ["before", "one", "two", "written in a tunnel"]


@browser
@needs_chromium
async def test_after_a_restart_of_the_server_the_page_keeps_its_own(serve: Serve) -> None:
    """A line across the page says that messages begin anew; nobody has to do anything."""
    server = await chat(serve)
    async with people(server.url, "Ada") as (ada,):
        await say(ada, "before")
        await server.restart()
        await ada.wait_for(f"{HERE}.querySelectorAll('.divider[data-kind=epoch]').length === 1", timeout=BACK)
        await in_room(ada, "general", timeout=BACK)
        await say(ada, "after")
        assert await texts(ada) == ["before", "after"]


@browser
@needs_chromium
async def test_who_comes_back_into_a_room_misses_nothing_between_what_is_shown(serve: Serve) -> None:
    """More was said than one asks for at once: all of it is there, between what was shown before and the newest."""
    server = await chat(serve)

    def talk(first: int, last: int) -> None:
        for number in range(first, last):
            server.app.room("room:general").broadcast(Said(user="Bob", text=f"line {number}"))

    talk(0, 60)
    async with people(server.url, "Ada") as (ada,):
        await ada.wait_for(message("line 59"))
        await ada.click(".room[data-room=random]")
        await in_room(ada, "random")
        talk(60, 160)
        await ada.click(".room[data-room=general]")
        await in_room(ada, "general")
        await ada.wait_for(message("line 159"))
        await ada.wait_for(f"{message('line 60')} && document.querySelector('.older').textContent === ''")
        shown = await texts(ada)
        assert shown == [f"line {number}" for number in range(160 - len(shown), 160)]
        await ada.evaluate(f"{HERE}.querySelector('.scroller').scrollTop = 0")
        await ada.wait_for(message("line 0"))
        assert await texts(ada) == [f"line {number}" for number in range(160)]
