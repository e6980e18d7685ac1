"""
Hand-off of the run queue.

No sequence of kill, timeout, TaskGroup failure, self-cancel (also from a plain function, also of a `current_task()`
that was kept) lets another actor see `CancelledError` or leaves the run queue without an owner.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, SupervisorSpec
from actors.clock import VirtualClock
from actors.supervision import Backoff
from actors.testkit import assert_conservation, run
from tests.support.laws import examples


class Root(Actor):
    supervision = SupervisorSpec(intensity=10_000, backoff=Backoff(min=0.0, jitter=0.0))


class Book:
    """What one run brings about, and what it may bring about."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, asyncio.Task[Any]]] = []
        self.may_see: set[int] = set()
        self.trespasses: list[str] = []

    def cancel_kept(self) -> None:
        """Whoever kept a task may be hit by it; nobody else, whoever cancels it."""
        for index, task in self.kept:
            self.may_see.add(index)
            task.cancel()


def _me() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def _boom() -> None:
    raise LookupError


class Plain(Actor):
    """Plain handlers: they run on the owner's own task."""

    def __init__(self, index: int, book: Book) -> None:
        super().__init__()
        self.index, self.book = index, book

    def on_receive(self, action: Any) -> Any:
        if action == "keep":
            self.book.kept.append((self.index, _me()))
        elif action == "cancel myself":
            self.book.may_see.add(self.index)
            _me().cancel()
        elif action == "cancel kept":
            self.book.cancel_kept()
        elif action == "kill myself":
            self.book.may_see.add(self.index)
            self.actor_ref.kill()
        return action


class Waiting(Plain):
    """The same as coroutines, which wait before, after, or not at all."""

    async def on_receive(self, action: Any) -> Any:
        try:
            return await self._act(action)
        except asyncio.CancelledError:
            if self.index not in self.book.may_see:
                self.book.trespasses.append(f"actor {self.index} was cancelled in {action!r}")
            raise

    async def _act(self, action: Any) -> Any:
        kind, _, pause = str(action).partition("/")
        if pause == "before":
            await asyncio.sleep(0.3)
        if kind == "time out":
            try:
                async with asyncio.timeout(0.1):
                    await asyncio.sleep(1)
            except TimeoutError:
                pass
        elif kind == "fail a group":
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_boom())
                    await asyncio.sleep(1)
            except* LookupError:
                pass
        elif kind == "wait":
            await asyncio.sleep(0.2)
        else:
            super().on_receive(kind)
        if pause == "after":
            await asyncio.sleep(0.3)
        return action


DEEDS = ["keep", "cancel myself", "cancel kept", "kill myself", "time out", "fail a group", "wait"]
ACTIONS = st.sampled_from([f"{deed}{pause}" for deed in DEEDS for pause in ("", "/before", "/after")])
STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 3), ACTIONS),
    st.tuples(st.just("tell"), st.integers(0, 3), st.sampled_from(["keep", "wait"])),
    st.tuples(st.just("kill"), st.integers(0, 3), st.none()),
    st.tuples(st.just("cancel kept"), st.none(), st.none()),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 0.05, 0.25, 0.5]), st.none()),
)


async def _play(steps: list[Any], seed: int | None) -> None:
    book = Book()
    async with ActorSystem(clock=VirtualClock(asyncio.get_running_loop()), seed=seed) as system:
        root = system.spawn(Root)
        refs = [system.spawn(cls, i, book, under=root) for i, cls in enumerate([Plain, Waiting, Waiting, Plain])]
        for what, which, action in steps:
            if what == "tell":
                refs[which].tell(action.partition("/")[0] if which in (0, 3) else action)
            elif what == "kill":
                book.may_see.add(which)
                refs[which].kill()
            elif what == "cancel kept":
                book.cancel_kept()
            else:
                await asyncio.sleep(which)
        await asyncio.sleep(30)
        assert book.trespasses == []
        assert [await ref.request("alive?") for ref in refs] == ["alive?"] * 4
        assert_conservation(system)
    assert_conservation(system)


@examples(200)
@given(steps=st.lists(STEPS, max_size=14), seed=st.one_of(st.none(), st.integers(0, 99)))
def test_no_sequence_of_cancellations_leaves_its_actor(steps: list[Any], seed: int | None) -> None:
    """Whoever was cancelled brought it about; everybody answers in the end."""
    run(_play(steps, seed))
