"""Facts, the stream they are published on, and letters that could not be delivered. Words are made by listeners."""

from __future__ import annotations

import threading
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

F = TypeVar("F")


@attrs.frozen
class ActorFailed:
    """A handler or hook raised. Published before anything is done about it."""

    ref: pykka.ActorRef[Any]
    error: BaseException
    doing: str
    """The message type in hand, or the name of the hook."""


@attrs.frozen
class ActorRestarted:
    """A new instance runs under the same ref."""

    ref: pykka.ActorRef[Any]
    incarnation: int
    delay: float
    """Seconds of back-off that lay before it."""


@attrs.frozen
class ActorStopped:
    """An actor is gone for good."""

    ref: pykka.ActorRef[Any]
    reason: str


@attrs.frozen
class SupervisorGaveUp:
    """A child failed once more than its budget allows."""

    supervisor: pykka.ActorRef[Any]
    child: pykka.ActorRef[Any]
    error: BaseException | None
    then: str


@attrs.frozen
class MailboxOverflowed:
    """A full mailbox refused or dropped a message, or an unbounded one rose above its high water (`policy` says)."""

    ref: pykka.ActorRef[Any]
    queued: int
    policy: str


@attrs.frozen
class HandlerAbandoned:
    """A killed handler swallowed its cancellation for longer than the grace; its coroutine or thread was let go."""

    ref: pykka.ActorRef[Any]
    grace: float


@attrs.frozen
class HandlerStuck:
    """A handler has been at one message for longer than `stuck_warn`."""

    ref: pykka.ActorRef[Any]
    message_type: str
    seconds: float
    """At least; a blocking one is named as soon as it is seen."""
    stack: str
    blocks_loop: bool
    """Whether it blocks everybody, or is suspended and only keeps its own actor waiting."""


@attrs.frozen
class MessageUnhandled:
    """An actor has no handler for this type of message and did not override `on_receive`."""

    ref: pykka.ActorRef[Any]
    message_type: str


@attrs.frozen
class AskFailed:
    """A handler raised and its asker got the error; the actor runs on."""

    ref: pykka.ActorRef[Any]
    error: BaseException


@attrs.frozen
class DeadLetter:
    """A message that will not be handled: exactly one per message that was accepted and lost its actor."""

    ref: pykka.ActorRef[Any]
    message: object
    reason: str
    """`stopped`, `failed`, `killed`, `shutdown`, `gave_up`, `expired` (nobody waited any more), `mailbox_full`."""


Fact = (
    ActorFailed
    | ActorRestarted
    | ActorStopped
    | SupervisorGaveUp
    | MailboxOverflowed
    | HandlerAbandoned
    | HandlerStuck
    | MessageUnhandled
    | AskFailed
    | DeadLetter
)


@attrs.frozen(eq=False)
class Subscription:
    """One subscriber of one class of facts; two of the same function are two, an actor is one."""

    call: Callable[[Any], object]
    actor: pykka.ActorRef[Any] | None = None


class EventStream:
    """
    Publishes facts to whoever subscribed to their class. Costs one dict look-up if nobody did.

    Order: to each subscriber as published, of one thread; subscribers of one class in the order in which they came.

    A subscriber is a plain function or an actor's ref (which is told the fact). It is called on the publisher's thread;
    an exception in it is handed to `on_error` and reaches neither the publisher nor the other subscribers. An actor
    that has ended is a subscriber no longer.

    A fact that comes of telling a fact of its class goes to functions that are not on the stack, and to nobody else: an
    actor whose bounded mailbox refuses a `DeadLetter` would be told of that one, and so on. `withheld` counts those.
    """

    def __init__(
        self,
        on_error: Callable[[BaseException, object], None],
        unheard: Mapping[type, Callable[[Any], object]] | None = None,
    ) -> None:
        """
        Args:
            unheard: By class of fact, what is called while nobody subscribes to it.
        """
        self._subscriptions: dict[type, tuple[Subscription, ...]] = {}
        self._unheard = {fact: (Subscription(call),) for fact, call in (unheard or {}).items()}
        self._on_error = on_error
        self._lock = threading.Lock()
        self._on_stack: set[tuple[int, object]] = set()
        self.withheld: Counter[str] = Counter()
        """By the name of their class: facts that a subscriber was not told because telling it one had caused them."""

    def subscribe(self, fact: type[F], subscriber: Callable[[F], None] | pykka.ActorRef[Any]) -> Callable[[], None]:
        """
        Returns a function that ends this one subscription; calling it twice does nothing. Any thread, both.

        An actor that subscribes again, as it does in the `on_start` of its next instance, is told once all the same: it
        gets the end of the subscription that it has. A fact that is being published meanwhile, on another thread, may
        still be told, or not yet.

        Raises:
            TypeError: `fact` is no class, or `subscriber` can neither be called nor told.
        """
        if not isinstance(fact, type):
            raise TypeError(f"cannot subscribe to {fact!r}: give the class of a fact, and each of several by itself")
        if callable(subscriber):
            mine = Subscription(subscriber)
        elif hasattr(subscriber, "tell"):
            mine = Subscription(subscriber.tell, subscriber)
        else:
            raise TypeError(f"{subscriber!r} cannot hear of {fact.__name__}: give a function, or the ref of an actor")
        with self._lock:
            there = self._subscriptions.get(fact, ())
            known = next((one for one in there if mine.actor is not None and one.actor == mine.actor), None)
            if known is None:
                self._subscriptions[fact] = (*there, mine)
        return partial(self._end, fact, known or mine)

    def _end(self, fact: type, ended: Subscription) -> None:
        with self._lock:
            left = tuple(one for one in self._subscriptions.get(fact, ()) if one is not ended)
            if left:
                self._subscriptions[fact] = left
            else:
                self._subscriptions.pop(fact, None)

    def wants(self, fact: type) -> bool:
        """Whether anybody listens; lets a hot path skip building the fact."""
        return fact in self._subscriptions

    def publish(self, fact: object) -> None:
        """Tells everybody who subscribed to its class before this returns; raises nothing. Any thread."""
        kind = type(fact)
        for one in self._subscriptions.get(kind, ()) or self._unheard.get(kind, ()):
            self._tell(one, fact)

    def _tell(self, one: Subscription, fact: object) -> None:
        place = (threading.get_ident(), one if one.actor is None else type(fact))  # all actors together are one
        if place in self._on_stack:
            self.withheld[type(fact).__name__] += 1
            return
        self._on_stack.add(place)
        try:
            one.call(fact)
        except pykka.ActorDeadError as error:
            if one.actor is None:
                self._on_error(error, fact)
            else:
                self._end(type(fact), one)
                if not self.wants(type(fact)):
                    self.publish(fact)  # to those that are called while nobody subscribes
        except BaseException as error:
            self._on_error(error, fact)
        finally:
            self._on_stack.discard(place)


class DeadLetters:
    """Counts every undelivered message by reason and keeps the most recent ones to look at."""

    KEEP = 100
    """Letters kept: enough to see a pattern, few enough that their payloads do not matter."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._lock = threading.Lock()  # a foreign thread that told a dying actor drains its own message
        self.counts: Counter[str] = Counter()
        self.recent: deque[DeadLetter] = deque(maxlen=self.KEEP)

    def add(self, letter: DeadLetter) -> None:
        with self._lock:
            self.counts[letter.reason] += 1
            self.recent.append(letter)
        self._events.publish(letter)

    def __len__(self) -> int:
        return self.counts.total()
