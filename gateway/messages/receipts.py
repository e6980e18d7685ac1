"""What an act returns: await it for acceptance, or leave it and a failure is a fact."""

from __future__ import annotations

import asyncio
from functools import partial
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
            if one._on_lost is not None:
                together.act, together._on_lost = one.act, one._on_lost

        def settle(outcomes: list[Any]) -> None:
            error = _first_error(outcomes)
            together.resolve(tuple(outcomes)) if error is None else together.fail(error)

        _when_all(receipts, settle)
        return together

    @classmethod
    def outcomes(cls, receipts: Sequence[Receipt[Any]]) -> Receipt[list[object]]:
        """What each was resolved with, or the error that refused it, in their order, once all are in."""
        together: Receipt[list[object]] = Receipt()
        _when_all(receipts, together.resolve)
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

        def settle(outcomes: list[Any]) -> None:
            error = _first_error(outcomes)
            self.resolve(None) if error is None else self.fail(error)  # type: ignore[arg-type]

        _when_all(others, settle)

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


def _when_all(receipts: Sequence[Receipt[Any]], then: Callable[[list[Any]], object]) -> None:
    """Calls it with what came of each, in their order, once all are in; they count as awaited."""
    outcomes: list[Any] = [None] * len(receipts)
    missing = set(range(len(receipts)))

    def came(number: int, outcome: Any) -> None:
        outcomes[number] = outcome
        missing.discard(number)
        if not missing:
            then(outcomes)

    for number, one in enumerate(receipts):
        one.then(partial(came, number))
    if not receipts:
        then([])


def _first_error(outcomes: Sequence[Any]) -> BaseException | None:
    return next((one for one in outcomes if isinstance(one, BaseException)), None)
