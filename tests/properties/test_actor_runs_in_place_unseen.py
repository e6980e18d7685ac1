"""Run in place never, always, or at random: the observable result is the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, DispatcherSettings, SupervisorSpec, handles, tell_many
from actors.clock import VirtualClock
from actors.events import ActorFailed
from actors.supervision import Backoff
from actors.testkit import assert_conservation, run
from actors.turns.dispatcher import InPlace
from tests.support.laws import examples


@attrs.frozen
class Delivery:
    number: int


class Root(Actor):
    supervision = SupervisorSpec(intensity=10_000, backoff=Backoff(min=0.0, jitter=0.0))


class Topic(Actor):
    """Broadcasts from its end-of-turn hook."""

    def __init__(self, receivers: tuple[Any, ...]) -> None:
        super().__init__()
        self.receivers = receivers
        self.pending: list[int] = []

    def on_receive(self, number: int) -> None:
        self.pending.append(number)

    def on_turn_end(self) -> None:
        pending, self.pending = self.pending, []
        for number in pending:
            tell_many(self.receivers, Delivery(number), number)


class Receiver(Actor):
    """Takes deliveries; by its kind it fails on some, answers each, waits, has a hook of its own, or a shortcut."""

    def __init__(self, kind: str, log: list[Any], back: list[Any]) -> None:
        super().__init__()
        self.kind, self.log, self.back = kind, log, back

    def on_start(self) -> None:
        if "short" in self.kind:
            self.shortcut(self._take)

    @handles(Delivery, in_place=True)
    def deliver(self, message: Delivery) -> None:
        self._take(message.number)
        if "at times" in self.kind:
            self.shortcut(self._take if message.number % 2 else None)

    def _take(self, number: int) -> None:
        if "fails" in self.kind and number % 3 == 0:
            raise ValueError(number)
        self.log.append(number)
        if "sends back" in self.kind:
            for ref in self.back:
                ref.tell(number)
        if "at times" in self.kind and number % 5 == 0:
            self.actor_ref.close_shortcut()

    @handles(float)
    async def wait(self, message: float) -> None:
        await asyncio.sleep(message)
        self.log.append("waited")


class Hooked(Receiver):
    def on_turn_end(self) -> None:
        if self.log[-1:] != ["flushed"] and self.log:
            self.log.append("flushed")


class Steps(VirtualClock):
    """Slices of a few looks at the clock, so that they are used up in the middle of a broadcast."""

    def __init__(self, loop: Any, per_slice: int) -> None:
        super().__init__(loop)
        self.looks = 0
        self.tick = self._look
        self.per_slice = per_slice

    def _look(self) -> float:
        self.looks += 1
        return self.looks * 0.001 / self.per_slice


KINDS = st.sampled_from(
    [
        "plain", "fails", "sends back", "waits", "hooked",
        "short", "short, fails", "short, sends back", "short, waits", "short, at times", "short, fails, at times",
    ]
)  # fmt: skip


async def _observe(
    kinds: list[str], numbers: list[int], copies: int, per_slice: int, in_place: InPlace, seed: int
) -> Any:
    clock = Steps(asyncio.get_running_loop(), per_slice)
    failures: list[Any] = []
    async with ActorSystem(
        clock=clock, in_place=in_place, seed=seed, dispatcher=DispatcherSettings(throughput=4)
    ) as system:
        system.events.subscribe(ActorFailed, failures.append)
        root = system.spawn(Root)
        logs: list[list[Any]] = [[] for _ in range(len(kinds) * copies)]
        echoes: list[Any] = []

        class Collector(Actor):
            def on_receive(self, message: Any) -> None:
                echoes.append(message)

        back = [system.spawn(Collector, under=root)]
        refs = [
            system.spawn(Hooked if kind == "hooked" else Receiver, kind, logs[index], back, under=root)
            for index, kind in enumerate(kinds * copies)
        ]
        for ref, kind in zip(refs, kinds * copies, strict=True):
            if "waits" in kind:
                ref.tell(1.0)
        topic = system.spawn(Topic, tuple(refs), under=root)
        for number in numbers:
            topic.tell(number)
        await asyncio.sleep(100)
        assert_conservation(system)
        restarts = [ref.info().restarts for ref in refs]
    deliveries = [[entry for entry in log if entry != "flushed"] for log in logs]
    last = [log[-1:] for log in logs]
    failed = Counter((fact.error.args, fact.doing) for fact in failures)
    return deliveries, last, Counter(echoes), restarts, failed, system.counts()


@examples(60)
@given(
    kinds=st.lists(KINDS, min_size=1, max_size=6),
    numbers=st.lists(st.integers(0, 9), max_size=8),
    copies=st.sampled_from([1, 3, 30]),
    per_slice=st.sampled_from([1, 2, 10]),
    seed=st.integers(0, 1000),
)
def test_never_always_and_at_random_are_the_same(
    kinds: list[str], numbers: list[int], copies: int, per_slice: int, seed: int
) -> None:
    """Per receiver the same messages in the same order, the same failures, restarts and counts."""
    queued = run(_observe(kinds, numbers, copies, per_slice, "never", seed))
    assert run(_observe(kinds, numbers, copies, per_slice, "always", seed)) == queued
    assert run(_observe(kinds, numbers, copies, per_slice, "random", seed)) == queued
