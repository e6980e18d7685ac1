"""Receive timeout: told after so long without a user message, exactly, and again after each such while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorSystem, ReceiveTimeout, handles, tell_many
from actors.mail.messages import Terminated


class Listener(Actor):
    """Notes when it hears nothing; sleeps over floats."""

    def __init__(self, heard: list[Any], timeout: float | None = 10.0) -> None:
        super().__init__()
        self.heard, self.timeout = heard, timeout

    def on_start(self) -> None:
        self.set_receive_timeout(self.timeout)

    def on_signal(self, signal: Any) -> None:
        self.heard.append((type(signal).__name__, asyncio.get_running_loop().time()))

    @handles(bytes, in_place=True)
    def quick(self, message: bytes) -> None:
        """May run in place."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        if callable(message):
            return message(self)
        return message


def at(*times: float) -> list[tuple[str, float]]:
    return [("ReceiveTimeout", time) for time in times]


async def test_it_is_told_after_each_while_of_silence(system: ActorSystem) -> None:
    """Not once: every ten seconds."""
    heard: list[Any] = []
    system.spawn(Listener, heard)
    await asyncio.sleep(35)
    assert heard == at(10, 20, 30)


async def test_every_message_begins_the_while_anew(system: ActorSystem) -> None:
    """Exactly: counted from the last message, not from the last look."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    for _ in range(5):
        await asyncio.sleep(7)
        ref.tell("m")
    await asyncio.sleep(21)
    assert heard == at(45, 55)


async def test_a_handler_that_waits_is_no_silence(system: ActorSystem) -> None:
    """The while begins when it has ended."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    await asyncio.sleep(1)
    ref.tell(25.5)
    await asyncio.sleep(40)
    assert heard == at(36.5)


async def test_a_handler_that_waited_between_two_looks_is_no_silence_either(system: ActorSystem) -> None:
    """It ended at 9.5: ten seconds later, not at 11."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    await asyncio.sleep(1)
    ref.tell(8.5)
    await asyncio.sleep(25)
    assert heard == at(19.5)


async def test_signals_are_no_messages(system: ActorSystem) -> None:
    """What the system lane brings does not keep an actor from being idle, nor does the signal itself."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    others = [system.spawn(Listener, [], None) for _ in range(3)]
    await ref.request(lambda self: [self.watch(other) for other in others])
    for other in others:
        await asyncio.sleep(3)
        await other.stop()
    await asyncio.sleep(3)
    assert heard == [(Terminated.__name__, 3.0), (Terminated.__name__, 6.0), (Terminated.__name__, 9.0), *at(10)]


@pytest.mark.parametrize("in_place", ["never", "always", "random"])
async def test_a_message_handled_in_place_counts_as_any(in_place: Any, system: ActorSystem) -> None:
    """The same moments, whether its sender ran it or not."""
    heard: list[Any] = []
    system.env.dispatcher.in_place = in_place
    ref = system.spawn(Listener, heard)

    class Sender(Actor):
        def on_receive(self, message: Any) -> None:
            """See on_turn_end."""

        def on_turn_end(self) -> None:
            tell_many((ref,), b"m")

    sender = system.spawn(Sender)
    for _ in range(4):
        await asyncio.sleep(6)
        sender.tell("go")
    await asyncio.sleep(15)
    assert heard == at(34)


async def test_it_can_be_changed_and_switched_off(system: ActorSystem) -> None:
    """The new time counts from now; None means never."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    await asyncio.sleep(5)
    await ref.request(lambda self: self.set_receive_timeout(2.0))
    await asyncio.sleep(5)
    assert heard == at(7, 9)
    await ref.request(lambda self: self.set_receive_timeout(None))
    await asyncio.sleep(60)
    assert heard == at(7, 9)


@pytest.mark.allow_failures("ValueError")
async def test_it_ends_with_its_instance(system: ActorSystem) -> None:
    """A restart switches it off; a new instance that wants one sets it."""
    heard: list[Any] = []

    class Once(Listener):
        def on_start(self) -> None:
            if self.actor_ref.info().incarnation == 1:
                super().on_start()

    ref = system.spawn(Once, heard)
    await ref.request("up")
    ref.tell(ValueError())
    await asyncio.sleep(60)
    assert heard == []


async def test_nothing_is_told_after_the_end(system: ActorSystem) -> None:
    """And no timer is left on the loop that would."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    await ref.request("up")
    await ref.stop()
    await asyncio.sleep(60)
    assert heard == []


@pytest.mark.parametrize("seconds", [0, -1.0])
async def test_a_while_has_a_length(system: ActorSystem, seconds: float) -> None:
    """Else it would be told without end; what was set before stays."""
    heard: list[Any] = []
    ref = system.spawn(Listener, heard)
    with pytest.raises(ValueError, match="more than 0"):
        await ref.request(lambda self: self.set_receive_timeout(seconds))
    await asyncio.sleep(11)
    assert heard == at(10)


async def test_the_signal_says_how_long(system: ActorSystem) -> None:
    """What was set, in seconds."""
    signals: list[Any] = []

    class Keeping(Listener):
        def on_signal(self, signal: Any) -> None:
            signals.append(signal)

    system.spawn(Keeping, [], 3.0)
    await asyncio.sleep(4)
    assert signals == [ReceiveTimeout(3.0)]
