"""The chat page among strangers: what they send, call themselves, or have written into a link harms nobody's page."""

from __future__ import annotations

import pytest

from tests.support.browser import Browser, find_chromium
from tests.support.client import SUBPROTOCOL, connect
from tests.support.demo_page import HERE, DemoServer, assert_no_errors, introduce, message, notice, people, say

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

LOBBY = "public:lobby"
NO_TEXT = {"toString": 1, "valueOf": 1}
"""JSON that no script can turn into a text: `String(NO_TEXT)` throws."""


def wire(server: DemoServer) -> str:
    return server.url.replace("http", "ws", 1) + "/ws"


async def test_a_message_whose_sender_has_no_name_that_can_be_shown_hides_no_other(demo_server: DemoServer) -> None:
    """Live and from history: it is shown as somebody's, and what was said before and after it is there."""
    async with people(demo_server, "Ada") as (ada,), connect(wire(demo_server), subprotocols=(SUBPROTOCOL,)) as eve:
        await eve.join(LOBBY)
        for payload in ({"text": "before"}, {"text": "odd", "name": NO_TEXT}, {"text": "after", "name": [["x"]]}):
            await eve.publish(LOBBY, payload)
        for text in ("before", "odd", "after"):
            await ada.wait_for(message(text))
        await ada.reload()
        for text in ("before", "odd", "after"):
            await ada.wait_for(message(text))
        assert not await ada.evaluate(notice("history is not available"))


async def test_who_is_here_under_a_name_that_cannot_be_shown_hides_nobody(demo_server: DemoServer) -> None:
    """They are listed as a guest; the others are listed as ever, and who comes later is seen to come."""
    async with people(demo_server, "Ada") as (ada,), connect(wire(demo_server), subprotocols=(SUBPROTOCOL,)) as eve:
        await eve.join(LOBBY, info={"name": NO_TEXT})
        listed = "[...document.querySelectorAll('#people li')].map(li => li.dataset.name)"
        await ada.wait_for(f"{listed}.length === 2 && {listed}.some(name => name.startsWith('guest '))")
        async with people(demo_server, "Grace"):
            await ada.wait_for(f"{listed}.length === 3 && {listed}.includes('Grace')")


@pytest.mark.parametrize("fragment", ["#100%", "#%E0%A4%A", "#public:a,b", "#<img src=x onerror=alert(1)>"])
async def test_a_link_to_no_room_leads_to_the_lobby(demo_server: DemoServer, fragment: str) -> None:
    """Whatever somebody wrote behind the `#`: the page starts."""
    async with Browser() as browser:
        tab = await browser.open(demo_server.url + "/" + fragment)
        await introduce(tab, "Ada")
        await say(tab, "here")
        assert await tab.evaluate(f"{HERE}.dataset.room") == LOBBY
        assert_no_errors("Ada", tab)


MARK = f"""(() => {{
  const [text] = {HERE}.querySelector('.text').childNodes;
  const at = (place) => {{
    const range = new Range();
    range.setStart(text, place);
    range.setEnd(text, place + 1);
    return range.getBoundingClientRect().left;
  }};
  return at(text.length - 1) < at(0);
}})()"""
"""Whether the last character of the first message stands to the left of its first."""


async def test_what_is_written_from_right_to_left_is_shown_so(demo_server: DemoServer) -> None:
    """Its last mark stands at its left end; and a name cannot turn round what the page says behind it."""
    async with people(demo_server, "Ada") as (ada,), connect(wire(demo_server), subprotocols=(SUBPROTOCOL,)) as eve:
        await eve.join(LOBBY, info={"name": "Eve\u202e"})
        await ada.wait_for(notice("Eve joined"))
        await eve.publish(LOBBY, {"text": "\u05e9\u05dc\u05d5\u05dd!"})
        await ada.wait_for(message("\u05e9\u05dc\u05d5\u05dd!"))
        assert await ada.evaluate(MARK)


FITS = """[...document.querySelectorAll('#people, .panel, .timeline:not([hidden]) .scroller')]
  .every((node) => node.scrollWidth <= node.clientWidth)"""
"""Nothing has to be scrolled to the side to be read."""
CLIPPED = f"getComputedStyle({HERE}.querySelector('.message')).overflow === 'clip'"
"""Ink outside of its message is not drawn; where there is ink, no script can ask."""


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_long_name_and_marks_on_marks_stay_where_they_belong(demo_server: DemoServer, width: int) -> None:
    """A name that fills the field makes nobody scroll to the side; a tower of accents covers nothing of the others'."""
    async with people(demo_server, "Ada") as (ada,), connect(wire(demo_server), subprotocols=(SUBPROTOCOL,)) as eve:
        await ada.resize(width, 740, mobile=width < 700)
        await eve.join(LOBBY, info={"name": "W" * 40})
        await eve.publish(LOBBY, {"text": "said before", "name": "W" * 40})
        await eve.publish(LOBBY, {"text": "z" + "\u0301" * 300, "name": "Eve"})
        await ada.wait_for(f"{HERE}.querySelectorAll('.message').length === 2 && document.body.dataset.people === '2'")
        if width < 700:
            await ada.click("#panel-toggle")
        await ada.wait_for(FITS)
        assert await ada.evaluate(CLIPPED)
