"""
Who is told of the life of connections: functions of the app, for every endpoint or for those of one path.

Endpoints are what `@app.ws` and routers declare. The wires that have commands (native, Centrifuge, Phoenix) have no
endpoint and no hooks: there a room's `on_join` and `on_leave`, the handlers of events and calls, and the facts
`ConnectionOpened` and `ConnectionClosed` say the same.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs

from ..arity import GENERATOR, is_generator, name_of, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Call = TypeVar("Call", bound="Callable[..., Any]")


@attrs.frozen(eq=False)
class Hook:
    """One function, and the path as declared to which it is limited; None: all."""

    function: Callable[..., Any]
    path: str | None
    takes: int

    def __call__(self, *args: Any) -> Any:
        """With as many of the arguments as it takes: `on_disconnect` may leave out the code."""
        return self.function(*args[: self.takes])


@attrs.frozen(eq=False)
class Hooks:
    """
    In the order of declaration, per moment.

    `connected(ws)` after the accept, `disconnected(ws[, code])` once for each that was accepted,
    `received(ws, message)` before the endpoint, `failed(ws, error)` until the first that returns.
    """

    connected: list[Hook] = attrs.Factory(list)
    disconnected: list[Hook] = attrs.Factory(list)
    received: list[Hook] = attrs.Factory(list)
    failed: list[Hook] = attrs.Factory(list)

    def add(self, moment: str, function: Any, path: str | None, fewest: int, most: int) -> None:
        """
        Args:
            fewest: Arguments it must take; `most`: what there is to pass.

        Raises:
            TypeError: It cannot be called with any number between these.
        """
        getattr(self, moment).append(Hook(function, path, arguments_of(function, fewest, most)))

    def of(self, path: str) -> Hooks:
        """Those that concern an endpoint at this path, as it was declared."""
        return Hooks(*(list(self._matching(hooks, path)) for hooks in attrs.astuple(self, recurse=False)))

    @staticmethod
    def _matching(hooks: list[Hook], path: str) -> Iterator[Hook]:
        return (hook for hook in hooks if hook.path is None or hook.path == path)

    def within(self, outer: Hooks) -> Hooks:
        """Around both: from outside in when something comes, from inside out when something ends."""
        return Hooks(
            connected=outer.connected + self.connected,
            disconnected=self.disconnected + outer.disconnected,
            received=outer.received + self.received,
            failed=self.failed + outer.failed,
        )


class Hooked(ABC):
    """
    What an app and a router have in common: decorators for functions that are told of the life of connections.

    Of those to its endpoints; the connections of the default wires have none, and no hook hears of them.
    """

    @overload
    def on_connect(self, target: str) -> Callable[[Call], Call]: ...
    @overload
    def on_connect(self, target: Call) -> Call: ...
    def on_connect(self, target: Any) -> Any:
        """
        `@app.on_connect` or `@app.on_connect("/ws")`: `(ws)`, exactly once for each connection that is accepted.

        An endpoint that awaits its `accept` goes on when all of these have returned.
        """
        return self._hook("connected", target, 1, 1)

    @overload
    def on_disconnect(self, target: str) -> Callable[[Call], Call]: ...
    @overload
    def on_disconnect(self, target: Call) -> Call: ...
    def on_disconnect(self, target: Any) -> Any:
        """`(ws)` or `(ws, code)`: exactly once for each connection that was accepted, also after a crash."""
        return self._hook("disconnected", target, 1, 2)

    @overload
    def on_message(self, target: str, **options: Any) -> Callable[[Call], Call]: ...
    @overload
    def on_message(self, target: Call) -> Call: ...
    def on_message(self, target: Any, **options: Any) -> Any:
        """
        `@app.on_message`: `(ws, message)` for each message, before its endpoint gets it.

        `@app.on_message("/ws")` makes the function the endpoint of that path: it is called for each message, plain or
        async; connections are accepted. The options are those of a route.
        """
        if isinstance(target, str):
            return lambda function: self._add_per_message(target, function, options)
        return self._hook("received", target, 2, 2)

    @overload
    def on_error(self, target: str) -> Callable[[Call], Call]: ...
    @overload
    def on_error(self, target: Call) -> Call: ...
    def on_error(self, target: Any) -> Any:
        """
        `(ws, error)` for what a handler of an endpoint raised, after the endpoint's own `on_error`.

        Returning keeps the socket, unless the endpoint is a function, which is over; raising closes it with 1011.
        """
        return self._hook("failed", target, 2, 2)

    def _hook(self, moment: str, target: Any, fewest: int, most: int) -> Any:
        def add(function: Any) -> Any:
            self._add_hook(moment, function, path, fewest, most)
            return function

        path = target if isinstance(target, str) else None
        return add if path is not None else add(target)

    @abstractmethod
    def _add_hook(self, moment: str, function: Any, path: str | None, fewest: int, most: int) -> None:
        """Raises TypeError for what cannot be called so."""

    @abstractmethod
    def _add_per_message(self, path: str, function: Any, options: dict[str, Any]) -> Any:
        """Makes it the endpoint of that path, and returns it."""


def arguments_of(function: Any, fewest: int, most: int) -> int:
    """With how many arguments to call it: the most that it takes. Raises TypeError if it takes none of the numbers."""
    if not callable(function) or inspect.isclass(function):
        raise TypeError(f"could not register {function!r}: it is no function; write `def f(ws, ...)`")
    name = name_of(function)
    if is_generator(function):
        raise TypeError(f"could not register {name}: {GENERATOR}")
    signature = signature_of(function)
    for count in range(most, fewest - 1, -1):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
    raise TypeError(f"could not register {name}{signature}: it is called with {wanted} arguments; let it take so many")


async def result(value: Any) -> Any:
    """What a plain function returned, or a coroutine function does."""
    return await value if isinstance(value, CoroutineType) else value
