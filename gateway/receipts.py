"""What an act returns: await it for acceptance, or leave it and a failure is a fact."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from actors import LoopFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

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

    @classmethod
    def all(cls, receipts: Sequence[Receipt[Any]]) -> Receipt[Any]:
        """All outcomes in their order, once all are in; the first failure is its failure, the others are not facts."""
        together: Receipt[Any] = Receipt()
        for one in receipts:
            one._watched = True
            if one._on_lost is not None:
                together.act, together._on_lost = one.act, one._on_lost
        _collect(together, receipts, [])
        return together

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

    def follow(self, others: Sequence[Receipt[Any]]) -> None:
        """Is settled when all of these are: with the first error among them, or with None. They count as awaited."""
        waiting, errors = len(others), list[BaseException]()

        def one_less(outcome: Any) -> None:
            nonlocal waiting
            waiting -= 1
            if isinstance(outcome, BaseException):
                errors.append(outcome)
            if waiting == 0:
                self.fail(errors[0]) if errors else self.resolve(None)  # type: ignore[arg-type]

        for other in others:
            other.then(one_less)
        if not others:
            self.resolve(None)  # type: ignore[arg-type]

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


def _collect(together: Receipt[Any], receipts: Sequence[Receipt[Any]], outcomes: list[Any]) -> None:
    """Waits for one after the other, and settles with what came."""
    if len(outcomes) < len(receipts):
        receipts[len(outcomes)].then(lambda outcome: _collect(together, receipts, [*outcomes, outcome]))
        return
    failed = next((one for one in outcomes if isinstance(one, BaseException)), None)
    if failed is None:
        together.resolve(tuple(outcomes))
    else:
        together.fail(failed)
