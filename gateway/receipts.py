"""What an act returns: await it for acceptance, or leave it and a failure is a fact."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from actors import LoopFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")


class Receipt(LoopFuture[T]):
    """
    The outcome of `send`, `join`, `leave`, `publish`, `broadcast`, `close`: the act happened at the call.

    Awaiting returns its result or raises what refused it. A receipt that fails and that nobody awaits within a turn of
    the loop is handed to `on_lost`, so that nothing fails silently.
    """

    __slots__ = ("_on_lost", "_watched", "act")

    def __init__(self, act: str = "", on_lost: Callable[[str, BaseException], None] | None = None) -> None:
        super().__init__()
        self.act = act
        self._watched = False
        self._on_lost = on_lost

    @classmethod
    def of(cls, value: Any) -> Receipt[Any]:
        """One that is settled already."""
        receipt: Receipt[Any] = Receipt()
        receipt.resolve(value)
        return receipt

    @classmethod
    def failed(cls, act: str, error: BaseException, on_lost: Callable[[str, BaseException], None]) -> Receipt[Any]:
        receipt: Receipt[Any] = Receipt(act, on_lost)
        receipt.fail(error)
        return receipt

    def fail(self, error: BaseException) -> bool:
        taken = super().fail(error)
        if taken and not self._watched and self._on_lost is not None:
            try:
                asyncio.get_running_loop().call_soon(self._check, error)
            except RuntimeError:  # settled from a plain thread, which cannot await either
                self._on_lost(self.act, error)
        return taken

    def _check(self, error: BaseException) -> None:
        if not self._watched and self._on_lost is not None:
            self._on_lost(self.act, error)

    def then(self, callback: Callable[[Any], None]) -> None:
        """Calls it with the value, or with the error that refused it; counts as awaiting."""
        self._watched = True
        self.add_done_callback(lambda: callback(self._result))

    def get(self, *, timeout: float | None = None) -> T:
        self._watched = True
        return super().get(timeout=timeout)

    def __await__(self) -> Generator[Any, None, T]:
        self._watched = True
        return super().__await__()
