"""Who is told when an actor is gone: exactly one notice per watch, also when it was gone already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cell import DEAD, ActorRef
from .messages import Terminated
from .ops import Notify

if TYPE_CHECKING:
    Cell = ActorRef[Any]


def watch(watcher: Cell, target: Cell, message: object = None) -> None:
    """One `Terminated` (or `message`) to `watcher` when `target` is gone; at once if it is. Watching twice is once."""
    if target._phase == DEAD:
        watcher._post(_notice(target, message))
        return
    target._relations().watchers[watcher] = message
    watcher._relations().watching.add(target)


def unwatch(watcher: Cell, target: Cell) -> None:
    """Takes a watch back, also when its notice is under way."""
    if target._family is not None:
        target._family.watchers.pop(watcher, None)
    watcher._relations().watching.discard(target)
    lane = watcher._lane
    for op in [op for op in lane or () if isinstance(op, Notify)]:
        if lane is not None and isinstance(op.signal, Terminated) and op.signal.ref is target:
            lane.remove(op)


def notify_all(cell: Cell) -> None:
    """Tells those who watch `cell`, which is gone, and ends its own watches."""
    family = cell._family
    if family is None:
        return
    for target in family.watching:
        if target._family is not None:
            target._family.watchers.pop(cell, None)
    family.watching.clear()
    for watcher, message in family.watchers.items():
        watcher._relations().watching.discard(cell)
        watcher._post(_notice(cell, message))
    family.watchers.clear()


def _notice(cell: Cell, message: object) -> Notify:
    return Notify(Terminated(cell, cell._reason or "stopped"), message)
