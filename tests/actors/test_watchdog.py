"""The watchdog: what blocks the loop, and what waits for too long, is named with actor, message type and stack."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from actors import Actor, ActorSystem, DispatcherSettings, patiently
from actors.events import HandlerStuck


class Waiting(Actor):
    """Sleeps over floats, waits patiently over integers; calls the rest."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, float):
            await self.wait_for_something(message)
        elif isinstance(message, int):
            await self.wait_on_purpose(message)
        elif callable(message):
            return await message(self)
        return None

    async def wait_for_something(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait_on_purpose(self, seconds: int) -> None:
        with patiently(self.actor_ref._env):
            await asyncio.sleep(seconds)


def stuck(facts: list[Any]) -> list[HandlerStuck]:
    return [fact for fact in facts if isinstance(fact, HandlerStuck)]


async def test_a_suspended_handler_is_named_once(system: ActorSystem, facts: list[Any]) -> None:
    """After `stuck_warn`, at most a quarter later; with the place where it waits."""
    ref = system.spawn(Waiting, name="slow")
    ref.tell(60.0)
    await asyncio.sleep(0.9)
    assert stuck(facts) == []
    await asyncio.sleep(0.4)
    await asyncio.sleep(100)
    (fact,) = stuck(facts)
    assert (fact.ref, fact.message_type, fact.blocks_loop) == (ref, "float", False)
    assert 1.0 <= fact.seconds <= 1.25
    assert "on_receive" in fact.stack


async def test_quick_ones_are_not_named(system: ActorSystem, facts: list[Any]) -> None:
    """However many, one after the other."""
    ref = system.spawn(Waiting)
    for _ in range(50):
        ref.tell(0.9)
    await asyncio.sleep(60)
    assert stuck(facts) == []


async def test_each_of_several_is_named(system: ActorSystem, facts: list[Any]) -> None:
    """Per handler, not per actor: the next one of the same actor as well."""
    one, other = system.spawn(Waiting), system.spawn(Waiting)
    one.tell(5.0)
    other.tell(5.0)
    one.tell(5.0)
    await asyncio.sleep(20)
    assert sorted(str(fact.ref) for fact in stuck(facts)) == sorted([str(one), str(one), str(other)])


async def test_the_message_inside_an_envelope_is_named(system: ActorSystem, facts: list[Any]) -> None:
    """For asks and ticks."""
    ref = system.spawn(Waiting)
    answer = ref.ask(5.0, block=False)
    await answer

    async def set_timer(self: Actor) -> None:
        self.timers.once("key", 5.0, 1.0)

    await ref.request(set_timer)
    await asyncio.sleep(10)
    assert [fact.message_type for fact in stuck(facts)] == ["float", "float"]


async def test_who_waits_on_purpose_is_not_stuck(system: ActorSystem, facts: list[Any]) -> None:
    """Inside `patiently`, for as long as it takes."""
    ref = system.spawn(Waiting)
    ref.tell(60)
    await asyncio.sleep(100)
    assert stuck(facts) == []


async def test_its_time_counts_anew_afterwards(system: ActorSystem, facts: list[Any]) -> None:
    """A short wait after a patient one is short; a long one is named."""

    async def both(self: Waiting) -> None:
        await self.wait_on_purpose(10)
        await self.wait_for_something(0.5)
        await self.wait_on_purpose(10)
        await self.wait_for_something(5.0)

    ref = system.spawn(Waiting)
    await ref.request(both, timeout=60)
    (fact,) = stuck(facts)
    assert 1.0 <= fact.seconds <= 1.25


async def test_patience_nests(system: ActorSystem, facts: list[Any]) -> None:
    """The inner end does not end the outer."""

    async def nested(self: Waiting) -> None:
        with patiently(self.actor_ref._env):
            await self.wait_on_purpose(1)
            await asyncio.sleep(10)

    await system.spawn(Waiting).request(nested, timeout=60)
    assert stuck(facts) == []


async def test_patience_outside_of_an_actor_is_harmless(system: ActorSystem) -> None:
    """Code that is shared with others may use it anywhere."""
    with patiently(system.env):
        await asyncio.sleep(1)


class Blocking(Actor):
    """Blocks the loop until it is let go, in its first step or after it was suspended."""

    def __init__(self, named: threading.Event) -> None:
        super().__init__()
        self.named = named

    async def on_receive(self, message: str) -> None:
        if message == "later":
            await asyncio.sleep(0)
        if message == "in a task":
            task = asyncio.ensure_future(self.in_a_task())
            self.claim(task)
            await task
        else:
            self.block_the_loop()

    async def in_a_task(self) -> None:
        await asyncio.sleep(0)
        self.block_the_loop()

    def block_the_loop(self) -> None:
        """At most five seconds: the watchdog's fact ends it."""
        self.named.wait(5.0)


@pytest.mark.actors(real_time=True, dispatcher=DispatcherSettings(stuck_warn=0.05))
@pytest.mark.parametrize("message", ["at once", "later", "in a task"])
async def test_a_handler_that_blocks_the_loop_is_named_while_it_does(
    system: ActorSystem, tripwires: Any, message: str
) -> None:
    """By a thread, as nothing else runs: the fact itself lets the handler go."""
    tripwires._max_turn = 5.0
    named = threading.Event()
    seen: list[HandlerStuck] = []

    def note(fact: HandlerStuck) -> None:
        seen.append(fact)
        named.set()

    system.events.subscribe(HandlerStuck, note)
    ref = system.spawn(Blocking, named, name="culprit")
    await ref.request(message, timeout=10)
    assert named.is_set()
    fact = next(fact for fact in seen if fact.blocks_loop)
    assert (fact.ref, fact.message_type) == (ref, "str")
    assert "block_the_loop" in fact.stack


@pytest.mark.actors(real_time=True, dispatcher=DispatcherSettings(stuck_warn=0.05))
async def test_a_busy_loop_that_moves_on_names_nobody(system: ActorSystem, facts: list[Any]) -> None:
    """Many short steps of one actor are work, not a blocked loop."""

    async def steps(_: Actor) -> None:
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:  # noqa: ASYNC110  # steps, not a wait
            await asyncio.sleep(0)

    await system.spawn(Waiting).request(steps, timeout=10)
    assert [fact for fact in stuck(facts) if fact.blocks_loop] == []


async def test_a_task_may_be_claimed_again(system: ActorSystem) -> None:
    """By the same actor or by another, which then has it; when it ends nobody does. The loop reports no error."""

    class Claiming(Actor):
        def on_receive(self, task: Any) -> None:
            self.claim(task)

    refs = [system.spawn(Claiming) for _ in range(2)]
    task = asyncio.ensure_future(asyncio.sleep(1))
    for ref in (*refs, refs[1]):
        await ref.request(task)
        assert system.env.dispatcher.claimed == {task: ref}
    await task
    await asyncio.sleep(0)
    assert system.env.dispatcher.claimed == {}
