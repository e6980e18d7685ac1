"""What swallows its cancellation is abandoned, whoever cancelled it and whatever it does when it is closed."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from actors import Actor, ActorSystem, ChildSpec, DynamicSupervisor
from actors.events import ActorFailed, HandlerAbandoned

pytestmark = pytest.mark.allow_abandoned

VARIABLE: ContextVar[int] = ContextVar("VARIABLE", default=0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def keep_on() -> None:
    """Swallows every cancellation; ends only by being closed."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


class Clinging(Actor):
    async def on_receive(self, message: Any) -> Any:
        if message == "stay":
            await keep_on()
        return message


class Bound(Actor):
    """Binds a context variable around its handler, as `structlog.contextvars.bound_contextvars` does."""

    async def on_receive(self, message: Any) -> None:
        token = VARIABLE.set(1)
        try:
            await keep_on()
        finally:
            VARIABLE.reset(token)


class Raising(Actor):
    async def on_receive(self, message: Any) -> None:
        try:
            await keep_on()
        finally:
            raise OSError("connection already closed")


async def _stopped(system: ActorSystem, cls: type[Actor]) -> float:
    """Returns when its supervisor was down."""
    parent = system.spawn(DynamicSupervisor)
    system.spawn(cls, under=parent, spec=ChildSpec(shutdown=0.5)).tell("stay")
    await asyncio.sleep(1)
    async with asyncio.timeout(60):
        await parent.stop()
    return now()


async def test_what_is_closed_cleans_up_in_its_own_context(system: ActorSystem, facts: list[Any]) -> None:
    """A context variable that a handler has set can be reset by its `finally`."""
    assert await _stopped(system, Bound) == 2.5
    assert [fact for fact in facts if isinstance(fact, ActorFailed)] == []


@pytest.mark.allow_failures("OSError")
async def test_what_raises_when_it_is_closed_holds_up_nobody_and_is_reported(
    system: ActorSystem, facts: list[Any]
) -> None:
    """The tree comes down at the same time, and a fact says what was raised."""
    assert await _stopped(system, Raising) == 2.5
    assert [(fact.doing, str(fact.error)) for fact in facts if isinstance(fact, ActorFailed)] == [
        ("close", "connection already closed")
    ]
    assert [type(fact) for fact in facts if isinstance(fact, HandlerAbandoned)] == [HandlerAbandoned]
