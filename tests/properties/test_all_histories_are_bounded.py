"""However many topics are published to, what their histories keep together is bounded; positions are never lost."""

from __future__ import annotations

from typing import Any, cast

import attrs
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.base import Call
from gateway.engines.memory import MemoryEngine
from gateway.engines.stream import History, Page, Position
from gateway.ids import Ids
from gateway.messages.publications import Publication

MOST = 5_000
"""Bytes in all, of which a topic may keep a fifth."""
HISTORY = History(size=100, max_bytes=1_000, ttl=60.0)

topics = st.sampled_from("abcdefghijkl")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), topics, st.integers(0, 700)),
        st.tuples(st.just("publish"), topics, st.integers(500, 700)),
        st.tuples(st.just("publish"), topics, st.integers(500, 700)),
        st.tuples(st.just("read"), topics, st.just(0)),
        st.tuples(st.just("clear"), topics, st.just(0)),
        st.tuples(st.just("sweep"), topics, st.integers(0, 10)),
    ),
    min_size=20,
    max_size=80,
)


@attrs.define
class Clock:
    """Moves when it is told."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    wall = tick = now


def call(topic: str) -> Call:
    return Call(topic, HISTORY, cast("Any", None), 0)


def kept(engine: MemoryEngine, topic: str) -> Page[Publication]:
    return engine.page(call(topic), None, None, reverse=False)


@given(steps=steps)
def test_all_histories_together_keep_no_more_than_their_bound(steps: list[tuple[str, str, int]]) -> None:
    """Who was published to last keeps its own; whose history gave way learns that, and goes on at its position."""
    clock = Clock()
    engine = MemoryEngine(clock, Ids(), max_bytes=MOST)
    tops: dict[str, Position] = {}
    for what, topic, number in steps:
        if what == "publish":
            found = engine.publish(call(topic), Publication(topic, b"x" * number, 0.0), None)
            assert isinstance(found, Position)
            assert found.offset == (tops[topic].offset + 1 if topic in tops else 1)
            tops[topic] = found
            own = [entry.offset for entry in kept(engine, topic).entries]
            assert own[-1:] == [found.offset], "the newest is there"
        elif what == "read":
            kept(engine, topic)
        elif what == "clear":
            engine.clear(topic)
        else:
            clock.at += number
            engine.sweep()
        pages = {topic: kept(engine, topic) for topic in tops}
        assert sum(entry.publication.size_bytes for page in pages.values() for entry in page.entries) <= MOST
        assert {topic: page.position for topic, page in pages.items()} == tops
