"""Who is told of the life of connections: functions of the app, for every endpoint or for those of one path."""

from __future__ import annotations

import inspect
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


def arguments_of(function: Any, fewest: int, most: int) -> int:
    """With how many arguments to call it: the most that it takes. Raises TypeError if it takes none of the numbers."""
    if not callable(function) or inspect.isclass(function):
        raise TypeError(f"could not register {function!r}: it is no function; write `def f(ws, ...)`")
    signature = inspect.signature(function)
    for count in range(most, fewest - 1, -1):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
    raise TypeError(f"could not register {function.__qualname__}{signature}: it is called with {wanted} arguments")


async def result(value: Any) -> Any:
    """What a plain function returned, or a coroutine function does."""
    return await value if isinstance(value, CoroutineType) else value
