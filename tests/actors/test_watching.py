"""Watching: exactly one notice per watch, whatever the order of things."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from actors import Actor, ActorSystem, ChildSpec, Terminated, handles
from actors.testkit import TestProbe


@attrs.frozen
class Word:
    text: str


class Target(Actor):
    def on_receive(self, message: Any) -> None:
        if isinstance(message, Exception):
            raise message


async def test_a_watcher_gets_exactly_one_terminated(system: ActorSystem) -> None:
    """Also when it watches twice."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    probe.watch(target)
    probe.watch(target)
    await target.stop()
    await probe.expect(Terminated(target, "stopped"))
    await probe.expect_none(within=60)


class Parent(Actor):
    """Watches its child in all the ways it is told, and keeps what it hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.child = self.spawn(Target)

    def on_receive(self, ways: Any) -> int:
        for way in ways:
            if way == "watch":
                self.watch(self.child)
            elif way == "unwatch":
                self.unwatch(self.child)
            else:
                self.watch_with(self.child, way)
        return self.child.info().watchers

    @handles(Word)
    def told(self, word: Word) -> None:
        self.heard.append(word)

    def on_signal(self, signal: Any) -> None:
        self.heard.append(type(signal))


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (["watch"], [Terminated]),
        (["watch", "watch"], [Terminated]),
        (["watch", Word("gone")], [Word("gone")]),
        ([Word("gone"), "watch"], [Terminated]),
        ([Word("gone"), Word("dead")], [Word("dead")]),
        (["watch", "unwatch"], []),
        ([Word("gone"), "unwatch"], []),
        (["watch", Word("gone"), "unwatch", "watch"], [Terminated]),
    ],
)
async def test_a_parent_hears_of_its_child_once_and_as_it_said_last(
    system: ActorSystem, ways: list[Any], expected: list[Any]
) -> None:
    """That a parent's watch is a mark on its child is nobody's business."""
    parent = system.spawn(Parent)
    assert await parent.request(ways) == len(expected)
    machine = parent._actor
    await machine.child.stop()
    await parent.request([])
    assert machine.heard == expected


async def test_watching_the_dead_is_answered_at_once(system: ActorSystem) -> None:
    """Each watch of a dead actor has its notice."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    await target.stop()
    probe.watch(target)
    await probe.expect(Terminated(target, "stopped"))
    probe.watch(target)
    await probe.expect(Terminated(target, "stopped"))
    await probe.expect_none(within=60)


@pytest.mark.parametrize(
    ("first", "second", "heard"),
    [(None, None, Terminated), (Word("gone"), None, Terminated), (None, Word("gone"), Word("gone"))],
)
@pytest.mark.parametrize("is_child", [False, True])
async def test_a_watch_that_is_repeated_while_its_notice_is_under_way_is_one(
    system: ActorSystem, first: Word | None, second: Word | None, heard: Any, is_child: bool
) -> None:
    """It ended between the two, in the middle of a handler: one notice, as was said last."""

    class Twice(Parent):
        async def on_receive(self, target: Any) -> Any:  # type: ignore[override]
            target = self.child if is_child else target
            self._watch(target, first)
            target.stop_now()
            await target.terminated
            self._watch(target, second)

        def _watch(self, target: Any, word: Word | None) -> None:
            self.watch(target) if word is None else self.watch_with(target, word)

    ref = system.spawn(Twice)
    await ref.request(system.spawn(Target))
    await asyncio.sleep(1)
    assert ref._actor.heard == [heard]


async def test_unwatch_takes_the_watch_back_also_when_its_notice_is_under_way(system: ActorSystem) -> None:
    """Nothing arrives after `unwatch` returned."""

    class Fickle(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[Any] = []

        def on_signal(self, signal: Any) -> None:
            self.told.append(signal)

        def on_receive(self, target: Any) -> list[Any]:
            self.watch(target)
            self.unwatch(target)
            return self.told

    ref = system.spawn(Fickle)
    alive, dead = system.spawn(Target), system.spawn(Target)
    await dead.stop()
    for target in (alive, dead):
        assert await ref.request(target) == []
    await alive.stop()
    await asyncio.sleep(1)
    assert ref._actor.told == []


async def test_watch_with_brings_a_message_of_one_s_own(system: ActorSystem) -> None:
    """Through the handlers, on the system lane, instead of the signal."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    probe.ref._actor.watch_with(target, ("gone", 7))
    await target.stop()
    await probe.expect(("gone", 7))
    await probe.expect_none(within=60)


@pytest.mark.parametrize("is_gone", [False, True])
async def test_none_is_a_message_of_one_s_own_as_any_other(system: ActorSystem, is_gone: bool) -> None:
    """It goes to `on_receive`, not as the signal to `on_signal`."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    if is_gone:
        await target.stop()
    probe.ref._actor.watch_with(target, None)
    await target.stop()
    await probe.expect(None)
    await probe.expect_none(within=60)


@pytest.mark.allow_failures("ValueError")
@pytest.mark.parametrize(("how", "reason"), [("stop", "stopped"), ("kill", "killed"), ("fail", "failed")])
async def test_the_notice_says_how_it_ended(system: ActorSystem, how: str, reason: str) -> None:
    """`stopped`, `killed` or `failed`."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target, spec=ChildSpec("temporary"))
    probe.watch(target)
    if how == "fail":
        target.tell(ValueError())
    else:
        getattr(target, how)()
    assert (await probe.expect_terminated(target)).reason == reason


@pytest.mark.allow_failures("ValueError")
async def test_a_restart_is_no_end(system: ActorSystem) -> None:
    """Watchers are not told of it, and stay."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    probe.watch(target)
    target.tell(ValueError())
    await probe.expect_none(within=10)
    await target.stop()
    await probe.expect_terminated(target)


async def test_a_dead_watcher_is_forgotten(system: ActorSystem) -> None:
    """Its watches end with it: the watched keep no trace."""
    probe = await TestProbe.start(system)
    target = system.spawn(Target)
    probe.watch(target)
    await probe.ref.stop()
    family = target._family
    assert family is not None
    assert family.watchers == {}


async def test_two_may_watch_each_other(system: ActorSystem) -> None:
    """No cycle keeps either alive."""
    first, second = await TestProbe.start(system), await TestProbe.start(system)
    first.watch(second.ref)
    second.watch(first.ref)
    await first.ref.stop()
    await second.expect_terminated(first.ref)
