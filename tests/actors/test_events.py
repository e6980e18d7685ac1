"""The stream of facts: who is told what, and what comes of a subscriber that causes facts itself."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from actors import Actor, ActorSystem, Mailbox
from actors.events import ActorStopped, DeadLetter, EventStream, MailboxOverflowed
from actors.mail.mailbox import Overflow


class Other(Actor):
    """Refuses all but one."""

    mailbox = Mailbox(capacity=1, overflow="drop_newest")


def bounded(overflow: Overflow) -> type[Actor]:
    return type("Log", (Actor,), {"mailbox": Mailbox(2, overflow), "on_receive": lambda self, fact: None})


@pytest.mark.allow_dead_letters("mailbox_full")
@pytest.mark.parametrize("fact", [DeadLetter, MailboxOverflowed])
@pytest.mark.parametrize("overflow", ["fail", "drop_newest", "drop_oldest"])
@pytest.mark.parametrize("logs", [1, 8])
async def test_a_fact_that_a_subscriber_refuses_is_told_to_functions_and_to_no_actor(
    system: ActorSystem, tripwires: Any, fact: type, overflow: Overflow, logs: int
) -> None:
    """An actor with a full mailbox is not told of its own refusal, nor is another of its like: it would have no end."""
    seen: list[Any] = []
    system.events.subscribe(fact, seen.append)
    other = system.spawn(Other)
    for _ in range(logs):
        system.events.subscribe(fact, system.spawn(bounded(overflow)))
    for number in range(4):  # three facts, room for two
        other.tell(number)
    refused = 3 + logs if fact is MailboxOverflowed or overflow != "fail" else 3
    assert len(seen) == refused
    assert system.dead_letters.counts["mailbox_full"] == 3 + (logs if overflow != "fail" else 0)
    assert system.events.withheld == Counter({fact.__name__: logs * (refused - 3)} if refused > 3 else {})
    tripwires._errors.clear()  # with "fail" the refusal is an error of a subscriber, and reported


async def test_a_function_is_told_what_it_causes_unless_that_is_of_the_same_class(system: ActorSystem) -> None:
    """And what another subscriber causes, whatever its class."""
    seen: list[object] = []

    def causes(fact: object) -> None:
        seen.append(fact)
        system.events.publish({"a": 1, 1: 2.0, 2.0: 3}.get(fact, 4))  # type: ignore[call-overload]

    for kind in (str, int, float):
        system.events.subscribe(kind, causes)
    system.events.publish("a")
    assert seen == ["a", 1, 2.0]
    assert system.events.withheld == {"int": 1}


async def test_the_same_function_may_subscribe_twice_and_each_ends_by_itself(system: ActorSystem) -> None:
    """Ending one again ends nothing that came later."""
    got: list[Any] = []
    first = system.events.subscribe(ActorStopped, got.append)
    system.events.subscribe(ActorStopped, got.append)
    first()
    await system.spawn(Actor).stop()
    assert len(got) == 1
    first()
    system.events.subscribe(ActorStopped, got.append)
    first()
    await system.spawn(Actor).stop()
    assert len(got) == 3


class Auditor(Actor):
    """Subscribes where each instance begins, and fails when told to."""

    def __init__(self, system: ActorSystem) -> None:
        super().__init__()
        self.system = system
        self.seen: list[Any] = []

    def on_start(self) -> None:
        for kind in (int, bytes):
            self.system.events.subscribe(kind, self.actor_ref)

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise LookupError
        self.seen.append(message)
        return list(self.seen)


@pytest.mark.allow_failures("LookupError")
async def test_an_actor_that_subscribes_in_each_of_its_instances_is_told_once(system: ActorSystem) -> None:
    """As often as it was restarted; and what it got last ends it."""
    auditor = system.spawn(Auditor, system)
    for _ in range(3):
        auditor.tell("fail")
    await auditor.request("up")
    system.events.publish(1)
    assert await auditor.request("then") == ["up", 1, "then"]
    system.events.subscribe(int, auditor)()
    system.events.publish(2)
    system.events.publish(b"3")
    assert await auditor.request("end") == ["up", 1, "then", b"3", "end"]


async def test_an_actor_that_has_ended_is_no_subscriber(system: ActorSystem) -> None:
    """The others are told as before, nobody is bothered, and it is as if it had ended its subscriptions itself."""
    seen: list[Any] = []
    auditor = system.spawn(Auditor, system)
    await auditor.request("up")
    system.events.subscribe(int, seen.append)
    await auditor.stop()
    for fact in (1, 2):
        system.events.publish(fact)
    system.events.publish(b"3")
    assert seen == [1, 2]
    assert system.events.wants(int)
    assert not system.events.wants(bytes)


async def test_a_fact_that_only_the_dead_have_subscribed_to_is_one_that_nobody_has(system: ActorSystem) -> None:
    """Also the first, by which it is found out: a failure is said, not lost."""
    said: list[int] = []
    events = EventStream(lambda error, fact: None, {int: said.append})
    auditors = [system.spawn(Other) for _ in range(2)]
    for auditor in auditors:
        events.subscribe(int, auditor)
        await auditor.stop()
    for fact in (1, 2):
        events.publish(fact)
    assert said == [1, 2]


async def test_a_function_that_told_the_dead_has_failed(system: ActorSystem, tripwires: Any) -> None:
    """It is told on: what it does with a fact is its own matter."""
    other = system.spawn(Other)
    await other.stop()
    system.events.subscribe(int, lambda fact: other.tell(fact))
    system.events.publish(1)
    assert ["ActorDeadError" in one for one in tripwires._errors] == [True]
    tripwires._errors.clear()
    assert system.events.wants(int)


@pytest.mark.parametrize("error", [LookupError(), SystemExit()])
async def test_what_a_subscriber_raises_reaches_nobody(
    system: ActorSystem, tripwires: Any, error: BaseException
) -> None:
    """Neither the publisher nor the others; it is reported."""
    seen: list[Any] = []

    def failing(_: object) -> None:
        raise error

    for subscriber in (failing, seen.append):
        system.events.subscribe(str, subscriber)
    system.events.publish("fact")
    assert seen == ["fact"]
    assert [repr(error) in one for one in tripwires._errors] == [True]
    tripwires._errors.clear()


class MetOnTheWay(type):
    """A class of facts that has somebody else subscribe, on another thread, just before a subscription is entered."""

    act: Any = None
    hashes = 0

    def __hash__(cls) -> int:
        MetOnTheWay.hashes += 1
        if MetOnTheWay.hashes == 2 and cls.act is not None:
            cls.act()
        return id(cls)


def test_two_threads_that_subscribe_at_once_both_hear() -> None:
    """Each looked who was there, and entered those and itself: one of them was never told anything."""

    class Rare(metaclass=MetOnTheWay):
        pass

    events = EventStream(lambda *_: None)
    heard: list[str] = []
    other = threading.Thread(target=lambda: events.subscribe(Rare, lambda _: heard.append("other")))

    def begin() -> None:
        Rare.act = None
        other.start()
        other.join(0.2)  # where it is kept out it goes on afterwards

    Rare.act = begin
    events.subscribe(Rare, lambda _: heard.append("one"))
    other.join()
    events.publish(Rare())
    assert sorted(heard) == ["one", "other"]
