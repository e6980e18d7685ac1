"""What an instance begins on the side ends with it: its timers, what it pipes, whom it asks. Whatever ends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorDeadError, ActorSystem, Backoff, ChildSpec, ReceiveTimeout, Supervisor, SupervisorSpec
from actors.clock import VirtualClock
from actors.events import ActorStopped
from actors.testkit import assert_conservation, run
from tests.support.laws import examples

EVERY = 0.5
SETTLED = 40.0
"""Seconds after which no back-off and no hook is under way."""


@attrs.frozen(eq=False)
class Mine:
    """A tick or an outcome, and whose."""

    owner: Busy


class Busy(Actor):
    """Ticks, pipes to itself, asks its neighbours; fails when told, also in its hooks."""

    def __init__(self, refs: list[Any], bad: Counter[str], strange: list[Any]) -> None:
        super().__init__()
        self.refs, self.bad, self.strange = refs, bad, strange
        self.ticks = self.idles = 0

    async def on_start(self) -> None:  # type: ignore[override]
        self.timers.fixed_delay("tick", Mine(self), EVERY)
        self.set_receive_timeout(SETTLED / 4)
        self.pipe_to_self(asyncio.sleep(EVERY, Mine(self)))
        await self._hook("start")

    async def on_stop(self) -> None:  # type: ignore[override]
        self.timers.once("late", Mine(self), 0.0)
        await self._hook("stop")
        self.pipe_to_self(asyncio.sleep(0, Mine(self)))

    async def on_failure(self, *_: Any) -> None:  # type: ignore[override]
        await self._hook("failure")

    def on_signal(self, signal: Any) -> None:
        assert isinstance(signal, ReceiveTimeout)
        self.idles += 1

    async def _hook(self, name: str) -> None:
        if self.bad[name] > 0:
            self.bad[name] -= 1
            await asyncio.sleep(self.bad["pause"] / 10)
            raise LookupError(name)

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Mine):
            self.ticks += 1
            if message.owner is not self:
                self.strange.append(message)
            return None
        what, which = message
        if what == "fail":
            raise ValueError
        if what == "wait":
            await asyncio.sleep(0.7)
        if what == "kill":
            self.actor_ref.kill()
            await asyncio.sleep(0.1)
        if what == "pipe":
            self.pipe_to_self(asyncio.sleep(0.5, Mine(self)))
        if what == "pipe and kill":
            self.pipe_to_self(asyncio.sleep(0, Mine(self)))
            self.actor_ref.kill()
        if what == "ask":
            ref = self.refs[which % len(self.refs)]
            return await ref.request(("wait", 0), timeout=1.0)
        if what == "ask for later":
            return await self.refs[which % len(self.refs)].ask(("wait", 0), block=False)
        if what in HOOKS:
            self.bad[what] += which % 3
            self.bad["pause"] = which
        return what


HOOKS = ("start", "stop", "failure")
WORDS = ("fail", "fail", "kill", "pipe", "pipe and kill", "ask", "ask", "ask for later", "wait", *HOOKS)
STEPS = st.tuples(
    st.integers(0, 5),
    st.sampled_from([*WORDS, "kill now", "stop now", "cancelled"]),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.0, 0.1, 0.3, 0.7, 2.0]),
)
SPECS = st.tuples(st.sampled_from(["permanent", "transient", "temporary"]), st.booleans())


async def _play(
    steps: list[Any], specs: list[Any], strategy: Any, auto: Any, initial: float, seed: int | None, apart: bool
) -> None:
    refs: list[Any] = []
    strange, asks, ends = list[Any](), list[Any](), list[Any]()
    supervision = SupervisorSpec(
        strategy=strategy, intensity=1000, auto_shutdown=auto, backoff=Backoff(initial=initial, max=1.0)
    )
    kind = type("Team", (Supervisor,), {"supervision": supervision})
    loop = asyncio.get_running_loop()
    async with ActorSystem(clock=VirtualClock(loop, (lambda: True) if apart else None), seed=seed) as system:
        system.events.subscribe(ActorStopped, ends.append)
        team = system.spawn(kind)
        for restart, significant in specs:
            spec = ChildSpec(restart, significant=significant and restart != "permanent")
            refs.append(system.spawn(Busy, refs, Counter[str](), strange, under=team, spec=spec))
        for which, what, other, pause in steps:
            ref = refs[which % len(refs)]
            try:
                if what == "kill now":
                    ref.kill()
                elif what == "stop now":
                    ref.stop_now()
                elif what == "cancelled":
                    asks.append(asyncio.create_task(ref.request(("ask", other), timeout=50)))
                    loop.call_later(pause / 2, asks[-1].cancel)
                elif other % 2:
                    asks.append(ref.ask((what, other), block=False))
                else:
                    ref.tell((what, other))
            except ActorDeadError:
                pass
            await asyncio.sleep(pause)
            assert_conservation(system)
        await asyncio.sleep(SETTLED)
        assert_conservation(system)
        assert not strange
        assert all(ask.done() for ask in asks)
        living = [ref for ref in refs if ref.is_alive()]
        assert [ref._waits_for for ref in refs] == [None] * len(refs)
        assert [ref.info().phase for ref in living] == ["running"] * len(living)
        before = [ref._actor.ticks for ref in living]
        await asyncio.sleep(EVERY * 10)
        assert {ref._actor.ticks - then for ref, then in zip(living, before, strict=True)} <= {9, 10, 11}
        _check_end(team, refs, auto, [fact.ref for fact in ends if fact.reason != "shutdown"])
    assert_conservation(system)
    assert len(ends) == len({fact.ref for fact in ends})


def _check_end(team: Any, refs: list[Any], auto: Any, ended: list[Any]) -> None:
    """The supervisor has ended by the end of those that are significant, and by nothing else."""
    significant = [ref for ref in refs if ref._spec.significant]
    gone = [ref for ref in significant if ref in ended]
    due = {"never": False, "any_significant": bool(gone), "all_significant": bool(gone) and gone == significant}[auto]
    assert team.is_alive() is not due, (gone, significant)


@examples(120)
@given(
    steps=st.lists(STEPS, max_size=20),
    specs=st.lists(SPECS, min_size=1, max_size=4),
    strategy=st.sampled_from(["one_for_all", "one_for_all", "rest_for_one", "one_for_one", "dynamic"]),
    auto=st.sampled_from(["never", "any_significant", "all_significant"]),
    initial=st.sampled_from([0.0, 0.0, 0.5]),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    apart=st.booleans(),
)
def test_nothing_outlives_its_instance(
    steps: list[Any], specs: list[Any], strategy: Any, auto: Any, initial: float, seed: int | None, apart: bool
) -> None:
    """Over restarts alone and together, kills, back-offs, hooks that fail: each tick comes to whose it is, or never."""
    run(_play(steps, specs, strategy, auto, initial, seed, apart))
