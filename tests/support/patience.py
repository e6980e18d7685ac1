"""Actors that take their time to end, and what counts who waits for them; for virtual time."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from actors import Actor


def now() -> float:
    return asyncio.get_running_loop().time()


async def cling(until: float = math.inf) -> None:
    """Swallows every cancellation until that time of the loop; without one it ends only by being closed."""
    while now() < until:
        try:
            await asyncio.sleep(min(until - now(), 3600))
        except asyncio.CancelledError:
            continue


class Sleeper(Actor):
    """Sleeps over numbers; notes when it ended."""

    def __init__(self, ends: list[Any], pause: float = 0.0) -> None:
        super().__init__()
        self.ends, self.pause = ends, pause

    async def on_receive(self, message: Any) -> None:
        if isinstance(message, float):
            await asyncio.sleep(message)

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.pause)
        self.ends.append((self.actor_ref._name, now()))


def timers_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays of all timers that the running loop is asked for."""
    timers: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def counted(delay: float, *args: Any, **more: Any) -> Any:
        timers.append(delay)
        return call_later(delay, *args, **more)

    monkeypatch.setattr(loop, "call_later", counted)
    return timers
