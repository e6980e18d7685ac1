"""Bounded mailboxes: every refusal and every drop is seen by somebody."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from actors import Actor, ActorSystem, HighWater, Mailbox, MailboxFull
from actors.mail.mailbox import Overflow
from actors.testkit import assert_conservation


class Slow(Actor):
    """Takes a second per number; keeps what it handled."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    async def on_receive(self, message: Any) -> list[Any]:
        if isinstance(message, float):
            await asyncio.sleep(message)
        self.seen.append(message)
        return self.seen


def bounded(overflow: Overflow, capacity: int = 3) -> type[Slow]:
    return cast("type[Slow]", type("Bounded", (Slow,), {"mailbox": Mailbox(capacity, overflow)}))


async def busy(system: ActorSystem, cls: type[Slow]) -> Any:
    """One that is in the middle of a message that takes a second."""
    ref = system.spawn(cls)
    ref.tell(1.0)
    await asyncio.sleep(0.5)
    return ref


async def test_fail_refuses_and_the_sender_keeps_the_message(system: ActorSystem, facts: list[Any]) -> None:
    """`MailboxFull` names target and capacity; the refused message was never accepted."""
    ref = await busy(system, bounded("fail"))
    for letter in "abc":
        ref.tell(letter)
    with pytest.raises(MailboxFull, match="3 messages"):
        ref.tell("d")
    with pytest.raises(MailboxFull):
        await ref.request("e")
    assert await asyncio.wait_for(ref.stop(), 60)
    assert [(fact.queued, fact.policy) for fact in facts if type(fact).__name__ == "MailboxOverflowed"] == [
        (3, "fail"),
        (3, "fail"),
    ]
    assert system.counts().accepted == 5  # 1.0, a, b, c and the stop, which is exempt


@pytest.mark.allow_dead_letters("mailbox_full")
@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [("drop_newest", ["a", "b", "c"], ["d", "e"]), ("drop_oldest", ["c", "d", "e"], ["a", "b"])],
)
async def test_drops_change_who_is_there_never_their_order(
    system: ActorSystem, overflow: Overflow, kept: list[str], dropped: list[str]
) -> None:
    """Each dropped message is a dead letter with its reason, and counted."""
    ref = await busy(system, bounded(overflow))
    actor = ref._actor
    for letter in "abcde":
        ref.tell(letter)
    await ref.stop()
    assert actor.seen == [1.0, *kept]
    assert [(one.message, one.reason) for one in system.dead_letters.recent] == [
        (letter, "mailbox_full") for letter in dropped
    ]
    assert_conservation(system)


@pytest.mark.allow_dead_letters("mailbox_full")
@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
async def test_a_dropped_ask_says_that_the_mailbox_was_full(system: ActorSystem, overflow: Overflow) -> None:
    """The asker is told what happened, not that the actor is dead."""
    ref = await busy(system, bounded(overflow))
    asks = [ref.ask(number, block=False) for number in range(4)]
    lost = asks[3] if overflow == "drop_newest" else asks[0]
    with pytest.raises(MailboxFull):
        await lost
    assert ref.is_alive()
    for ask in set(asks) - {lost}:
        await ask


@pytest.mark.allow_dead_letters("mailbox_full", "stopped")
async def test_a_stop_is_exempt_from_drops(system: ActorSystem) -> None:
    """Pushed out by newer messages it is obeyed at once, and answered."""
    ref = await busy(system, bounded("drop_oldest"))
    stopped = ref.stop()
    for letter in "abcd":
        ref.tell(letter)
    assert await stopped is True
    assert not ref.is_alive()
    assert_conservation(system)


@pytest.mark.allow_dead_letters("mailbox_full")
async def test_a_tick_is_exempt_from_drops(system: ActorSystem) -> None:
    """At most one per timer waits: a full mailbox does not silence a repeating timer."""

    class Ticking(Slow):
        mailbox = Mailbox(3, "drop_oldest")

        def on_start(self) -> None:
            self.timers.fixed_delay("heartbeat", "tick", 1.0)

    ref = system.spawn(Ticking)
    ref.tell(1.5)
    await asyncio.sleep(1.2)  # the tick waits behind the message in hand
    for letter in "abcdef":
        ref.tell(letter)
    await asyncio.sleep(10)
    assert ref._actor.seen.count("tick") >= 8
    assert all(isinstance(letter.message, str) for letter in system.dead_letters.recent)


async def test_high_water_is_told_once_per_crossing(system: ActorSystem, facts: list[Any]) -> None:
    """The mark is armed again when half of it is reached."""

    class Watched(Slow):
        mailbox = Mailbox(high_water=10)

        def on_signal(self, signal: Any) -> None:
            self.seen.append(signal)

    ref = system.spawn(Watched)
    for _ in range(2):
        for number in range(30):
            ref.tell(number)
        await ref.request("end")
    assert [signal.queued for signal in ref._actor.seen if isinstance(signal, HighWater)] == [31, 31]
    assert [(fact.queued, fact.policy) for fact in facts] == [(31, "high_water")] * 2


async def test_each_burst_that_is_handled_in_one_turn_is_a_crossing(system: ActorSystem, facts: list[Any]) -> None:
    """At the beginning of each turn as much waits as at the beginning of the one before; in between nothing did."""

    class Watched(Slow):
        mailbox = Mailbox(high_water=10)

    ref = system.spawn(Watched)
    for _ in range(3):
        for number in range(30):
            ref.tell(number)
        await asyncio.sleep(1)
    assert [(fact.queued, fact.policy) for fact in facts] == [(30, "high_water")] * 3


async def test_one_that_is_never_done_crosses_its_mark_again(system: ActorSystem, facts: list[Any]) -> None:
    """Each of its messages waits for something, and the last of them is always another: below half is enough."""

    class Watched(Slow):
        mailbox = Mailbox(high_water=10)

    ref = system.spawn(Watched)
    for _ in range(3):
        for _ in range(20):
            ref.tell(1.0)
        await asyncio.sleep(18.5)  # a few are left
    told = [fact.policy for fact in facts if type(fact).__name__ == "MailboxOverflowed"]
    assert told == ["high_water"] * 3


@pytest.mark.parametrize(
    "settings", [{"capacity": 3}, {"overflow": "fail"}, {"capacity": 0, "overflow": "fail"}], ids=str
)
def test_a_mailbox_that_contradicts_itself_is_refused(settings: Any) -> None:
    """Capacity and overflow come together."""
    with pytest.raises(ValueError, match="mailbox cannot be built"):
        Mailbox(**settings)


async def test_what_is_put_aside_and_taken_up_crosses_no_mark(system: ActorSystem, facts: list[Any]) -> None:
    """What was taken up and what waits behind it are one mailbox: it is told of once, however often it is looked at."""

    class Stashing(Actor):
        mailbox = Mailbox(high_water=10)

        def __init__(self) -> None:
            super().__init__()
            self.turns, self.signals = 0, list[Any]()

        def on_receive(self, message: int) -> None:
            self.turns += 1
            if self.turns % 2 and self.turns < 9:
                self.stash()
            if self.turns < 9:
                self.unstash()

        def on_signal(self, signal: Any) -> None:
            self.signals.append(signal)

    ref = system.spawn(Stashing)
    for number in range(100):
        ref.tell(number)
    await asyncio.sleep(1)
    assert ref._actor.signals == [HighWater(100)]
    assert len(facts) == 1
