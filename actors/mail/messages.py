"""What travels between actors beside the messages of an app: envelopes of asks, stops, ticks, and signals."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from ..pykka.names import Envelope

if TYPE_CHECKING:
    import pykka

    from ..supervision import ExitReason

R = TypeVar("R")


class Request(Generic[R]):
    """
    Base of a message whose answer has a type: with `class Add(Request[int])`, `await ref.request(Add(1))` is an `int`.

    It has no fields and no behaviour; inherit from it beside whatever makes the class (attrs, a dataclass).
    """

    __slots__ = ()


class Ask(Envelope[Any]):
    """
    A message that wants an answer, with the moment (clock's `now`) after which nobody waits for it any more.

    Who gives it a deadline ends its future then: a turn that comes later only drops it.
    """

    __slots__ = ("deadline",)

    def __init__(self, message: object, reply_to: pykka.Future[Any], deadline: float = inf) -> None:
        self.message = message
        self.reply_to = reply_to
        self.deadline = deadline


class TailStop:
    """A stop that waits its turn in the user lane: everything told before it is handled. Exempt from every drop."""

    __slots__ = ("reason", "reply_to")

    def __init__(self, reply_to: pykka.Future[Any] | None, reason: ExitReason) -> None:
        self.reply_to = reply_to
        self.reason = reason


class TickSource(Protocol):
    """A timer, or what awaited something for the actor."""

    def take(self) -> bool:
        """Whether its tick still counts, now that it is taken from the mailbox."""


class Tick:
    """What an actor's own timers and pipes put into its mailbox; dropped if its source or incarnation is over."""

    __slots__ = ("message", "source")

    def __init__(self, message: object, source: TickSource) -> None:
        self.message, self.source = message, source


@attrs.frozen
class Terminated:
    """A watched actor is gone for good (a restart does not count). Exactly one per watch, never dropped."""

    ref: pykka.ActorRef[Any]
    reason: str
    """`stopped`, `failed`, `killed`, `shutdown` or `gave_up`."""


@attrs.frozen
class ChildFailed:
    """A child of this actor failed; its supervision has already been decided when this arrives."""

    ref: pykka.ActorRef[Any]
    error: BaseException


@attrs.frozen
class HighWater:
    """The mailbox holds more than its `high_water`; told once per crossing, at the beginning of a turn."""

    queued: int


@attrs.frozen
class ReceiveTimeout:
    """No user message for as long as `set_receive_timeout` said; again after each such while."""

    seconds: float


Signal = Terminated | ChildFailed | HighWater | ReceiveTimeout
"""What arrives in `on_signal`, on the system lane, before any user message."""
