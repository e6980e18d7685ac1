"""What the runtime tells a cell in its system lane, as plain values; `lifecycle` carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    import pykka

    from ..supervision import ExitReason
    from .messages import Signal


THE_SIGNAL: Any = object()
"""In the place of a message: the signal itself is delivered. None is a message like any other."""


@attrs.frozen
class Start:
    """Run `on_start` of the first instance, or what is left of it."""

    starting: Coroutine[Any, Any, None] | None = None
    """What `on_start` returned to be awaited, where it ran in place."""


@attrs.frozen
class StopNow:
    """Stop after the message in hand; what waits in the mailbox becomes dead letters."""

    reason: ExitReason = "stopped"
    reply_to: pykka.Future[Any] | None = None


@attrs.frozen
class Finish:
    """What `on_stop` returned to be awaited, where it ran in place; then the end."""

    ending: Coroutine[Any, Any, None]


@attrs.frozen
class Kill:
    """Stop, and cancel what is in hand. `killed`: somebody said so; `shutdown`: its time to stop is over."""

    reason: ExitReason = "killed"


@attrs.frozen
class Fail:
    """The instance failed: mend or end it, as its supervisor decides."""

    error: BaseException
    doing: str


@attrs.frozen
class Rebuild:
    """The back-off is over: make the next instance."""

    delay: float


@attrs.frozen
class Retire:
    """The instance ends because a sibling failed; its ref waits for the next one. `done` is told when it has."""

    done: pykka.Future[Any]


@attrs.frozen
class Regroup:
    """To a supervisor whose strategy concerns siblings: a child has failed and is retired."""

    failed: pykka.ActorRef[Any]
    delay: float


@attrs.frozen
class Revive:
    """To a supervisor: see whether the next of its retired children may come back."""


@attrs.frozen
class TakeUp:
    """What was put aside stands before what waits: ends the pass over the mailbox, so that it is looked at anew."""


@attrs.frozen
class Notify:
    """Deliver a signal, or the message given to `watch_with`; waits until an instance runs."""

    signal: Signal | None
    message: object = THE_SIGNAL


Op = Start | StopNow | Finish | Kill | Fail | Rebuild | Retire | Regroup | Revive | TakeUp | Notify


def is_cut_short(lane: Iterable[Op] | None) -> bool:
    """Whether a cancellation comes from who waits in this lane to end the instance: it is no failure then."""
    return any(isinstance(op, Kill | Retire) for op in lane or ())


def settle(op: Op) -> None:
    """Whoever waits for this op is told that it has no object any more: the actor is gone, or going."""
    for future in (getattr(op, "reply_to", None), getattr(op, "done", None)):
        if future is not None:
            future.resolve(True)
    for unawaited in (getattr(op, "starting", None), getattr(op, "ending", None)):
        if unawaited is not None:
            unawaited.close()
