"""
What does not go when it is told to: cancelled, given a grace, then abandoned.

Theory of operation. A kill cancels the coroutine in hand once. What runs on after `KILL_GRACE` is closed, and the life
goes on without it: a handler is lost and the kill is carried out; a hook of an ending counts as done. Such a hook is
cancelled without a kill, too, when it takes longer than its actor has to stop. Who stops children (`send_off`) keeps
the time for all of them, and abandons a life as a whole. Until something really waits there is no timer.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from ..cell.cell import DEAD, STOPPING, ActorRef
from ..events import ActorFailed, HandlerAbandoned
from ..mail.leftovers import lose_in_hand
from ..supervision import KILL_GRACE, WORKER_SHUTDOWN
from .burial import bury, close

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Generator

    from ..turns.dispatcher import Suspension

    Cell = ActorRef[Any]


class LastHook:
    """
    What is left to be awaited of a hook by which an instance goes: `on_failure`, `pre_restart`, `on_stop`.

    Awaiting it drives the hook. It has the seconds its actor has to stop; then it is cancelled; a grace later it is
    closed, and this returns. What the hook raises is raised.
    """

    __slots__ = ("_cell", "_coroutine", "_expiry", "is_over")

    def __init__(self, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._cell = cell
        self._coroutine = coroutine
        self._expiry: asyncio.TimerHandle | None = None
        self.is_over = False

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration:
            return
        self._cell._hook = self
        self._next(_patience(self._cell), self._cancel)
        try:
            yield from self._drive(waits_for)
        finally:
            self._cell._hook = None
            if self._expiry is not None:
                self._expiry.cancel()

    def _drive(self, waits_for: Any) -> Generator[Any, Any, None]:
        while True:
            step: Callable[..., Any] = self._coroutine.send
            try:
                argument = yield waits_for
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:
                if self.is_over:
                    self._coroutine.close()
                    return
                step, argument = self._coroutine.throw, error
            try:
                waits_for = step(argument)
            except StopIteration:
                return

    def give_up(self) -> None:
        """It was cancelled a grace ago: it is closed, and what it is part of goes on."""
        self.is_over = True
        self._cell._env.events.publish(HandlerAbandoned(self._cell, KILL_GRACE))
        self._cut(self._give_up_life)

    def _cancel(self) -> None:
        self._cut(self.give_up)

    def _cut(self, then: Callable[[], None]) -> None:
        if self._cell._suspension is not None:
            self._cell._suspension.cancel()
        self._next(KILL_GRACE, then)

    def _next(self, seconds: float, act: Callable[[], None]) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = None if seconds == inf else self._cell._env.dispatcher.loop.call_later(seconds, act)

    def _give_up_life(self) -> None:
        """It waits for a task that swallowed the cancellation in its place."""
        if self._cell._phase >= STOPPING:
            abandon(self._cell)
        else:
            let_go(self._cell)
            self._cell._env.dispatcher.schedule(self._cell)


def _patience(cell: Cell) -> float:
    """Seconds for one hook. One that is to be killed at once still has the grace."""
    given = cell._spec.shutdown
    return WORKER_SHUTDOWN if given is None else max(given, KILL_GRACE)


def overdue(cell: Cell, suspension: Suspension) -> None:
    """A kill has cancelled this a grace ago. If it still runs it is closed, and the kill is carried out."""
    if cell._suspension is not suspension or cell._send_off is not None:
        return
    hook = cell._hook
    if hook is not None:
        hook.give_up()
    elif cell._phase < STOPPING:
        _close_in_hand(cell)
        cell._env.dispatcher.schedule(cell)


def abandon(cell: Cell) -> None:
    """The last resort: what runs of it and of all below it is closed, and the life ends without it."""
    let_go(cell)
    if cell._phase != DEAD:  # an ending that was closed in a hook has gone through to its end
        close(cell, "killed")
        bury(cell)


def let_go(cell: Cell) -> None:
    """Closes what swallowed its cancellation, a handler or a hook, after abandoning the children."""
    for child in cell.children():
        abandon(child)
    if cell._phase != DEAD:
        _close_in_hand(cell)


def _close_in_hand(cell: Cell) -> None:
    """The message in hand is lost. What raises while it is closed holds up nobody."""
    if cell._hook is None or not cell._hook.is_over:  # else it was said
        cell._env.events.publish(HandlerAbandoned(cell, KILL_GRACE))
    if cell._doing is not None:
        lose_in_hand(cell, "killed")
    if cell._suspension is not None:
        try:
            cell._suspension.abandon()
        except BaseException as error:  # of its `finally`; or it swallowed GeneratorExit as well
            cell._env.events.publish(ActorFailed(cell, error, "close"))
        cell._suspension = None
