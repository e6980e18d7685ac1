"""The contract of an engine, shown by each of them: one that answers in place, and one that answers late."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from actors.testkit import TestProbe
from gateway.engines import memory
from gateway.engines.base import Call, Engine, Pending, Repeated
from gateway.engines.memory import MAX_KEYS, MemoryEngine
from gateway.engines.stream import History, Position
from gateway.events import HistoriesGaveWay
from gateway.ids import Ids
from gateway.messages.publications import Publication
from gateway.messages.topic_messages import EngineAnswer
from gateway.reasons import Refused
from gateway.topics.engine_keeper import EngineKeeper
from tests.support.late_engine import LateEngine
from tests.support.peer import passes, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem

ENGINES = ("memory", "late")


class Asker:
    """Asks an engine and waits for the answer, however it comes."""

    def __init__(self, engine: Engine, probe: TestProbe) -> None:
        self.engine = engine
        self._probe = probe
        self._tokens = 0

    async def publish(
        self, payload: str = "x", *, topic: str = "t", key: str | None = None, history: History | None = None
    ) -> Any:
        publication = Publication(topic, payload.encode(), 0.0)
        return await self._ask(topic, history, lambda call: self.engine.publish(call, publication, key))

    async def recover(self, since: Position | None, *, topic: str = "t", history: History | None = None) -> Any:
        return await self._ask(topic, history, lambda call: self.engine.recover(call, since))

    async def page(
        self, since: Position | None = None, limit: int | None = None, *, reverse: bool = False, topic: str = "t"
    ) -> Any:
        """The offsets of a page, or the reason of a refusal."""
        try:
            page = await self._ask(topic, None, lambda call: self.engine.page(call, since, limit, reverse=reverse))
        except Refused as error:
            page = error
        return page.reason if isinstance(page, Refused) else [entry.offset for entry in page.entries]

    async def fill(self, count: int, **options: Any) -> Any:
        for number in range(count):
            position = await self.publish(str(number), **options)
        return position

    async def _ask(self, topic: str, history: History | None, ask: Callable[[Call], Any]) -> Any:
        self._tokens += 1
        answer = ask(Call(topic, history or History(), self._probe.ref, self._tokens))
        if not isinstance(answer, Pending):
            return answer
        if isinstance(self.engine, LateEngine):
            self.engine.answer(topic)
        late = await self._probe.expect_type(EngineAnswer)
        assert late.token == self._tokens
        return late.result


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, system: ActorSystem) -> Any:
    """`asker = await make(**options)`, for each engine."""

    async def start(**options: Any) -> Asker:
        kind = MemoryEngine if request.param == "memory" else LateEngine
        engine = kind(system.env.clock, Ids(random.Random(1)), **options)
        return Asker(engine, await TestProbe.start(system))

    return start


async def test_offsets_count_from_one_and_the_epoch_stays(make: Any) -> None:
    """1, 2, 3 without a hole, each topic for itself."""
    asker = await make()
    positions = [await asker.publish() for _ in range(3)]
    assert [one.offset for one in positions] == [1, 2, 3]
    assert len({one.epoch for one in positions}) == 1
    other = await asker.publish(topic="other")
    assert (other.offset, other.epoch != positions[0].epoch) == (1, True)


async def test_a_new_stream_is_at_zero(make: Any) -> None:
    """Its epoch is given when it is first looked at, and stays."""
    asker = await make()
    empty = await asker.recover(None)
    assert (empty.position.offset, empty.recovered, empty.entries, empty.reason) == (0, False, (), None)
    assert (await asker.publish()).epoch == empty.position.epoch


@pytest.mark.parametrize(
    ("offset", "epoch", "missed", "reason"),
    [
        (5, "its own", [], None),  # nothing was missed
        (2, "its own", [3, 4, 5], None),
        (2, "", [3, 4, 5], None),  # an empty epoch is any
        (0, "its own", [1, 2, 3, 4, 5], None),  # also from before the first
        (6, "its own", None, "epoch_changed"),  # above the top: this life never gave it out
        (2, "another", None, "epoch_changed"),
        (5, "another", None, "epoch_changed"),
        (10**30, "", None, "epoch_changed"),
    ],
)
async def test_recovery_is_exact(make: Any, offset: int, epoch: str, missed: Any, reason: str | None) -> None:
    """Exactly what was missed, or why not; the top either way (protocols.md 2.5)."""
    asker = await make()
    top = await asker.fill(5)
    recovery = await asker.recover(Position(offset, top.epoch if epoch == "its own" else epoch))
    assert (recovery.recovered, recovery.reason) == (missed is not None, reason)
    assert [entry.offset for entry in recovery.entries] == (missed or [])
    assert recovery.position == top


async def test_a_position_before_what_is_kept_is_too_old(make: Any) -> None:
    """Bounds by count: recovery needs every entry after the position, the oldest kept one is enough."""
    asker, three = await make(), History(size=3)
    top = await asker.fill(10, history=three)
    old = await asker.recover(Position(6, top.epoch), history=three)
    assert (old.recovered, old.reason, old.entries) == (False, "too_old", ())
    just = await asker.recover(Position(7, top.epoch), history=three)
    assert [entry.offset for entry in just.entries] == [8, 9, 10]


async def test_history_is_bounded_by_bytes(make: Any) -> None:
    """The oldest goes first; one that is too large for all is not kept and has its offset all the same."""
    asker, small = await make(), History(size=100, max_bytes=1000)
    top = await asker.fill(10, history=small)
    kept = await asker.page()
    assert 0 < len(kept) < 10
    assert kept == list(range(11 - len(kept), 11))
    huge = await asker.publish("x" * 2000, history=small)
    assert huge.offset == 11
    assert await asker.page() == []
    assert (await asker.recover(Position(10, top.epoch), history=small)).reason == "too_old"


async def test_history_is_bounded_by_age(make: Any) -> None:
    """After its time an entry is gone, whether or not anything was published since."""
    asker, minute = await make(), History(size=100, ttl=60.0)
    top = await asker.fill(2, history=minute)
    await passes(30)
    await asker.publish(history=minute)
    await passes(30)
    assert await asker.page() == [3]
    await passes(30)
    assert await asker.page() == []
    assert (await asker.recover(Position(2, top.epoch), history=minute)).reason == "too_old"
    assert (await asker.recover(Position(3, top.epoch), history=minute)).recovered


async def test_without_history_nothing_is_recovered(make: Any) -> None:
    """Positions count all the same."""
    asker, none = await make(), History.none()
    top = await asker.fill(2, history=none)
    assert top.offset == 2
    assert (await asker.recover(top, history=none)).reason == "no_history"


@pytest.mark.parametrize(
    ("since", "limit", "reverse", "offsets"),
    [
        (None, None, False, [1, 2, 3, 4, 5]),
        (None, 2, False, [1, 2]),
        (None, 2, True, [5, 4]),
        (None, 0, False, []),
        (2, None, False, [3, 4, 5]),
        (2, 1, False, [3]),
        (3, None, True, [2, 1]),
        (9, None, False, []),
        (9, None, True, [5, 4, 3, 2, 1]),
        (2**63, None, False, []),
        (10**30, 10**30, True, [5, 4, 3, 2, 1]),
        (0, 10**30, False, [1, 2, 3, 4, 5]),
    ],
)
async def test_a_page_is_the_part_that_was_asked_for(
    make: Any, since: int | None, limit: int | None, reverse: bool, offsets: list[int]
) -> None:
    """Since is left out itself, in both directions; a limit of 0 asks only for the position."""
    asker = await make()
    top = await asker.fill(5)
    position = None if since is None else Position(since, top.epoch)
    assert await asker.page(position, limit, reverse=reverse) == offsets


async def test_a_page_of_another_epoch_is_refused(make: Any) -> None:
    """Its position means nothing here."""
    asker = await make()
    await asker.fill(2)
    assert await asker.page(Position(1, "another")) == "unrecoverable_position"
    assert await asker.page(Position(1, "")) == [2]


async def test_a_key_seen_before_is_answered_with_the_first_position(make: Any) -> None:
    """Nothing is appended; other topics have keys of their own; as many are remembered as is said."""
    asker = await make()
    first = await asker.publish("one", key="k")
    assert await asker.publish("two", key="k") == Repeated(first)
    assert await asker.publish("other", key="k", topic="other") != Repeated(first)
    assert await asker.page() == [1]
    for number in range(MAX_KEYS):
        await asker.publish(key=f"k{number}")
    again = await asker.publish("one", key="k")
    assert isinstance(again, Position)
    assert again.offset == MAX_KEYS + 2


async def test_clear_keeps_the_position(make: Any) -> None:
    """Who comes back from before learns that it is too old; the numbering goes on."""
    asker = await make()
    top = await asker.fill(3)
    asker.engine.clear("t")
    asker.engine.clear("unknown")
    assert await asker.page() == []
    assert (await asker.recover(Position(2, top.epoch))).reason == "too_old"
    assert (await asker.recover(top)).recovered
    assert await asker.publish() == Position(4, top.epoch)


async def test_a_sweep_frees_what_is_old_and_forgets_what_is_idle(make: Any) -> None:
    """Entries go at their age, a stream and its epoch only after `meta_ttl` without a touch."""
    asker, minute = await make(meta_ttl=3600.0), History(size=100, ttl=60.0)
    top = await asker.fill(3, history=minute)
    await passes(61)
    assert asker.engine.sweep() == 0
    assert (await asker.recover(top, history=minute)).recovered
    await passes(3599)
    assert asker.engine.sweep() == 0
    await passes(2)
    assert asker.engine.sweep() == 1
    anew = await asker.recover(top, history=minute)
    assert (anew.recovered, anew.reason, anew.position.offset) == (False, "epoch_changed", 0)


async def test_an_idle_stream_with_entries_is_not_forgotten(make: Any) -> None:
    """A history that outlasts `meta_ttl` keeps its stream."""
    asker = await make(meta_ttl=10.0)
    await asker.fill(1)
    await passes(20)
    assert asker.engine.sweep() == 0
    assert await asker.page() == [1]


async def test_streams_are_bounded(make: Any) -> None:
    """One too many, and the one that was idle longest goes; it comes back with another epoch."""
    asker = await make(max_streams=3)
    tops = {name: await asker.publish(topic=name) for name in "abc"}
    await asker.recover(None, topic="a")
    await asker.publish(topic="d")
    assert len(asker.engine) == 3
    assert (await asker.recover(tops["a"], topic="a")).recovered
    assert not (await asker.recover(tops["b"], topic="b")).recovered
    assert len(asker.engine) == 3


async def test_a_stream_whose_topic_lives_is_not_forgotten(make: Any) -> None:
    """However long it was silent; what it counts as idle begins when its topic was last seen to live."""
    live = {"t"}
    asker, minute = await make(meta_ttl=100.0, is_live=live.__contains__), History(size=100, ttl=60.0)
    top = await asker.fill(3, history=minute)
    other = await asker.publish(topic="other", history=minute)
    await passes(1_000)
    assert asker.engine.sweep() == 1
    assert await asker.publish(history=minute) == Position(4, top.epoch)
    assert (await asker.publish(topic="other", history=minute)).epoch != other.epoch
    await passes(1_000)
    assert asker.engine.sweep() == 1
    live.clear()
    await passes(99)
    assert asker.engine.sweep() == 0
    await passes(2)
    assert asker.engine.sweep() == 1


async def test_no_stream_whose_topic_lives_makes_room(make: Any) -> None:
    """The one that was idle longest goes among those that nobody is in; if all live, there is one more."""
    live = {"a", "b", "c", "e", "f"}
    asker = await make(max_streams=3, is_live=live.__contains__)
    tops = {name: await asker.publish(topic=name) for name in "abd"}
    tops["c"] = await asker.publish(topic="c")
    tops["e"] = await asker.publish(topic="e")
    assert len(asker.engine) == 4
    for name in "abce":
        assert (await asker.recover(tops[name], topic=name)).recovered
    assert not (await asker.recover(tops["d"], topic="d")).recovered
    live.discard("a")
    tops["f"] = await asker.publish(topic="f")
    assert not (await asker.recover(tops["a"], topic="a")).recovered
    assert (await asker.recover(tops["f"], topic="f")).recovered


async def test_late_answers_come_in_the_order_of_the_questions(system: ActorSystem) -> None:
    """However the delays are drawn: per topic, first asked is first answered."""
    draw = random.Random(5)
    engine = LateEngine(system.env.clock, Ids(random.Random(1)), delay=lambda: draw.random())
    probe = await TestProbe.start(system)
    for token in range(20):
        engine.publish(Call("t", History(), probe.ref, token), Publication("t", b"x", 0.0), None)
    answers = [await probe.expect_type(EngineAnswer) for _ in range(20)]
    assert [one.token for one in answers] == list(range(20))
    assert [one.result.offset for one in answers] == list(range(1, 21))


async def test_a_sweep_looks_at_a_portion_at_a_time(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million streams at once would hold up everybody; a round ends all the same, and forgets what it should."""
    monkeypatch.setattr(memory, "SWEPT", 3)
    node = await start_node(system, engine=lambda node: MemoryEngine(node.clock, node.ids, meta_ttl=10.0))
    for number in range(8):
        await node.commands.publish(f"plain-{number}", 1, save=True)
    for number in range(8):
        node.engine.clear(f"plain-{number}")
    assert isinstance(node.engine, MemoryEngine)
    assert len(node.engine) == 8
    await passes(EngineKeeper.SWEEP + EngineKeeper.BREATH / 2)
    assert len(node.engine) == 5
    await passes(1.0)
    assert (len(node.engine), node.engine.is_swept) == (0, True)


async def test_a_history_that_gives_way_is_a_fact(system: ActorSystem) -> None:
    """With the next sweep, and once: how many topics have lost what they kept."""
    node = await start_node(system, engine=lambda node: MemoryEngine(node.clock, node.ids, max_bytes=1_000))
    facts: list[HistoriesGaveWay] = []
    system.events.subscribe(HistoriesGaveWay, facts.append)
    for number in range(5):
        await node.commands.publish(f"kept-{number}", "x" * 300)
    await passes(2 * EngineKeeper.SWEEP + 1)
    assert [fact.topics for fact in facts] == [4]
