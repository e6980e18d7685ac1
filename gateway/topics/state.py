"""What a behaviour keeps across its crashes: its state as it was after the last handler that succeeded."""

from __future__ import annotations

import pickle
from functools import wraps
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from actors import HandlerTable

if TYPE_CHECKING:
    from collections.abc import Callable


class Kept:
    """
    One topic's saved state, held by its machine. A copy, so that what a failing handler has changed is undone.

    Pickled after each handler: about 2 us for a small board, 1 ms per MiB (2026-11, 3.11). It ends with the topic.
    """

    def __init__(self) -> None:
        self._saved: bytes | None = None

    def save(self, state: object) -> None:
        """Raises TypeError for a state that cannot be copied, which fails the behaviour."""
        try:
            self._saved = pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
            raise TypeError(
                f"could not keep the state of a room: {error}; keep plain values in `state`, or set keep_state = False"
            ) from error

    def restore(self, initial: Callable[[], Any]) -> Any:
        """A fresh copy of what was saved, else what `initial` makes."""
        return initial() if self._saved is None else pickle.loads(self._saved)  # noqa: S301  # our own bytes


def saving(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The handler, followed by saving the state of its behaviour if it succeeded."""

    @wraps(handler)
    def handle(behaviour: Any, message: Any) -> Any:
        result = handler(behaviour, message)
        if isinstance(result, CoroutineType):
            return _finish(behaviour, result)
        behaviour._save_state()
        return result

    return handle


async def _finish(behaviour: Any, running: Any) -> Any:
    result = await running
    behaviour._save_state()
    return result


class SavingTable(HandlerTable):
    """
    The handlers of a behaviour, each followed by saving its state.

    A type that no handler names is asked of `plain`, which knows the MRO and `on_receive`, and remembers within bounds.

    Args:
        answered: Types of message whose handlers save it themselves, before somebody is answered.
    """

    def __init__(self, plain: HandlerTable, answered: tuple[type, ...]) -> None:
        super().__init__(
            {
                kind: handler if handler is None or kind in answered else saving(handler)
                for kind, handler in plain.items()
            }
        )
        self._plain = plain
        self.high_water = plain.high_water

    def __missing__(self, kind: type) -> Callable[[Any, Any], Any] | None:
        handler = self._plain[kind]
        saved = None if handler is None else saving(handler)
        if kind in self._plain:
            self[kind] = saved
        return saved
