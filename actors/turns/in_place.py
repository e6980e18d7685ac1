"""
The broadcast primitive, and running a receiver in place: the one exception to "the sender never runs the receiver".

Theory of operation. In the end-of-turn hook of a sender, an idle receiver whose class declares the handler for it is
run at once instead of being queued. It looks like any other turn from inside: own context, own counters, its failure
goes to its own supervisor. A receiver that has left a shortcut is not even run: what the broadcast carries goes there.
"""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from ..errors import ActorDeadError
from ..events import DeadLetter
from ..life.failure import fail
from .turn import end_turn, message_failed, note_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from ..cell.cell import ActorRef
    from .dispatcher import Dispatcher

    Cell = ActorRef[Any]
    Handler = Callable[[Any, Any], Any]

A = TypeVar("A", bound=pykka.Actor)
T = TypeVar("T")

IN_PLACE_CHECK = 64
"""Deliveries in place between two looks at the clock: 64 of about 1 us each are well below a slice of 1 ms."""


def tell_many(refs: Iterable[ActorRef[Any]], message: object, carried: object = None) -> None:
    """
    Tells every ref the same message: the broadcast primitive.

    Delivery per ref as with `tell`, but what cannot be delivered (a dead actor, a mailbox that refuses) becomes a dead
    letter or a fact and does not end the broadcast. In the end-of-turn hook of an actor, idle receivers that declare
    `@handles(..., in_place=True)` for the message's type run before this returns.

    Args:
        carried: What a receiver's shortcut is called with instead (see `Actor.shortcut`). With it all receivers must be
            of the sender's own system. None: shortcuts are not used.
    """
    snapshot = refs if type(refs) is tuple else tuple(refs)
    for ref in snapshot[tell_some(snapshot, message, carried=carried) :]:
        _tell_or_bury(ref, message)


def tell_some(refs: tuple[ActorRef[Any], ...], message: object, start: int = 0, carried: object = None) -> int:
    """
    As `tell_many`, for a sender that can go on later: stops when the slice of its turn is used up.

    What is left is the sender's to tell, before anything else that it tells these refs: at the end of its next turn, or
    by `tell_many`. A broadcast to thousands then runs all of them in place, and others have their turns in between.

    Returns:
        How many of `refs` were told, with those before `start`; outside of an end-of-turn hook all of them.
    """
    if start >= len(refs):
        return start
    dispatcher = refs[start]._env.dispatcher
    if not (dispatcher.flushing and dispatcher.in_place != "never" and get_ident() == dispatcher.thread):
        for ref in refs[start:]:
            _tell_or_bury(ref, message)
        return len(refs)
    dispatcher.flushing = False  # depth one: what receivers send is queued
    try:
        return _run_in_place(dispatcher, refs, message, start, carried)
    finally:
        dispatcher.flushing = True


def is_idle(ref: ActorRef[Any]) -> bool:
    """
    Whether what is done now in its stead comes after all that it was told, and before all that it will be.

    It waits for a message, and no exploration of interleavings wants it otherwise. For who is on its loop's thread.
    """
    if ref._scheduled:
        return False
    dispatcher = ref._env.dispatcher
    return dispatcher.in_place == "always" or _may_be_in_place(dispatcher)


def is_on_its_thread(ref: ActorRef[Any]) -> bool:
    """Whether this is the thread of its loop, on which alone something may be done in its stead."""
    return get_ident() == ref._env.dispatcher.thread


def _may_be_in_place(dispatcher: Dispatcher) -> bool:
    """Where tests explore: never, or a coin."""
    return dispatcher.in_place == "random" and (dispatcher.order is None or dispatcher.order.random() < 0.5)


def by_shortcut(ref: ActorRef[Any], carried: object) -> bool:
    """
    Takes the shortcut of one receiver (see `Actor.shortcut`), in order with all that it was told before. Any thread.

    Returns:
        False if there is none, if it is not idle, or if this is not the loop's thread: then it has to be told.
    """
    shortcut = ref._shortcut
    if shortcut is None or get_ident() != ref._env.dispatcher.thread or not is_idle(ref):
        return False
    try:
        shortcut(carried)
        ref._shortcuts += 1
    except BaseException as error:
        _shortcut_failed(ref, carried, error)
    return True


def run_now(ref: ActorRef[A], method: Callable[[A, T], None], message: T) -> bool:
    """
    Runs a plain method of one idle receiver here instead of telling it: for callbacks of its loop, such as a read.

    It counts as a message, and what it sends is queued, as in a broadcast. Inside of a turn, in a handler that goes on
    after it waited, and when this iteration of the loop has spent a slice on such runs, nobody is run.

    Returns:
        False if it has to be told.
    """
    dispatcher = ref._env.dispatcher
    if dispatcher.current is not None or not is_idle(ref) or not dispatcher.has_time_beside():
        return False
    if dispatcher.hosts and asyncio.current_task(dispatcher.loop) in dispatcher.hosts:  # a handler that has waited
        return False
    dispatcher.turns += 1
    _in_place(dispatcher, ref, method, message)
    return True


def _shortcut_failed(ref: Cell, message: object, error: BaseException) -> None:
    """As a handler would have: the delivery is lost, and its supervisor hears of it."""
    ref._accepted += 1
    message_failed(ref, message, error)


def _tell_or_bury(ref: Cell, message: object) -> None:
    try:
        ref.tell(message)
    except ActorDeadError as error:
        ref._env.dead_letters.add(DeadLetter(ref, message, error.reason))
    except RuntimeError:  # MailboxFull: the fact is published where it was refused
        return


def _run_in_place(dispatcher: Dispatcher, refs: tuple[Cell, ...], message: object, start: int, carried: object) -> int:
    """
    Runs the receivers from `start` on; returns how many were dealt with before the slice was used up.

    The hot loop: of each receiver it touches as little as can be, for in a large room each touch is a cache miss.
    """
    ends, tick, total = dispatcher.slice_ends, dispatcher.clock.tick, len(refs)
    is_explored, must_run = dispatcher.in_place == "random", carried is None
    while start < total:
        some = refs[start : start + IN_PLACE_CHECK]
        for ref in some if not is_explored else _leave_out_some(dispatcher, some, message):
            shortcut = ref._shortcut
            if shortcut is None or ref._scheduled or must_run:
                _run_one(dispatcher, ref, message)
            else:
                try:
                    shortcut(carried)
                    ref._shortcuts += 1
                except BaseException as error:
                    _shortcut_failed(ref, message, error)
        start += IN_PLACE_CHECK
        if tick() >= ends:
            break
    return min(start, total)


def _leave_out_some(dispatcher: Dispatcher, refs: tuple[Cell, ...], message: object) -> list[Cell]:
    """Exploration of interleavings: those that a coin lets be run, one by one; the others are told."""
    let = []
    for ref in refs:
        if _may_be_in_place(dispatcher):
            let.append(ref)
        else:
            _tell_or_bury(ref, message)
    return let


def _run_one(dispatcher: Dispatcher, ref: Cell, message: object) -> None:
    """Runs it in place if it is idle and can be; else it is told."""
    handler = getattr(ref.actor_class, "_in_place", {}).get(type(message))
    if ref._scheduled or handler is None or ref._env.dispatcher is not dispatcher:
        _tell_or_bury(ref, message)
    else:
        _in_place(dispatcher, ref, handler, message)


def _in_place(dispatcher: Dispatcher, cell: Cell, handler: Handler, message: object) -> None:
    context = cell._context
    if context is None:
        context = cell._context = cell._env.context.copy()
    cell._scheduled = True  # on the stack: what it is told meanwhile is queued
    cell._accepted += 1
    if cell._rare is not None:
        note_activity(cell)
    sender, dispatcher.current = dispatcher.current, cell
    try:
        context.run(handler, cell._actor, message)
    except BaseException as error:
        message_failed(cell, message, error)
    else:
        cell._handled += 1
        if cell._table.end_of_turn is not None:
            _end_in_place(context, cell._table.end_of_turn, cell)
    dispatcher.current = sender
    end_turn(cell)


def _end_in_place(context: Context, hook: Callable[[Any], None], cell: Cell) -> None:
    try:
        context.run(hook, cell._actor)
    except BaseException as error:
        fail(cell, error, "on_turn_end")
