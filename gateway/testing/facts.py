"""The facts of a server under test, by their class; and waiting for one."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from actors.events import ActorFailed, ActorRestarted, HandlerStuck

from ..events import ConnectionClosed, Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors import ActorSystem
    from actors.testkit.movable_time import MovableTimeLoop

F = TypeVar("F")

MAX_FACTS = 10_000
"""Facts kept; the last ones."""

SHOWN = 5
"""Facts listed where the one that was waited for did not come."""

OF_ACTORS = (ActorFailed, ActorRestarted, HandlerStuck)
"""Of the runtime's own facts, those about code of the application."""

PATIENCE = 5.0
"""Seconds of the machine's time that a wait of a test lasts: far above any answer on loopback, so only a hung one is
cut."""


class NeverHappened(AssertionError):
    """A fact that was waited for."""


class Facts:
    """`server.facts[ConnectionClosed]`: all of that class so far, in order, those of before a restart too."""

    def __init__(self, loop: MovableTimeLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._numbers = itertools.count()
        self._all: deque[tuple[int, Any]] = deque(maxlen=MAX_FACTS)
        self._given: set[int] = set()
        self._news: asyncio.Future[None] = loop.create_future()

    def __getitem__(self, kind: type[F]) -> list[F]:
        return [fact for fact in self if type(fact) is kind]

    def __iter__(self) -> Iterator[Any]:
        return (fact for _, fact in tuple(self._all))

    def watch(self, system: ActorSystem) -> None:
        """From now on."""
        for kind in (*get_args(Fact), *OF_ACTORS):
            system.events.subscribe(kind, self._note)

    def _note(self, fact: object) -> None:
        """On the publisher's thread, which for a blocked loop is the watchdog's."""
        self._all.append((next(self._numbers), fact))
        if threading.get_ident() == self._thread:
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        news, self._news = self._news, self._loop.create_future()
        news.set_result(None)

    async def wait_for(
        self, kind: type[F], where: Callable[[F], bool] = lambda _: True, timeout: float = PATIENCE
    ) -> F:
        """
        The first of its class that no `wait_for` has returned yet, be it there already or still to come.

        Raises:
            NeverHappened: None within `timeout` seconds of the machine's time.
        """

        __tracebackhide__ = True

        def is_wanted(number: int, fact: Any) -> bool:
            return number not in self._given and type(fact) is kind and where(fact)

        number, fact = await self._first(is_wanted, kind, timeout)
        self._given.add(number)
        return fact  # type: ignore[no-any-return]

    async def of_closed(self, connection: str, timeout: float) -> ConnectionClosed:
        """Why that connection ended. Raises as `wait_for`, which may still return this fact."""

        def is_wanted(_: int, fact: Any) -> bool:
            return isinstance(fact, ConnectionClosed) and fact.connection == connection

        _, fact = await self._first(is_wanted, ConnectionClosed, timeout)
        return fact  # type: ignore[no-any-return]

    async def _first(self, is_wanted: Callable[[int, Any], bool], kind: type, timeout: float) -> tuple[int, Any]:
        __tracebackhide__ = True
        seeking = asyncio.ensure_future(self._seek(is_wanted))
        try:
            if await self._loop.finishes(seeking, timeout):
                return seeking.result()
        finally:
            seeking.cancel()
        raise NeverHappened(f"there was no {kind.__name__} within {timeout:g} s; {self._story()}")

    async def _seek(self, is_wanted: Callable[[int, Any], bool]) -> tuple[int, Any]:
        while True:
            news = self._news
            for number, fact in tuple(self._all):
                if is_wanted(number, fact):
                    return number, fact
            await news

    def _story(self) -> str:
        last = ", ".join(map(repr, list(self)[-SHOWN:]))
        return f"the last facts are {last}" if last else "there was no fact at all"
