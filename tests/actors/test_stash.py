"""Stash: messages put aside and taken up again, before everything that waits, in their old order, none lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorSystem, ChildSpec, StashFull
from actors.testkit import assert_conservation


class Gate(Actor):
    """Puts everything aside until it is told "open"; then takes it up. "shut" shuts it again."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen, self.is_open = seen, False

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if message == "open":
            self.is_open = True
            return self.unstash()
        if message == "shut":
            self.is_open = False
            return None
        if not self.is_open:
            self.stash()
        self.seen.append(message)
        return message


class Waiting(Gate):
    """The same as a coroutine that really waits before it decides."""

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0.01)
        return super().on_receive(message)


@pytest.mark.parametrize("cls", [Gate, Waiting])
async def test_what_was_put_aside_comes_before_what_waits(system: ActorSystem, cls: type[Gate]) -> None:
    """Also before what stands behind the message that unstashed, in the same turn."""
    seen: list[Any] = []
    ref = system.spawn(cls, seen)
    for message in (1, 2, "open", 3, 4):
        ref.tell(message)
    await ref.request("end")
    assert seen == [1, 2, 3, 4, "end"]
    assert_conservation(system)


async def test_putting_aside_again_while_taking_up_keeps_the_order(system: ActorSystem) -> None:
    """Opened and shut in between: what comes back too early goes back to its place."""
    seen: list[Any] = []
    ref = system.spawn(Gate, seen)
    for message in (1, 2, "open", "shut", 3, "open"):
        ref.tell(message)
    await ref.request("end")
    assert seen == [1, 2, 3, "end"]


async def test_unstash_says_how_many(system: ActorSystem) -> None:
    """And nothing happens when there is none."""
    ref = system.spawn(Gate, [])
    for number in range(3):
        ref.tell(number)
    assert await ref.request("open") == 3
    assert await ref.request("open") == 0


async def test_an_asker_waits_through_the_stash(system: ActorSystem) -> None:
    """Its answer comes when the message is handled at last; until then it counts as queued."""
    ref = system.spawn(Gate, [])
    answer = ref.ask("question", block=False)
    await asyncio.sleep(60)
    assert not answer.done()
    assert ref.counts().queued == 1
    ref.tell("open")
    assert await answer == "question"
    assert_conservation(system)


@pytest.mark.allow_dead_letters("expired")
async def test_a_stashed_ask_that_has_expired_is_dropped_and_counted(system: ActorSystem) -> None:
    """Its deadline runs on while it is put aside."""
    seen: list[Any] = []
    ref = system.spawn(Gate, seen)
    with pytest.raises(TimeoutError):
        await ref.request("question", timeout=1)
    await ref.request("open")
    await ref.request("end")
    assert seen == ["end"]
    assert system.dead_letters.counts == {"expired": 1}


@pytest.mark.allow_failures("ValueError")
async def test_the_stash_goes_back_in_front_at_a_restart(system: ActorSystem) -> None:
    """The new instance sees it first, and may put it aside again."""
    seen: list[Any] = []
    ref = system.spawn(Gate, seen)
    for message in (1, 2, ValueError(), 3):
        ref.tell(message)
    ref.tell("open")
    await ref.request("end")
    assert seen == [1, 2, 3, "end"]
    assert ref.info().restarts == 1
    assert_conservation(system)


@pytest.mark.allow_dead_letters("stopped")
async def test_what_is_put_aside_when_the_actor_ends_becomes_dead_letters(system: ActorSystem) -> None:
    """Exactly once each; an asker learns it."""
    ref = system.spawn(Gate, [])
    ref.tell(1)
    answer = ref.ask(2, block=False)
    await ref.stop()
    assert [letter.message for letter in system.dead_letters.recent] == [1, 2]
    with pytest.raises(ActorDeadError):
        await answer


async def test_on_undelivered_is_offered_the_stash(system: ActorSystem) -> None:
    """Whoever can save what waits can save what is put aside, in its order."""
    saved: list[Any] = []

    class Saving(Gate):
        def on_undelivered(self, messages: list[object]) -> None:
            saved.extend(messages)

    ref = system.spawn(Saving, [])
    for number in range(3):
        ref.tell(number)
    await asyncio.sleep(1)
    ref.stop_now()
    ref.tell(3)
    await ref.terminated
    assert saved == [0, 1, 2, 3]
    assert ref.counts().balanced


async def test_except_exception_does_not_stop_it(system: ActorSystem) -> None:
    """A handler with a broad `except` puts aside all the same."""
    seen: list[Any] = []

    class Broad(Gate):
        def on_receive(self, message: Any) -> Any:
            try:
                return super().on_receive(message)
            except Exception:
                seen.append("swallowed")

    ref = system.spawn(Broad, seen)
    ref.tell(1)
    ref.tell("open")
    await ref.request("end")
    assert seen == [1, "end"]


@pytest.mark.allow_failures("StashFull")
@pytest.mark.allow_dead_letters("shutdown")
async def test_it_is_bounded(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit fails the actor with a letter; its stash survives that, as any restart."""
    monkeypatch.setattr("actors.mail.stash.STASH_LIMIT", 3)
    ref = system.spawn(Gate, [])
    for number in range(3):
        ref.tell(number)
    with pytest.raises(StashFull, match="unstash"):
        await ref.request("one too many")
    assert ref.info().counts.queued == 3
    assert ref.info().restarts == 0
    ref.tell("a tell fails it")
    await asyncio.sleep(1)
    assert ref.info().restarts == 1
    assert ref.info().counts.queued == 3


async def test_a_tick_can_be_put_aside(system: ActorSystem) -> None:
    """It is taken once: a repeating timer is set again once, and a single one is not looked for twice."""
    seen: list[Any] = []

    class Ticking(Gate):
        def on_start(self) -> None:
            self.timers.once("single", "single", 1.0)
            self.timers.fixed_delay("repeating", "repeating", 2.5)

    ref = system.spawn(Ticking, seen)
    await asyncio.sleep(9)
    assert seen == []
    ref.tell("open")
    await asyncio.sleep(4)
    assert seen == ["single", "repeating", "repeating", "repeating", "repeating", "repeating"]
    assert_conservation(system)


@pytest.mark.allow_failures("ValueError")
async def test_a_tick_that_was_put_aside_ends_with_its_instance(system: ActorSystem) -> None:
    """As one that waits in the mailbox does."""
    seen: list[Any] = []
    ref = system.spawn(Gate, seen)
    await ref.proxy().timers  # made by the loop's thread
    ref._actor.timers.once("key", "tick", 1.0)
    await asyncio.sleep(2)
    ref.tell(ValueError())
    ref.tell("open")
    await ref.request("end")
    assert seen == ["end"]
    assert_conservation(system)


@pytest.mark.allow_failures("Stashed")
async def test_a_hook_has_nothing_to_put_aside(system: ActorSystem, facts: list[Any]) -> None:
    """The failure says so."""

    class Wrong(Actor):
        def on_start(self) -> None:
            self.stash()

    await system.spawn(Wrong, spec=ChildSpec("temporary")).terminated
    assert "no message is in hand" in str(facts[0].error)


@pytest.mark.allow_dead_letters("stopped")
async def test_what_is_left_is_given_up_in_the_order_in_which_it_came(system: ActorSystem) -> None:
    """What was put aside again while the rest was being taken up is older than that rest, as at a restart."""

    class Once(Actor):
        """Takes up what it put aside, puts the first of it aside again, and stops there."""

        is_open = False

        def on_receive(self, message: Any) -> Any:
            if message == "open":
                self.is_open = True
                self.unstash()
            else:
                if self.is_open:
                    self.actor_ref.stop_now()
                self.stash()

    ref = system.spawn(Once)
    for message in (1, 2, 3, "open", 4):
        ref.tell(message)
    await ref.terminated
    assert [letter.message for letter in system.dead_letters.recent] == [1, 2, 3, 4]
