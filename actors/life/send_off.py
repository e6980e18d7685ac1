"""
Children that are told to stop together: each has its own time, then it is killed; a grace later it is abandoned.

Theory of operation. Those with the same patience share a timer, so that a hundred thousand connections need one. A
supervisor, and who waits for its own children just when its time is up, is not killed unless its child spec says when:
the children bring their deadlines, and so do its hooks. A kill of who waits here hurries everybody up at once.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any

from ..cell.cell import DEAD, RUNNING, STARTING, ActorRef
from ..mail.leftovers import has_left
from ..mail.ops import Kill, StopNow
from ..supervision import KILL_GRACE, WORKER_SHUTDOWN
from .grace import abandon

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Cell = ActorRef[Any]


class SendOff:
    """Some children of one parent on their way out, and who waits for them."""

    __slots__ = ("_gone", "_is_hurried", "_left", "_loop", "_parent", "_timers", "_waiting")

    def __init__(self, parent: Cell, children: Sequence[Cell]) -> None:
        self._parent = parent
        self._loop = parent._env.dispatcher.loop
        self._left = len(children)
        self._is_hurried = False
        self._waiting: dict[float, list[Cell]] = {}
        """Who was not killed yet, by the seconds it was given."""
        self._timers: list[asyncio.TimerHandle] = []
        self._gone: asyncio.Future[None] = self._loop.create_future()
        for child in children:
            child.terminated.add_done_callback(self._note_gone)

    def begin(self, children: Sequence[Cell], *, drain: bool, hurried: bool) -> None:
        """Tells each to stop; `drain`: after what waits in its mailbox. `hurried`: kills each at once."""
        self._is_hurried = hurried
        for child in children:
            patience = 0.0 if hurried else patience_for(child)
            self._waiting.setdefault(patience, []).append(child)
            if patience > 0:
                _tell_to_stop(child, drain=drain)
        for patience in tuple(self._waiting):
            if patience <= 0:
                self._kill(self._waiting.pop(patience))
            elif patience != inf:
                self._timers.append(self._loop.call_later(patience, self._time_is_up, patience))

    async def over(self) -> bool:
        """
        Waits until all are gone. A cancellation, by a kill, hurries them up: who was killed keeps its grace.

        Returns:
            Whether they were hurried up, as those who come after them are to be.
        """
        self._parent._send_off = self
        try:
            while self._left:
                try:
                    await self._gone
                except asyncio.CancelledError:
                    self._gone = self._loop.create_future()
                    self._is_hurried = True
                    late, self._waiting = self._waiting, {}
                    self._kill(chain.from_iterable(late.values()))
        finally:
            self._parent._send_off = None
            for timer in self._timers:
                timer.cancel()
        return self._is_hurried

    def _note_gone(self) -> None:
        self._left -= 1
        if self._left == 0 and not self._gone.done():
            self._gone.set_result(None)

    def _time_is_up(self, patience: float) -> None:
        late = []
        for child in self._waiting.pop(patience, ()):
            if child._spec.shutdown is None and child._send_off is not None:
                self._waiting.setdefault(inf, []).append(child)
                child._post(StopNow("shutdown"))  # of what waits in its mailbox it handles no more
            else:
                late.append(child)
        self._kill(late)

    def _kill(self, children: Iterable[Cell]) -> None:
        late = [child for child in children if child._phase != DEAD]
        for child in late:
            child._post(Kill("shutdown"))
        if late:
            self._timers.append(self._loop.call_later(grace_for(late), _abandon, late))


def patience_for(child: Cell) -> float:
    """Seconds it may take to stop before it is killed."""
    if child._spec.shutdown is not None:
        return child._spec.shutdown
    return inf if getattr(child.actor_class, "is_supervisor", False) else WORKER_SHUTDOWN


async def stop_children(cell: Cell, *, drain: bool, hurried: bool = False) -> None:
    """Stops all children, in reverse start order; those of a dynamic supervisor together."""
    family = cell._family
    if family is None:
        return
    together = family.supervision.strategy == "dynamic"
    while family.children:
        going = tuple(family.children.values()) if together else (next(reversed(family.children.values())),)
        hurried = await stop_some(cell, going, drain=drain, hurried=hurried)


async def stop_some(parent: Cell, children: Sequence[Cell], *, drain: bool, hurried: bool = False) -> bool:
    """Stops these children together; returns when all are gone, and whether they were hurried up."""
    send_off = SendOff(parent, children)
    send_off.begin(children, drain=drain, hurried=hurried)
    return await send_off.over()


def _tell_to_stop(child: Cell, *, drain: bool) -> None:
    """One that still starts handles its mail, too; one that is being restarted is not brought back for it."""
    if drain and (child._phase == RUNNING or (child._phase == STARTING and has_left(child))):
        child._stop_after_mailbox(None, "shutdown")
    else:
        child._post(StopNow("shutdown"))


def _abandon(children: Iterable[Cell]) -> None:
    for child in children:
        if child._phase != DEAD:
            abandon(child)


def grace_for(children: Iterable[Cell]) -> float:
    """Seconds from a kill until they are abandoned: each level may need its own before the one above can end."""
    return KILL_GRACE * (1 + _depth(children))


def _depth(children: Iterable[Cell]) -> int:
    """Levels below these."""
    return max((1 + _depth(child.children()) for child in children if child.children()), default=0)
