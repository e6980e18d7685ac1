"""Whether the threads of blocking actors are at work; while they are, virtual time stands still."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actors.blocking import BlockingActor
from actors.errors import ActorDeadError
from actors.future import LoopFuture

if TYPE_CHECKING:
    from actors.cell.cell import ActorRef
    from actors.system import ActorSystem


def threads_at_work(system: ActorSystem) -> bool:
    """Whether any actor of the system waits for its thread, and that thread does not itself wait for the loop."""
    try:
        root = system.root
    except ActorDeadError:
        return False
    return any(_is_at_work(ref) for ref in root.walk())


def _is_at_work(ref: ActorRef[Any]) -> bool:
    if ref._suspension is None or not issubclass(ref.actor_class, BlockingActor):
        return False
    worker = vars(ref._actor).get("_worker") if ref._actor is not None else None
    return worker is not None and not _waits_for_loop(worker._thread.ident)


def _waits_for_loop(thread: int) -> bool:
    """A thread inside `LoopFuture.get` whose future is open: a blocking ask, which only the loop can answer."""
    frame = sys._current_frames().get(thread)
    if frame is None or frame.f_code is not LoopFuture.get.__code__:
        return False
    future = frame.f_locals.get("self")
    return isinstance(future, LoopFuture) and not future.done()
