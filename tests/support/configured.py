"""Actors that tests name in configuration files, and systems made of such files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from inspect import isfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from actors import Actor, ActorRef, ActorSystem, Child, Clock
from actors.clock import VirtualClock
from actors.events import Fact
from actors.mail.mailbox import Mailbox
from gateway.node import Node
from gateway.settings.sources import load_settings

if TYPE_CHECKING:
    from gateway import Gateway

F = TypeVar("F", bound=Callable[..., Any])
OPEN = '[topics."*"]\njoin = "anyone"\npublish = "anyone"\n'
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


async def fill(made: Configured, count: int, path: str = "/a") -> list[int]:
    """Tells so many numbers while the actor is busy; returns what it got of them."""
    seen: list[int] = []
    ref = made.ref(path)
    ref.tell(1.0)
    await asyncio.sleep(0.1)
    for number in range(count):
        ref.tell(lambda number=number: seen.append(number))
    await asyncio.sleep(5)
    return seen


def checks(*keys: str) -> Callable[[F], F]:
    """Says which keys of a file a test would catch; `checked` finds it there."""

    def noted(function: F) -> F:
        vars(function)["checks"] = keys
        return function

    return noted


def checked(*modules: Mapping[str, Any]) -> set[str]:
    """The keys that the tests in these names of modules would catch."""
    tests = [one for names in modules for one in names.values() if isfunction(one)]
    return {key for test in tests for key in vars(test).get("checks", ())}


@asynccontextmanager
async def running(tmp_path: Path, text: str, *declared: Child, **fills: object) -> AsyncIterator[Node]:
    """The tree of a gateway with this file, in virtual time, without a web server."""
    file = tmp_path / "hubbub.toml"
    file.write_text(text + OPEN)
    node = Node(load_settings(file, {}, {}).settings, lambda name: None)
    await node.open()
    await node.grow(declared, fills)
    try:
        yield node
    finally:
        await node.stop()
