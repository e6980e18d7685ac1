"""
How a life goes on: what stands in an actor's system lane is carried out.

Theory of operation. Whatever happens to an actor comes as an op in its system lane, so it happens between two messages
and on the loop's thread. Short ops are done at once; those that may wait (hooks, children that stop) are coroutines
that the turn suspends like any handler.

    STARTING --on_start--> RUNNING --failed--> SUSPENDED --rebuild--> RUNNING
        \\-----failed---------^  \\--stop, kill--> STOPPING --> DEAD   (from every phase)

It refuses to know how a life begins (starting), is mended (mending) and ends (ending), and what a message is (turn).
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..cell.cell import RUNNING, STOPPING
from ..mail.ops import (
    THE_SIGNAL,
    Fail,
    Finish,
    Notify,
    Op,
    Rebuild,
    Regroup,
    Retire,
    Revive,
    Start,
    StopNow,
    TakeUp,
    settle,
)
from .departure import depart, finish, goes_alone
from .mending import leave, make_way, mend, rebuild
from .siblings import is_retired, regroup, revive
from .starting import start, start_later

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ..cell.cell import ActorRef

    Cell = ActorRef[Any]
    Doing = Coroutine[Any, Any, None]


def perform(cell: Cell, op: Op) -> Doing | None:
    """Carries out one op; returns a coroutine if it may have to wait."""
    if isinstance(op, Notify):
        return _deliver_signal(cell, op)
    if cell._phase >= STOPPING:
        if isinstance(op, Finish):
            return finish(cell, op.ending)
        settle(op)
        return None
    if isinstance(op, StopNow):  # what most lives end by
        return _stop_now(cell, op)
    if isinstance(op, Start):
        starting = start(cell) if op.starting is None else op.starting
        return None if starting is None else start_later(cell, starting)
    if isinstance(op, Fail):
        return None if is_retired(cell) else mend(cell, op.error, op.doing)  # else what ended it came first
    if isinstance(op, Rebuild):
        return rebuild(cell, op)
    if isinstance(op, Retire):
        return make_way(cell, op)
    if isinstance(op, Regroup):
        return regroup(cell, op)
    if isinstance(op, Revive):
        revive(cell)
    if isinstance(op, Revive | TakeUp | Finish):  # the last one only where the end has begun
        return None
    return leave(cell, op.reason, None, hurried=op.reason == "shutdown")


def _stop_now(cell: Cell, op: StopNow) -> Doing | None:
    if op.reply_to is not None or not goes_alone(cell, op.reason):
        return leave(cell, op.reason, op.reply_to)
    ending = depart(cell, op.reason)
    return None if ending is None else finish(cell, ending)


def _deliver_signal(cell: Cell, op: Notify) -> Doing | None:
    if cell._phase != RUNNING:
        return None
    is_signal = op.message is THE_SIGNAL
    result = cell._actor._receive_signal(op.signal if is_signal else op.message, is_signal)
    return result if isinstance(result, CoroutineType) else None
