"""
Actors that wait for each other's answers in a ring, which nobody would end: seen by who would close it.

Theory of operation. While code of an actor waits for an answer, its cell says for whose; that actor handles nothing
meanwhile. Who begins to wait follows that from one to the next, and finds itself at the end if it would close a ring.
No false alarms; what is awaited in a task of its own, or made of several futures, is not seen.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import AskCycleError, AskedSelf
from ..future import LoopFuture
from ..whose_thread import owner_of_thread

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .cell import ActorRef

    Cell = ActorRef[Any]

T = TypeVar("T")


def refuse_ring(asker: Cell, asked: Cell) -> None:
    """Raises AskedSelf, AskCycleError: `asked` is `asker`, or waits for it, through others. Any thread."""
    if asker is asked:
        raise AskedSelf(f"{asked} cannot ask itself: it would wait for its own next turn; call the method, or tell")
    path, waiting = [asker, asked], _asked_by(asked)
    while waiting is not None and waiting not in path:
        path.append(waiting)
        waiting = _asked_by(waiting)
    if waiting is asker:
        raise AskCycleError([str(ref) for ref in (*path, asker)])


def _asked_by(cell: Cell) -> Cell | None:
    """
    Whose answer its code waits for; one that is in, but not yet read, is not waited for.

    A thread may outlive its instance, and wait on: not in the name of the next one.
    """
    waits = cell._waits_for
    if waits is None or waits[1].done() or waits[2] is not cell._actor:
        return None
    return waits[0]._living()


@contextmanager
def waiting_for(asked: Cell, answer: LoopFuture[Any], asker: Cell | None) -> Iterator[None]:
    """Code of `asker` waits in here; None: of no actor. Raises as `refuse_ring` before that."""
    if asker is None:
        yield
        return
    asker._waits_for = mine = asked, answer, asker._actor  # before it looks: of two that look at once one sees it
    try:
        refuse_ring(asker, asked)
        yield
    finally:
        if asker._waits_for is mine:
            asker._waits_for = None


class Answer(LoopFuture[T]):
    """
    What `ask` returns for later, and a proxy for each call: a future that knows who is asked.

    Waiting for it raises AskedSelf or AskCycleError where that would close a ring, in the code of an actor: `get` on
    the thread of a blocking one, `await` in the handler of any other of the same loop. The message has been sent then.
    """

    __slots__ = ("_asked",)

    def __init__(self, asked: Cell) -> None:
        super().__init__()
        self._asked = asked

    def get(self, *, timeout: float | None = None) -> T:
        with waiting_for(self._asked, self, None if self._state else owner_of_thread()):
            return super().get(timeout=timeout)

    def __await__(self) -> Generator[Any, None, T]:
        dispatcher, asker = self._asked._env.dispatcher, None
        if not self._state and asyncio._get_running_loop() is dispatcher.loop:
            asker = dispatcher.hosted(asyncio.current_task())
        with waiting_for(self._asked, self, asker):
            return (yield from super().__await__())

    __iter__ = __await__
