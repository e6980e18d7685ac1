"""
What becomes of messages that nobody will handle: an asker learns it, everything else is a dead letter, all is counted.

Any thread: a sender that met a dying actor drains what it put itself. Each message is taken by exactly one drainer.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from ..errors import ActorDeadError, MailboxFull
from ..events import DeadLetter
from .messages import Ask, TailStop, Tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    Cell = Any  # an ActorRef, which stands above this


def undeliverable(cell: Cell, message: object, reason: str) -> None:
    """One accepted message will not be handled."""
    cell._lost += 1
    if isinstance(message, Ask):
        error: Exception = ActorDeadError(f"{cell} stopped before handling the message", reason)
        if reason == "mailbox_full":
            error = MailboxFull(str(cell), cell._queue.qsize())
        if reason != "expired":  # whose asker hears of it from its own timer, with how long it waited
            message.reply_to.fail(error)  # type: ignore[union-attr]
        message = message.message
    cell._env.dead_letters.add(DeadLetter(cell, message, reason))


def lose_in_hand(cell: Cell, reason: str) -> None:
    """The message in hand is lost with its handler."""
    message = cell._doing
    cell._failed += 1
    if isinstance(message, Ask):
        error = ActorDeadError(f"{cell} was {reason} while handling the message", reason)
        message.reply_to.fail(error)  # type: ignore[union-attr]


def take_for_hook(cell: Cell) -> list[object]:
    """What nobody will handle and nobody asked for, for `on_undelivered`; counted as lost. Asks are answered."""
    taken: list[object] = []
    for message in _left(cell):
        if isinstance(message, Ask | TailStop | Tick):
            _discard(cell, message)
        else:
            cell._lost += 1
            taken.append(message)
    return taken


def drain(cell: Cell) -> None:
    """Empties the mailbox of a dead actor, then moves its counts into the system's ledger."""
    if has_left(cell):
        for message in _left(cell):
            _discard(cell, message)
    _settle(cell)


def has_left(cell: Cell) -> bool:
    """Whether anything waits; mostly nothing does."""
    return bool(cell._front) or not cell._queue.empty() or (cell._rare is not None and bool(cell._aside))


def _left(cell: Cell) -> Iterator[Any]:
    """In the order in which they would have been handled: put aside, taken up again, queued."""
    for held in (cell._aside, cell._front):
        while held:
            try:
                yield held.popleft()
            except IndexError:  # another drainer took the last one
                break
    while not cell._queue.empty():
        try:
            yield cell._queue.get_nowait()
        except queue.Empty:  # likewise
            return


def _discard(cell: Cell, message: object) -> None:
    if isinstance(message, TailStop):
        cell._handled += 1
        if message.reply_to is not None:
            message.reply_to.resolve(True)  # type: ignore[attr-defined]
    elif isinstance(message, Tick):  # nobody sent it
        cell._handled += 1
    else:
        undeliverable(cell, message, cell._reason or "stopped")


def _settle(cell: Cell) -> None:
    """No thread switch lies between the load of a counter and its store of 0 (see `cell`)."""
    accepted, cell._accepted = cell._accepted, 0
    handled, cell._handled = cell._handled, 0
    failed, cell._failed = cell._failed, 0
    lost, cell._lost = cell._lost, 0
    shortcuts, cell._shortcuts = cell._shortcuts, 0
    name = cell.actor_class.__qualname__
    cell._env.ledger.settle(name, accepted + shortcuts, handled + shortcuts, failed, lost)
