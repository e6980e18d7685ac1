"""Actors that tests name in configuration files, and systems made of such files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from actors import Actor, ActorRef, ActorSystem, Clock
from actors.clock import VirtualClock
from actors.events import Fact
from actors.mailbox import Mailbox

if TYPE_CHECKING:
    from gateway import Gateway

WORKER = 'class = "tests.support.configured:Worker"\n'


class Worker(Actor):
    """Calls what can be called, raises errors, sleeps for floats, ends at "stop", and echoes the rest."""

    async def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        if message == "stop":
            self.stop()
        return message


class Stubborn(Worker):
    """Takes 60 s to stop."""

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(60)


class Fed(Worker):
    """Has arguments: one that it needs, and one with a default."""

    def __init__(self, symbols: tuple[str, ...], *, depth: int = 1) -> None:
        super().__init__()
        self.symbols, self.depth = symbols, depth


class Asking(Worker):
    """Wants something of the program."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock


class Feed(Worker):
    """Gets the gateway it runs in."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway


class Broken(Worker):
    """Cannot be made."""

    def __init__(self) -> None:
        super().__init__()
        raise TypeError("cannot be made")


class Failing(Worker):
    """Cannot start."""

    def on_start(self) -> None:
        raise ValueError("cannot start")


class Bounded(Worker):
    mailbox = Mailbox(capacity=7, overflow="drop_newest")


class Configured:
    """A system from a file, in virtual time, and the facts it published."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.facts: list[Any] = []

    def ref(self, path: str) -> ActorRef[Any]:
        found = self.system.find(path)
        assert found is not None, path
        return found

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def fail(self, path: str, times: int = 1) -> None:
        """Lets it fail so often, each time once it runs again."""
        for _ in range(times):
            self.ref(path).tell(ValueError(path))
            await asyncio.sleep(0.001)


@asynccontextmanager
async def configured(tmp_path: Path, text: str, clock: Clock | None = None) -> AsyncIterator[Configured]:
    file = tmp_path / "app.toml"
    file.write_text(text)
    system = ActorSystem.from_toml(file, clock=clock or VirtualClock(asyncio.get_running_loop()))
    await system.start()
    made = Configured(system)
    for fact in get_args(Fact):
        system.events.subscribe(fact, made.facts.append)
    try:
        yield made
    finally:
        await system.stop()
