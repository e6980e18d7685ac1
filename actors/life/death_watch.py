"""
Who is told when an actor is gone: exactly one notice per watch, also when it was gone already.

A parent that watches its child, which most watches are, is a mark on the child: the child knows its parent, and ends
before it. With a table at each end it took 0.7 KiB.

The tables are their loop's. A watch of an actor of another loop, or from an `__init__` that runs on another thread, is
kept by its watcher alone (`Abroad`): it asks to be called when that one is gone, and is told of it on its own loop.
"""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ..cell.cell import DEAD, ActorRef
from ..mail.messages import Terminated
from ..mail.ops import THE_SIGNAL, Notify

if TYPE_CHECKING:
    Cell = ActorRef[Any]


def watch(watcher: Cell, target: Cell, message: object = THE_SIGNAL) -> None:
    """One `Terminated` (or `message`) to `watcher` when `target` is gone; at once if it is. Watching twice is once."""
    _check(watcher, target)
    _end_abroad(watcher, target)
    here = get_ident()
    is_home = here == watcher._env.dispatcher.thread
    if is_home and target._phase == DEAD:
        _take_back(watcher, target)  # of an earlier watch: it ended in the middle of a handler
        watcher._post(_notice(target, message))
        return
    if not is_home or here != target._env.dispatcher.thread:
        Abroad(watcher, target, message).begin()
        return
    if target._parent is watcher and message is THE_SIGNAL:
        _end_watch(watcher, target)
        target._tells_parent = True
        return
    target._tells_parent = target._tells_parent and target._parent is not watcher
    theirs, ours = target._relations(), watcher._relations()
    if theirs.watchers is None:
        theirs.watchers = {}
    if ours.watching is None:
        ours.watching = set()
    theirs.watchers[watcher] = message
    ours.watching.add(target)


def unwatch(watcher: Cell, target: Cell) -> None:
    """Takes a watch back, also when its notice is under way."""
    _check(watcher, target)
    if target._parent is watcher:
        target._tells_parent = False
    _end_watch(watcher, target)
    _end_abroad(watcher, target)
    _take_back(watcher, target)


def notify_all(cell: Cell) -> None:
    """Tells those who watch `cell`, which is gone, and ends its own watches."""
    if cell._tells_parent and cell._parent is not None:
        cell._tells_parent = False
        cell._parent._post(_notice(cell, THE_SIGNAL))
    for target in tuple(cell._abroad or ()):
        _end_abroad(cell, target)
    family = cell._family
    if family is None:
        return
    for target in tuple(family.watching or ()):
        _end_watch(cell, target)
    watchers, family.watchers = family.watchers, None
    for watcher, message in (watchers or {}).items():
        _end_watch(watcher, cell)
        watcher._post(_notice(cell, message))


class Abroad:
    """
    A watch across threads. All of it but `_note_gone` runs on the loop of its watcher, or in the `__init__` of that.

    Whatever becomes of it meanwhile, it counts only as long as its watcher has it.
    """

    __slots__ = ("_message", "_target", "_watcher")

    def __init__(self, watcher: Cell, target: Cell, message: object) -> None:
        self._watcher, self._target, self._message = watcher, target, message

    def begin(self) -> None:
        if self._watcher._abroad is None:
            self._watcher._abroad = {}
        self._watcher._abroad[self._target] = self
        self._target.terminated.add_done_callback(self._note_gone)

    def end(self) -> None:
        self._target.terminated.forget(self._note_gone)

    def _note_gone(self) -> None:
        """On the thread of either."""
        with suppress(RuntimeError):  # the watcher's loop is closed, and it with it
            self._watcher._env.dispatcher.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        abroad = self._watcher._abroad
        if abroad is not None and abroad.get(self._target) is self:
            del abroad[self._target]
            self._watcher._post(_notice(self._target, self._message))


def _check(watcher: Cell, target: object) -> None:
    if not isinstance(target, ActorRef):
        raise TypeError(
            f"{watcher} cannot watch {target!r}: give a ref, as spawn returns it; an actor has its own as actor_ref"
        )


def _take_back(watcher: Cell, target: Cell) -> None:
    """A notice that has not been delivered."""
    lane = watcher._lane
    for op in [op for op in lane or () if isinstance(op, Notify)]:
        if lane is not None and isinstance(op.signal, Terminated) and op.signal.ref is target:
            lane.remove(op)


def _end_watch(watcher: Cell, target: Cell) -> None:
    """Takes it out of the tables at both ends, if it is there."""
    theirs, ours = target._family, watcher._family
    if theirs is not None and theirs.watchers is not None:
        theirs.watchers.pop(watcher, None)
    if ours is not None and ours.watching is not None:
        ours.watching.discard(target)


def _end_abroad(watcher: Cell, target: Cell) -> None:
    if watcher._abroad is not None:
        watch = watcher._abroad.pop(target, None)
        if watch is not None:
            watch.end()


def _notice(cell: Cell, message: object) -> Notify:
    return Notify(Terminated(cell, cell._reason or "stopped"), message)
