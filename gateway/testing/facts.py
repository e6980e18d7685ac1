"""The facts of a server under test, by their class; and waiting for one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from actors.events import ActorFailed, ActorRestarted, HandlerStuck

from ..events import Fact

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
        self._all: deque[Any] = deque(maxlen=MAX_FACTS)
        self._given: set[int] = set()
        self._news: asyncio.Future[None] = loop.create_future()

    def __getitem__(self, kind: type[F]) -> list[F]:
        return [fact for fact in self._all if type(fact) is kind]

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(self._all))

    def watch(self, system: ActorSystem) -> None:
        """From now on."""
        for kind in (*get_args(Fact), *OF_ACTORS):
            system.events.subscribe(kind, self._note)

    def _note(self, fact: object) -> None:
        """On the publisher's thread: the watchdog's, for a blocked loop."""
        self._all.append(fact)
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
        fact = await self.first(lambda one: type(one) is kind and id(one) not in self._given and where(one), timeout)
        if fact is None:
            raise NeverHappened(f"there was no {kind.__name__} within {timeout:g} s; {self._story()}")
        self._given.add(id(fact))
        return fact  # type: ignore[no-any-return]

    async def first(self, is_wanted: Callable[[Any], bool], timeout: float = PATIENCE) -> Any:
        """The first that is wanted, kept to be waited for; None if it does not come."""
        while True:
            news = self._news
            found = next((fact for fact in tuple(self._all) if is_wanted(fact)), None)
            if found is not None or not await self._loop.finishes(news, timeout):
                return found

    def _story(self) -> str:
        last = ", ".join(map(repr, list(self._all)[-SHOWN:]))
        return f"the last facts are {last}" if last else "there was no fact at all"
