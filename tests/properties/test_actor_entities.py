"""Entities: one instance per key at a time, the order of a key is kept across passivations, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem
from actors.clock import VirtualClock
from actors.testkit import assert_conservation, run
from tests.support.laws import examples

PASSIVATE_AFTER = 2.0


class Book:
    """What all lives of all entities wrote."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Any]] = defaultdict(list)
        self.alive: dict[str, int] = defaultdict(int)
        self.most: dict[str, int] = defaultdict(int)
        self.lives: dict[str, int] = defaultdict(int)


class Entity(Actor):
    """Writes down what it gets; takes its time to start, to handle and to end."""

    def __init__(self, key: str, book: Book, pauses: tuple[float, float, float]) -> None:
        super().__init__()
        self.key, self.book = key, book
        self.starting, self.handling, self.ending = pauses
        book.alive[key] += 1
        book.lives[key] += 1
        book.most[key] = max(book.most[key], book.alive[key])

    async def on_start(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.starting)

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.ending)
        self.book.alive[self.key] -= 1

    async def on_receive(self, message: Any) -> Any:
        if self.handling:
            await asyncio.sleep(self.handling)
        self.book.seen[self.key].append(message)
        if message[1] == "fail":
            raise ValueError
        return message


PAUSE = st.sampled_from([0.0, 0.0, 0.3, 1.5])
STEPS = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(["tell", "tell", "ask", "fail"]),
    st.sampled_from([0.0, 0.0, 0.1, 1.0, 1.9, 2.0, 2.1, 3.0, 5.0]),
)


async def _play(steps: list[Any], pauses: tuple[float, float, float], seed: int | None) -> int:
    book, sent, asks = Book(), defaultdict[str, list[Any]](list), list[Any]()
    async with ActorSystem(clock=VirtualClock(asyncio.get_running_loop()), seed=seed) as system:
        system.entities(Entity, book, pauses, passivate_after=PASSIVATE_AFTER)
        failures = defaultdict[str, int](int)
        for number, (key, what, pause) in enumerate(steps):
            if what == "fail":
                failures[key] += 1
                if failures[key] > 4:  # more would have it given up, and what waits become dead letters
                    continue
            message = (number, what)
            sent[key].append(message)
            entity = system.entity(Entity, key)
            if what == "ask":
                asks.append((message, asyncio.create_task(entity.request(message, timeout=1000))))
                await asyncio.sleep(0)  # a task asks when it first runs
            else:
                entity.tell(message)
            await asyncio.sleep(pause)
            assert_conservation(system)
        answers = [await task for _, task in asks]
        await asyncio.sleep(300)
        assert_conservation(system)
        assert len(system.dead_letters) == 0
        assert all(count == 0 for count in book.alive.values())  # all have rested by now
    assert answers == [message for message, _ in asks]
    assert book.seen == sent
    assert all(most == 1 for most in book.most.values())
    return sum(book.lives.values())


@examples(120)
@given(
    steps=st.lists(STEPS, max_size=25),
    pauses=st.tuples(PAUSE, PAUSE, PAUSE),
    seed=st.one_of(st.none(), st.integers(0, 99)),
)
def test_every_message_of_a_key_is_handled_once_and_in_order(
    steps: list[Any], pauses: tuple[float, float, float], seed: int | None
) -> None:
    """Over random traffic, pauses, failures and passivations: what was sent is what was seen, by one at a time."""
    run(_play(steps, pauses, seed))


def test_the_scenario_does_passivate() -> None:
    """Else the law above would hold for nothing: messages in step with the passivation begin new lives."""
    steps = [("a", "tell", 2.05), ("a", "ask", 0.0)] * 5
    assert run(_play(steps, (0.0, 0.0, 1.5), None)) >= 3
