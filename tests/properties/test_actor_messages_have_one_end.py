"""Every message sent to an entity has exactly one end, however its lives, its stash and its mailbox meet."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, ChildSpec, Mailbox, SupervisorSpec, handles
from actors.clock import VirtualClock
from actors.events import DeadLetter
from actors.mail.mailbox import Overflow
from actors.testkit import assert_conservation, run
from tests.support.laws import examples

PASSIVATE_AFTER = 2.0


@attrs.frozen
class Word:
    number: int
    what: str


class Open:
    """Ends a hold."""


class Keeper(Actor):
    """Puts aside what comes while it holds; fails, waits, goes and is killed as it is told."""

    def __init__(self, key: str, ends: Counter[int], pause: float) -> None:
        super().__init__()
        self.ends, self.pause = ends, pause
        self.is_holding = False

    async def on_start(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.pause)

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.pause)

    @handles(Word)
    async def word(self, word: Word) -> int:
        if self.is_holding and word.what != "open":
            self.stash()
        self.ends[word.number] += 1
        if word.what == "hold":
            self.is_holding = True
            self.timers.once("open", Open(), 1.0)
        elif word.what == "open":
            self.open(Open())
        elif word.what == "fail":
            raise ValueError
        elif word.what == "kill":
            self.actor_ref.kill()
        elif word.what == "stop":
            self.stop()
        elif word.what == "stop now":
            self.actor_ref.stop_now()
        elif word.what == "wait":
            await asyncio.sleep(0.7)
        elif word.what == "pipe":
            self.pipe_to_self(asyncio.sleep(0.4, Open()))
        return word.number

    @handles(Open)
    def open(self, _: Any) -> None:
        self.is_holding = False
        self.unstash()


STEPS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["hold", "open", "fail", "kill", "stop", "stop now", "wait", "pipe", "say", "say", "say"]),
    st.sampled_from(["tell", "tell", "ask", "ask cancelled"]),
    st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.7, 1.9, 2.0, 2.1, 4.0]),
)


async def _play(
    steps: list[Any], overflow: Overflow, restart: Any, pause: float, seed: int | None, apart: bool
) -> None:
    ends, asks = Counter[int](), list[asyncio.Task[Any]]()
    mailbox = Mailbox() if overflow == "unbounded" else Mailbox(2, overflow)
    kind = type("Keeper", (Keeper,), {"mailbox": mailbox})
    clock = VirtualClock(asyncio.get_running_loop(), (lambda: True) if apart else None)
    async with ActorSystem(clock=clock, seed=seed, supervision=SupervisorSpec(intensity=1000)) as system:
        system.events.subscribe(DeadLetter, lambda fact: ends.update([fact.message.number]))
        system.entities(kind, ends, pause, passivate_after=PASSIVATE_AFTER, spec=ChildSpec(restart))
        for number, (key, what, how, wait) in enumerate(steps):
            entity, word = system.entity(kind, key), Word(number, what)
            if how == "tell":
                entity.tell(word)
            else:
                asks.append(asyncio.create_task(entity.request(word, timeout=1000)))
                await asyncio.sleep(0)
                if how == "ask cancelled":
                    asyncio.get_running_loop().call_later(wait / 2, asks[-1].cancel)
            await asyncio.sleep(wait)
            assert_conservation(system)
        await asyncio.sleep(300)
        assert_conservation(system)
        assert all(ask.done() for ask in asks)
        assert [child.children() for child in system.root.children()] == [()], "all have rested"
    assert ends == Counter(range(len(steps)))


@examples(200)
@given(
    steps=st.lists(STEPS, max_size=25),
    overflow=st.sampled_from(["unbounded", "fail", "drop_newest", "drop_oldest"]),
    restart=st.sampled_from(["permanent", "transient", "temporary"]),
    pause=st.sampled_from([0.0, 0.0, 0.3]),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    apart=st.booleans(),
)
def test_every_message_has_one_end(
    steps: list[Any], overflow: Overflow, restart: Any, pause: float, seed: int | None, apart: bool
) -> None:
    """It is handled, or a dead letter, once; also what its asker has given up."""
    run(_play(steps, overflow, restart, pause, seed, apart))
