"""pipe_to_self: the outcome of something awaited comes as a message; the actor goes on meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from actors import Actor, ActorSystem, PipeFailed
from actors.testkit import assert_conservation


@attrs.frozen
class Done:
    value: object


class Piping(Actor):
    """Calls what it is told with itself; notes everything else."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen = seen

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        elif callable(message):
            return message(self)
        self.seen.append(message)
        return message


async def later(seconds: float, value: object) -> object:
    await asyncio.sleep(seconds)
    if isinstance(value, BaseException):
        raise value
    return value


async def test_the_value_comes_as_a_message(system: ActorSystem) -> None:
    """As it is, or as `to` makes it; others are handled meanwhile."""
    seen: list[Any] = []
    ref = system.spawn(Piping, seen)
    await ref.request(lambda self: self.pipe_to_self(later(2, "plain")))
    await ref.request(lambda self: self.pipe_to_self(later(1, "made"), to=Done))
    await ref.request("meanwhile")
    await asyncio.sleep(3)
    assert seen == ["meanwhile", Done("made"), "plain"]
    assert_conservation(system)


async def test_an_error_comes_as_a_message_too(system: ActorSystem) -> None:
    """PipeFailed, or what `failed` makes of it; the actor does not fail."""
    seen: list[Any] = []
    ref = system.spawn(Piping, seen)
    error = ValueError("boom")
    await ref.request(lambda self: self.pipe_to_self(later(1, error)))
    await ref.request(lambda self: self.pipe_to_self(later(2, error), failed=Done))
    await asyncio.sleep(3)
    assert seen == [PipeFailed(error), Done(error)]


async def test_something_cancelled_by_others_is_an_outcome(system: ActorSystem) -> None:
    """The actor is told; it would wait for ever otherwise."""
    seen: list[Any] = []
    ref = system.spawn(Piping, seen)
    future = asyncio.get_running_loop().create_future()
    await ref.request(lambda self: self.pipe_to_self(future))
    future.cancel()
    await asyncio.sleep(1)
    assert [type(one.error) for one in seen] == [asyncio.CancelledError]


@pytest.mark.parametrize("outcome", ["value", ValueError("awaited")])
async def test_a_message_that_cannot_be_made_is_a_failure_of_the_pipe(system: ActorSystem, outcome: Any) -> None:
    """`to` and `failed` are app code: what they raise reaches the actor as PipeFailed."""
    seen: list[Any] = []
    ref = system.spawn(Piping, seen)

    def broken(_: object) -> object:
        raise LookupError("no message")

    await ref.request(lambda self: self.pipe_to_self(later(1, outcome), to=broken, failed=broken))
    await asyncio.sleep(2)
    assert [type(one.error) for one in seen] == [LookupError]


async def test_the_answer_of_another_actor_can_be_piped(system: ActorSystem) -> None:
    """A request, or the future of an ask; two actors that do so do not wait for each other."""
    seen: list[Any] = []
    one, other = system.spawn(Piping, seen), system.spawn(Piping, [])
    await one.request(lambda self: self.pipe_to_self(other.request("asked"), to=Done))
    await one.request(lambda self: self.pipe_to_self(other.ask("future", block=False), to=Done))
    await asyncio.sleep(1)
    assert seen == [Done("asked"), Done("future")]


@pytest.mark.allow_failures("ValueError")
async def test_a_restart_cancels_what_is_under_way(system: ActorSystem) -> None:
    """The awaitable is cancelled, and no message of it reaches the next instance."""
    seen: list[Any] = []
    ended: list[str] = []

    async def watched() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    ref = system.spawn(Piping, seen)
    await ref.request(lambda self: self.pipe_to_self(watched()))
    await asyncio.sleep(1)
    ref.tell(ValueError())
    await ref.request("up")
    await asyncio.sleep(60)
    assert (ended, seen) == (["cancelled"], ["up"])


@pytest.mark.allow_failures("ValueError")
async def test_a_restart_drops_an_outcome_that_waits_already(system: ActorSystem) -> None:
    """It belongs to the instance that asked for it; the ledger adds up."""
    seen: list[Any] = []

    class Busy(Piping):
        async def on_receive(self, message: Any) -> Any:
            if message == "fail later":
                await asyncio.sleep(5)
                raise ValueError
            return await super().on_receive(message)

    ref = system.spawn(Busy, seen)
    await ref.request(lambda self: self.pipe_to_self(later(1, "old")))
    ref.tell("fail later")
    await asyncio.sleep(3)
    assert ref.counts().queued == 2
    await ref.request("up")
    assert seen == ["up"]
    assert_conservation(system)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_the_end_of_the_actor_cancels_it(system: ActorSystem, how: str) -> None:
    """No task is left, no message becomes a dead letter."""
    ref = system.spawn(Piping, [])
    started: list[asyncio.Task[Any]] = []

    def pipe(self: Actor) -> None:
        started.append(asyncio.ensure_future(later(3600, "late")))
        self.pipe_to_self(started[0])

    await ref.request(pipe)
    if how == "stop":
        await ref.stop()
    else:
        ref.stop_now()
        await ref.terminated
    await asyncio.sleep(1)
    assert started[0].cancelled()
    assert len(system.dead_letters) == 0


async def test_what_on_stop_begins_ends_with_the_actor_too(system: ActorSystem) -> None:
    """There is nobody left to be told."""
    started: list[asyncio.Task[Any]] = []

    class Late(Piping):
        def on_stop(self) -> None:
            started.append(asyncio.ensure_future(later(3600, "late")))
            self.pipe_to_self(started[0])

    ref = system.spawn(Late, [])
    await ref.stop()
    await asyncio.sleep(1)
    assert started[0].cancelled()


@pytest.mark.allow_abandoned
@pytest.mark.allow_failures("CancelledError")
async def test_an_abandoned_actor_leaves_no_pipe_behind(system: ActorSystem) -> None:
    """Its end was not an orderly one; what it began ends all the same."""
    started: list[asyncio.Task[Any]] = []

    class Stubborn(Piping):
        async def on_receive(self, message: Any) -> Any:
            started.append(asyncio.ensure_future(later(3600, "late")))
            self.pipe_to_self(started[0])
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue

    parent = system.spawn(Piping, [])
    system.spawn(Stubborn, [], under=parent).tell("go")
    await asyncio.sleep(1)
    await parent.stop()
    await asyncio.sleep(1)
    assert started[0].cancelled()


async def test_pipes_are_bounded(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused with a letter, and its coroutine closed, so that Python does not complain."""
    monkeypatch.setattr("actors.cell.piping.MAX_PIPES", 2)
    ref = system.spawn(Piping, [])

    def leak(self: Actor) -> None:
        for _ in range(3):
            self.pipe_to_self(later(1000, None))

    with pytest.raises(RuntimeError, match="2 awaitables are under way"):
        await ref.request(leak)
