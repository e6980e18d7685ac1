"""
Supervision agrees with a naive model of OTP's: who restarts, in which order, how often, and who gives up.

The model knows no time and no concurrency: one thing happens, everything settles, the next one. It is written from
OTP's documentation (`supervisor`), with the budget as a list that is counted anew each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, Backoff, Child, ChildSpec, Supervisor, SupervisorSpec
from actors.clock import VirtualClock
from actors.events import ActorStopped
from actors.testkit import assert_conservation, run
from actors.turns.dispatcher import InPlace
from tests.support.laws import examples

PERIOD = 10.0
STEP = 1.0
"""Seconds between two events; a restart of the system's root is out of reach."""

NO_WAIT = Backoff(min=0.0, jitter=0.0)

Plan = tuple[Any, ...]
"""`("worker", restart)` or `("supervisor", restart, strategy, intensity, children)`."""


# --- the model


@attrs.define(eq=False)
class Model:
    """One actor as OTP sees it."""

    plan: Plan
    name: str
    parent: Model | None
    diary: list[str]
    children: list[Model] = attrs.Factory(list)
    restarts: list[float] = attrs.Factory(list)
    is_up: bool = False

    def start(self) -> None:
        self.is_up = True
        self.restarts = []
        self.diary.append(f"+{self.name}")
        self.children = []
        if self.plan[0] == "supervisor":
            for index, plan in enumerate(self.plan[4]):
                child = Model(plan, f"{self.name}/{index}", self, self.diary)
                self.children.append(child)
                child.start()

    def end(self) -> None:
        """Its own hook runs before its children go when it restarts, after them when it ends: compared as sets."""
        for child in reversed(self.children):
            child.end()
        if self.is_up:
            self.is_up = False
            self.diary.append(f"-{self.name}")
        self.children = []

    def exits(self, reason: str, now: float) -> None:
        """It ended for that reason; what its supervisor makes of it."""
        restart, parent = self.plan[1], self.parent
        self.end()
        assert parent is not None
        if restart == "temporary" or (restart == "transient" and reason == "stopped"):
            parent.children.remove(self)
            return
        _, _, strategy, intensity, _ = parent.plan
        if len([at for at in parent.restarts if now - at < PERIOD]) >= intensity:
            parent.children.remove(self)
            if parent.parent is not None:
                parent.exits("failed", now)
            return
        parent.restarts.append(now)
        parent.bring_back(self, strategy)

    def bring_back(self, failed: Model, strategy: str) -> None:
        group = [failed]
        if strategy == "one_for_all":
            group = list(self.children)
        elif strategy == "rest_for_one":
            group = self.children[self.children.index(failed) :]
        for child in reversed(group):
            child.end()
            if child.plan[1] == "temporary":
                self.children.remove(child)
        for child in group:
            if child in self.children:
                child.start()

    def walk(self) -> list[Model]:
        return [self, *(below for child in self.children for below in child.walk())]


# --- the real thing


class Life:
    """What became of every instance ever made."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.started: Counter[int] = Counter()
        self.stopped: Counter[int] = Counter()
        self.bad_starts = 0
        self.kept: list[Actor] = []  # so that no two instances ever have the same id


class Noting:
    """The hooks of workers and supervisors."""

    life: Life

    def on_start(self: Any) -> None:
        self.life.kept.append(self)
        self.life.started[id(self)] += 1
        self.life.diary.append(f"+{_name(self)}")
        super().on_start()  # type: ignore[misc]

    def on_stop(self: Any) -> None:
        self.life.stopped[id(self)] += 1
        self.life.diary.append(f"-{_name(self)}")


class Worker(Noting, Actor):
    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError
        return message


class Moody(Worker):
    """By turns it is slow to start, fails to, or is slow to end; it waits when told to."""

    async def on_start(self) -> None:  # type: ignore[override]
        mood = len(self.life.kept) % 4
        self.life.kept.append(self)
        if mood == 1:
            await asyncio.sleep(0.3)
        if mood == 3 and self.life.bad_starts < 6:  # else a small budget could fail for ever
            self.life.bad_starts += 1
            raise LookupError
        super().on_start()

    async def on_stop(self) -> None:  # type: ignore[override]
        super().on_stop()
        if len(self.life.kept) % 3 == 0:
            await asyncio.sleep(0.02)  # twenty of them, one after the other, fit into the grace after a kill

    async def on_receive(self, message: Any) -> Any:
        if message == "wait":
            await asyncio.sleep(0.2)
        return super().on_receive(message)


class Boss(Noting, Supervisor):
    def __init__(self, life: Life, children: list[Child]) -> None:
        super().__init__(children)
        self.life = life

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError
        return message


def _name(actor: Actor) -> str:
    return str(actor.actor_ref.path.removeprefix("/"))


def _child(plan: Plan, name: str, life: Life, worker: type[Worker] = Worker, backoff: Backoff = NO_WAIT) -> Child:
    if plan[0] == "worker":
        return Child(worker, (life,), name=name, spec=ChildSpec(plan[1]))
    _, restart, strategy, intensity, below = plan
    supervision = SupervisorSpec(strategy, intensity, PERIOD, backoff=backoff)
    cls = type("Boss", (Boss,), {"supervision": supervision})
    children = [_child(one, str(index), life, worker, backoff) for index, one in enumerate(below)]
    return Child(cls, (life, children), name=name, spec=ChildSpec(restart))


RESTARTS = st.sampled_from(["permanent", "transient", "temporary"])
WORKERS = st.tuples(st.just("worker"), RESTARTS)


def _supervisors(below: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    strategies = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])
    return st.tuples(
        st.just("supervisor"), RESTARTS, strategies, st.integers(0, 3), st.lists(below, min_size=1, max_size=4)
    )


TREES = _supervisors(st.one_of(WORKERS, _supervisors(st.one_of(WORKERS, _supervisors(WORKERS)))))
EVENTS = st.tuples(
    st.integers(0, 30), st.sampled_from(["fail", "fail", "stop", "stop_now", "kill"]), st.sampled_from([STEP, 4.0])
)


async def _compare(tree: Plan, events: list[Any], seed: int | None, in_place: InPlace) -> None:
    life, ends = Life(), Counter[Any]()
    model = Model(("supervisor", "permanent", "one_for_one", 10_000, [tree]), "", None, [])
    top = Model(tree, "0", model, model.diary)
    model.children = [top]
    root = SupervisorSpec(intensity=10_000, period=PERIOD, backoff=Backoff(min=0.0, jitter=0.0))
    loop = asyncio.get_running_loop()
    async with ActorSystem(clock=VirtualClock(loop), seed=seed, in_place=in_place, supervision=root) as system:
        system.events.subscribe(ActorStopped, lambda fact: ends.update([fact.ref]))
        child = _child(tree, "0", life)
        system.spawn(child.actor_class, *child.args, name="0", spec=child.spec)
        top.start()
        await asyncio.sleep(STEP)
        for which, what, pause in events:
            refs = {ref.path.removeprefix("/"): ref for ref in system.root.walk() if ref is not system.root}
            models = {one.name: one for one in model.walk() if one is not model}
            assert set(refs) == set(models)
            assert all(ref.info().phase == "running" for ref in refs.values())
            if not refs:
                break
            name = sorted(refs)[which % len(refs)]
            life.diary.clear()
            model.diary.clear()
            _bring_about(refs[name], what)
            models[name].exits({"fail": "failed", "kill": "killed"}.get(what, "stopped"), loop.time())
            await asyncio.sleep(pause)
            ours, theirs = life.diary, model.diary
            assert sorted(ours) == sorted(theirs)
            assert _orders(ours, "-") == _orders(theirs, "-")
            spawned = {entry[1:] for entry in theirs if entry[0] == "+"} if seed is not None else set[str]()
            for parent, order in _orders(theirs, "+").items():
                if parent not in spawned:  # a new supervisor spawns its children at once; a seed shuffles their starts
                    assert _orders(ours, "+")[parent] == order
            assert_conservation(system)
    assert life.started == life.stopped
    assert all(count == 1 for count in life.started.values())
    assert all(count == 1 for count in ends.values())
    assert_conservation(system)
    assert system.counts().queued == 0


def _bring_about(ref: Any, what: str) -> None:
    if what == "fail":
        ref.tell("fail")
    elif what == "stop":
        ref.stop()
    elif what == "stop_now":
        ref.stop_now()
    else:
        ref.kill()


def _orders(diary: list[str], sign: str) -> dict[str, list[str]]:
    """Per parent, in which order its children did it. Cousins run side by side in ours, one after the other in OTP."""
    orders: dict[str, list[str]] = {}
    for entry in diary:
        if entry[0] == sign:
            orders.setdefault(entry[1:].rpartition("/")[0], []).append(entry[1:])
    return orders


@examples(250)
@given(
    tree=TREES,
    events=st.lists(EVENTS, min_size=1, max_size=8),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    in_place=st.sampled_from(["always", "never", "random"]),
)
def test_restarts_agree_with_the_model(tree: Plan, events: list[Any], seed: int | None, in_place: InPlace) -> None:
    """The same actors live, the same start and stop, per supervisor in the same order; each instance stops once."""
    run(_compare(tree, events, seed, in_place))


async def _at_once(tree: Plan, volleys: list[Any], seed: int | None, in_place: InPlace) -> None:
    life, ends, asks = Life(), Counter[Any](), list[Any]()
    root = SupervisorSpec(intensity=10_000, period=PERIOD, backoff=Backoff(min=0.0, jitter=0.0))
    loop = asyncio.get_running_loop()
    async with ActorSystem(clock=VirtualClock(loop), seed=seed, in_place=in_place, supervision=root) as system:
        system.events.subscribe(ActorStopped, lambda fact: ends.update([fact.ref]))
        child = _child(tree, "0", life, Moody, Backoff(min=0.1, max=0.5))
        system.spawn(child.actor_class, *child.args, name="0", spec=child.spec)
        for volley in volleys:
            for which, what, pause in volley:
                refs = [ref for ref in system.root.walk() if ref is not system.root and ref.is_alive()]
                if refs and what in ("wait", "ask"):
                    asks.append(refs[which % len(refs)].ask(what, block=False))
                elif refs:
                    _bring_about(refs[which % len(refs)], what)
                await asyncio.sleep(pause)
            await asyncio.sleep(SETTLED)
            assert all(ref.info().phase == "running" for ref in system.root.walk())
            assert all(ref._family is None or ref._family.group is None for ref in system.root.walk())
            assert_conservation(system)
    assert life.started == life.stopped
    assert all(count == 1 for count in life.started.values())
    assert all(count == 1 for count in ends.values())
    assert all(ask.done() for ask in asks)
    assert_conservation(system)


VOLLEYS = st.tuples(
    st.integers(0, 30),
    st.sampled_from(["fail", "fail", "stop", "stop_now", "kill", "wait", "ask"]),
    st.sampled_from([0.0, 0.0, 0.05, 0.25]),
)
SETTLED = 30.0
"""Seconds after which every back-off, start and end has run out, also where one follows the other several times."""


@examples(250)
@given(
    tree=TREES,
    volleys=st.lists(st.lists(VOLLEYS, min_size=1, max_size=10), min_size=1, max_size=3),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    in_place=st.sampled_from(["always", "never", "random"]),
)
def test_whatever_happens_at_once_everybody_left_runs_in_the_end(
    tree: Plan, volleys: list[Any], seed: int | None, in_place: InPlace
) -> None:
    """No group is left half-way, nobody waits for ever, and every instance that started was stopped exactly once."""
    run(_at_once(tree, volleys, seed, in_place))
