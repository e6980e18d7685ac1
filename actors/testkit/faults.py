"""
Faults to order: subclasses of any actor class that crash, hang or dawdle at a known point.

Each factory returns a new class with the same handlers, to be spawned instead of the original:
`system.spawn(crash_on(Counter, 3), 5)`. What they count is kept on the class they return, so it goes on across
restarts; make one class per test.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from actors.actor import Actor
from actors.cell.handler_table import HandlerTable

if TYPE_CHECKING:
    from collections.abc import Callable

A = TypeVar("A", bound=Actor)


class Injected(RuntimeError):
    """What a fault raises unless it is told another error."""


def crash_on(actor_class: type[A], *nth: int, error: BaseException | None = None) -> type[A]:
    """Raises instead of handling the n-th message, for each given n; 1 is the first, restarts do not reset it."""

    async def strike(count: int, _: object) -> None:
        if count in nth:
            raise error or Injected(f"ordered to crash on message {count}")

    return _before_each(actor_class, "Crashing", strike)


def hang_on(actor_class: type[A], nth: int) -> type[A]:
    """Never returns from the n-th message; only a kill ends it."""

    async def strike(count: int, _: object) -> None:
        if count == nth:
            await asyncio.Event().wait()

    return _before_each(actor_class, "Hanging", strike)


def delay_each(actor_class: type[A], seconds: float) -> type[A]:
    """Waits before each message, in the loop's time."""

    async def strike(_: int, __: object) -> None:
        await asyncio.sleep(seconds)

    return _before_each(actor_class, "Delayed", strike)


def fail_start(actor_class: type[A], times: int, error: BaseException | None = None) -> type[A]:
    """Raises in the first `times` calls of `on_start`; later ones are the original's."""
    left = times

    def on_start(self: Actor) -> Any:
        nonlocal left
        if left > 0:
            left -= 1
            raise error or Injected(f"ordered to fail on_start, {left} more to come")
        return actor_class.on_start(self)

    return _subclass(actor_class, "FailingStart", {"on_start": on_start})


def _before_each(actor_class: type[A], prefix: str, strike: Callable[[int, object], Any]) -> type[A]:
    """A subclass whose handlers, whatever message they are for, run `strike(count, message)` first; theirs as well."""
    count = 0

    def struck(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        async def run(actor: Any, message: object) -> Any:
            nonlocal count
            count += 1
            await strike(count, message)
            result = handler(actor, message)
            return await result if asyncio.iscoroutine(result) else result

        return run

    def learn(cls: type[A]) -> None:
        actor_class._learn.__func__(cls)  # type: ignore[attr-defined]  # `super()` would be that of the class it makes
        cls._handlers = StruckTable(cls._handlers, struck)
        cls._in_place = {}  # what may wait cannot run in place

    return _subclass(actor_class, prefix, {"_learn": classmethod(learn)})


def _subclass(actor_class: type[A], prefix: str, body: dict[str, Any]) -> type[A]:
    return type(f"{prefix}{actor_class.__name__}", (actor_class,), {"__module__": actor_class.__module__, **body})


class StruckTable(HandlerTable):
    """The handlers of another table, each wrapped when first looked up."""

    def __init__(self, plain: HandlerTable, struck: Callable[[Any], Any]) -> None:
        super().__init__({kind: None for kind, handler in plain.items() if handler is None})
        self._plain, self._struck = plain, struck
        self.high_water, self.end_of_turn = plain.high_water, plain.end_of_turn

    def __missing__(self, kind: type) -> Callable[[Any, Any], Any] | None:
        handler = self._plain[kind]
        self[kind] = struck = None if handler is None else self._struck(handler)
        return struck
