"""The timeline of the page, in a real browser: the order of what comes, and what a message costs those before it."""

from __future__ import annotations

import pytest

from tests.support.browser import find_chromium
from tests.support.demo_page import DemoServer, people

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

OVERLAP = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  const event = (offset, extra) => ({ name: 'Ada', text: `${offset}`, time: offset, offset, epoch: 'e', ...extra });
  timeline.startEra('e', 0);
  timeline.addMessage(event(4));
  const early = timeline.addPending({ id: 'early', name: 'Ada', text: '5', state: 'sending' });
  const late = timeline.addPending({ id: 'late', name: 'Ada', text: '6', state: 'sending' });
  timeline.confirm(early, { offset: 5, epoch: 'e' });
  timeline.addMessage(event(6, { id: 'late', mine: true }));
  timeline.confirm(late, { offset: 6, epoch: 'e' });
  timeline.addMessage(event(5, { id: 'early', mine: true }));
  for (const offset of [6, 5, 4, 3, 2, 1]) timeline.addMessage(event(offset));
  await new Promise(requestAnimationFrame);
  return [...timeline.node.querySelectorAll('.text')].map((node) => node.textContent).join(' ');
})"""
"""Live before history, a reply before its event and after it, and a history that repeats all of these."""


async def test_history_replies_and_live_events_may_overlap_in_any_order(demo_server: DemoServer) -> None:
    """Whatever arrives first, each message shows once and in the order of the offsets."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(OVERLAP) == "1 2 3 4 5 6"


UNTOUCHED = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  const say = (offset) => timeline.addMessage({ name: 'Ada', text: `${offset}`, time: offset, offset, epoch: 'e' });
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  for (let offset = 1; offset <= 100; offset += 1) say(offset);
  await drawn();
  const touched = [];
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  const note = (records) => touched.push(...records.map(({ target }) => target.className));
  new MutationObserver(note).observe(timeline.node.querySelector('.entries'), all);
  say(101);
  await drawn();
  return touched;
})"""
"""A message behind a hundred, and the class of each node that was changed for it."""


async def test_a_new_message_touches_no_other(demo_server: DemoServer) -> None:
    """A page that was not looked at for a thousand messages has not drawn each of them a thousand times."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(UNTOUCHED) == ["entries"]


FULL = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  const say = (offset) => timeline.addMessage({ name: 'Ada', text: `${offset}`, time: offset, offset, epoch: 'e' });
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  timeline.startEra('e', 0);
  for (let offset = 1; offset <= 1000; offset += 1) say(offset);
  await drawn();
  const moved = { added: [], removed: 0 };
  new MutationObserver((records) => {
    for (const { addedNodes, removedNodes } of records) {
      moved.added.push(...[...addedNodes].map((node) => node.querySelector('.text')?.textContent ?? node.className));
      moved.removed += removedNodes.length;
    }
  }).observe(timeline.node.querySelector('.entries'), { childList: true });
  for (let offset = 1001; offset <= 1100; offset += 1) say(offset), offset % 10 || await drawn();
  const left = timeline.node.querySelectorAll('.message').length;
  return [moved.added.join() === Array.from({ length: 100 }, (_, at) => 1001 + at).join(), moved.removed + left];
})"""
"""A hundred more than a page keeps: whether nothing else was put anywhere, and what was taken off or has stayed."""


async def test_a_full_page_moves_nothing_for_a_new_message(demo_server: DemoServer) -> None:
    """What is too much is taken off; neither what stays nor the line of its day is put anywhere again."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(FULL) == [True, 1100]


BURST = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  document.getElementById('timelines').append(timeline.node);
  const { get } = Object.getOwnPropertyDescriptor(Element.prototype, 'scrollHeight');
  let asked = 0;
  Object.defineProperty(timeline.scroller, 'scrollHeight', { get() { asked += 1; return get.call(this); } });
  timeline.startEra('e', 0);
  for (let offset = 1; offset <= 100; offset += 1) {
    timeline.addMessage({ name: 'Ada', text: `${offset}`, time: offset, offset, epoch: 'e' });
    await null;
  }
  return asked;
})"""
"""A hundred messages before the next frame, and how often the page had to be laid out for them."""


async def test_a_burst_is_laid_out_with_its_frame(demo_server: DemoServer) -> None:
    """No message asks how high the page is now: with a thousand on it, that is what each of them costs."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(BURST) == 0


NARROWER = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  const { node, scroller } = timeline;
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  document.getElementById('timelines').append(node);
  timeline.startEra('e', 0);
  const text = 'a few words '.repeat(20);
  for (let offset = 1; offset <= 60; offset += 1) {
    timeline.addMessage({ name: 'Ada', text, time: offset, offset, epoch: 'e' });
  }
  await frame();
  node.style.width = '300px';
  for (let left = 3; left; left -= 1) await frame();
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
})"""
"""A page that turns narrower just as it was scrolled to its end: how far from the end it is."""


async def test_who_follows_the_end_follows_it_through_a_change_of_size(demo_server: DemoServer) -> None:
    """The browser tells of the scrolling when the page is another size already: its reader has not scrolled up."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(NARROWER) < 2


OWN_TIME = """import('./assets/timeline.js').then(async ({ Timeline }) => {
  const timeline = new Timeline('public:x', { resend: () => {} });
  timeline.startEra('e', 0);
  const item = timeline.addPending({ id: 'a', name: 'Ada', text: 'hello', state: 'sending' });
  timeline.confirm(item, { offset: 1, epoch: 'e' });
  timeline.addMessage({ id: 'a', name: 'Ada', text: 'hello', time: 3600, offset: 1, epoch: 'e', mine: true });
  await new Promise(requestAnimationFrame);
  return timeline.node.querySelector('.time').dateTime;
})"""


async def test_the_time_of_a_message_is_the_servers(demo_server: DemoServer) -> None:
    """On a machine whose clock is wrong one's own messages stand at the time that everybody sees."""
    async with people(demo_server, "Ada") as (ada,):
        assert await ada.evaluate(OWN_TIME) == "1970-01-01T01:00:00.000Z"
