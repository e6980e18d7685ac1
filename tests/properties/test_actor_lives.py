"""Every actor that started is stopped exactly once, and every message has exactly one end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, ChildSpec, Mailbox, SupervisorSpec
from actors.clock import VirtualClock
from actors.errors import ActorDeadError, MailboxFull
from actors.events import ActorStopped
from actors.mail.mailbox import Overflow
from actors.testkit import assert_conservation, run
from tests.support.laws import examples


class Life:
    """What became of every instance ever made."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.stopped: Counter[int] = Counter()
        self.kept: list[Actor] = []  # so that no two instances ever have the same id


class Mortal(Actor):
    """Obeys: fails, waits, stops. Its hooks wait or fail as its character says."""

    def __init__(self, life: Life, character: str) -> None:
        super().__init__()
        self.life, self.character = life, character
        life.kept.append(self)

    async def on_start(self) -> None:  # type: ignore[override]
        if self.character == "slow start":
            await asyncio.sleep(0.3)
        if self.character == "bad start" and len(self.life.kept) % 3 == 0:
            raise LookupError
        self.life.started[id(self)] += 1

    async def on_stop(self) -> None:  # type: ignore[override]
        self.life.stopped[id(self)] += 1
        if self.character == "slow stop":
            await asyncio.sleep(0.3)
        if self.character == "bad stop":
            raise LookupError

    async def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError
        if message == "wait":
            await asyncio.sleep(0.2)
        if message == "stop":
            self.stop()
        if message == "kill":
            self.actor_ref.kill()
        return message


def _class(strategy: Any, overflow: Overflow) -> type[Mortal]:
    scope, exceeded = ("child", "stop_child") if strategy == "dynamic" else ("supervisor", "escalate")
    body = {
        "supervision": SupervisorSpec(strategy=strategy, intensity=2, scope=scope, on_exceeded=exceeded),  # type: ignore[arg-type]
        "mailbox": Mailbox() if overflow == "unbounded" else Mailbox(3, overflow),
    }
    return type("Mortal", (Mortal,), body)


CHARACTERS = st.sampled_from(["plain", "slow start", "bad start", "slow stop", "bad stop"])
NODES = st.tuples(
    st.integers(0, 10),  # which earlier one is the parent
    CHARACTERS,
    st.sampled_from(["permanent", "transient", "temporary"]),
    st.sampled_from(["one_for_one", "dynamic"]),
    st.sampled_from(["unbounded", "fail", "drop_newest", "drop_oldest"]),
)
STEPS = st.tuples(
    st.integers(0, 10),
    st.sampled_from(["fail", "wait", "stop", "kill", "ask fail", "stop_now", "kill now", "tail stop", "tell"]),
    st.sampled_from([0.0, 0.0, 0.1, 1.0]),
)


async def _live(nodes: list[Any], steps: list[Any], seed: int | None) -> None:
    life, ends, asks = Life(), Counter[Any](), []
    supervision = SupervisorSpec(intensity=1000)
    system = ActorSystem(clock=VirtualClock(asyncio.get_running_loop()), seed=seed, supervision=supervision)
    async with system:
        system.events.subscribe(ActorStopped, lambda fact: ends.update([fact.ref]))
        refs: list[Any] = []
        for parent, character, restart, strategy, overflow in nodes:
            under = refs[parent % len(refs)] if refs and parent else None
            spec = ChildSpec(restart)
            refs.append(system.spawn(_class(strategy, overflow), life, character, under=under, spec=spec))
        for which, what, pause in steps:
            ref = refs[which % len(refs)]
            try:
                if what == "ask fail":
                    asks.append(ref.ask("fail", block=False))
                elif what == "tail stop":
                    asks.append(ref.stop())
                elif what == "stop_now":
                    ref.stop_now()
                elif what == "kill now":
                    ref.kill()
                else:
                    ref.tell(what)
            except (ActorDeadError, MailboxFull):
                pass
            await asyncio.sleep(pause)
            assert_conservation(system)
    assert life.started == life.stopped
    assert all(count == 1 for count in ends.values())
    assert set(refs) <= set(ends)
    assert all(ask.done() for ask in asks)
    assert_conservation(system)
    assert system.counts().queued == 0


@examples(150)
@given(
    nodes=st.lists(NODES, min_size=1, max_size=7),
    steps=st.lists(STEPS, max_size=20),
    seed=st.one_of(st.none(), st.integers(0, 99)),
)
def test_what_started_is_stopped_exactly_once(nodes: list[Any], steps: list[Any], seed: int | None) -> None:
    """Over random trees and random failures, stops and kills: instances, refs, messages and futures all end, once."""
    run(_live(nodes, steps, seed))
