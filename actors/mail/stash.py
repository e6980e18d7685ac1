"""Messages put aside, and taken up again before everything else, in the order in which they came."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from .messages import Tick
from .ops import TakeUp

if TYPE_CHECKING:
    from ..cell.cell import ActorRef

STASH_LIMIT = 1_000
"""Messages one actor may put aside: enough to wait for an answer under load, few enough to notice that none comes."""


class Stashed(BaseException):
    """Ends a handler that put its message aside. A BaseException, so that `except Exception` in it does not stop it."""


class StashFull(RuntimeError):
    """An actor put one more message aside than it may: what it waits for does not come."""


@attrs.frozen
class Taken:
    """The source of a tick that was taken already: it counts once more, for the instance that put it aside."""

    ref: ActorRef[Any]
    incarnation: int

    def take(self) -> bool:
        return self.ref._incarnation == self.incarnation


def put_aside(ref: ActorRef[Any], message: object) -> None:
    """Keeps the message in hand, its asker included. Raises StashFull."""
    aside = ref._aside
    if aside is None:
        aside = ref._aside = deque()
    if len(aside) >= STASH_LIMIT:
        raise StashFull(f"{ref} cannot stash: {STASH_LIMIT} messages are put aside already; unstash, or drop some")
    aside.append(Tick(message.message, Taken(ref, ref._incarnation)) if isinstance(message, Tick) else message)


def take_up(ref: ActorRef[Any]) -> int:
    """Puts everything that was put aside in front of the mailbox; returns how many."""
    aside = ref._aside
    if not aside:
        return 0
    front = ref._front
    if front is None:
        front = ref._front = deque()
    front.extendleft(reversed(aside))
    count = len(aside)
    aside.clear()
    ref._post(TakeUp())
    return count
