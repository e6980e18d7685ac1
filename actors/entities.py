"""
Actors by kind and key, started when they are needed and ended when they are not: sessions, documents, carts.

Theory of operation. A region is a supervisor that knows its entities by key. Everything for an entity goes through it,
so that a key has one instance at a time, always: while one is ending (its `on_stop` may still save), what comes for its
key waits here, in order, and goes to the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain, count
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs

from .actor import Actor
from .cell.ask_ring import refuse_ring
from .cell.handler_table import handles
from .cell.idle import Idle
from .errors import ActorDeadError, AskTimeout, MailboxFull
from .events import ActorFailed, DeadLetter
from .future import LoopFuture
from .mail.messages import Ask, Request, Terminated
from .supervision import DYNAMIC, TRANSIENT, ChildSpec

if TYPE_CHECKING:
    from collections.abc import Container

    from .cell.cell import ActorRef

R = TypeVar("R")

MAX_BUFFERED = 1_000
"""Messages that wait for the next instance of one key: what arrives in the seconds an `on_stop` may take."""


@attrs.frozen(eq=False)
class ToEntity:
    key: str
    message: object


@attrs.frozen(eq=False)
class Rested:
    """An entity had nothing to do for as long as its region allows."""

    ref: ActorRef[Any]


class Region(Actor):
    """
    The entities of one kind, each made with its key: `actor_class(key, *args)`.

    An entity that crashes is restarted under its own budget; one that gave up, or was passivated, is made anew by the
    next message for its key. If making it raises, that message is refused, and nobody else's.
    """

    is_supervisor = True
    supervision = DYNAMIC

    def __init__(
        self,
        actor_class: type[Actor],
        args: tuple[Any, ...] = (),
        passivate_after: float | None = 120.0,
        spec: ChildSpec = TRANSIENT,
    ) -> None:
        super().__init__()
        if passivate_after is not None and not passivate_after > 0:
            raise ValueError(f"entities cannot be passivated after {passivate_after:g} s: give more than 0, or None")
        if not isinstance(spec, ChildSpec):
            raise TypeError(f"entities cannot be made with the spec {spec!r}: give a ChildSpec(...)")
        self._class = actor_class
        self._args = args
        self._passivate_after = passivate_after
        self._spec = spec
        self._keys: dict[ActorRef[Any], str] = {}
        self._live: dict[str, ActorRef[Any]] = {}
        self._ending: dict[str, deque[object]] = {}

    @handles(ToEntity)
    def deliver(self, to: ToEntity) -> None:
        waiting = self._ending.get(to.key)
        if waiting is None:
            self._tell(to.key, to.message)
        elif len(waiting) < MAX_BUFFERED:
            waiting.append(to.message)
        else:
            self._refuse(to.message, MailboxFull(f"entity {to.key!r}", MAX_BUFFERED), "mailbox_full")

    @handles(Rested)
    def rested(self, rested: Rested) -> None:
        """Only one that has nothing waiting, or put aside, goes; what comes now waits for its successor."""
        key = self._keys.get(rested.ref)
        if key is not None and key not in self._ending and not rested.ref._queued():
            self._ending[key] = deque()
            rested.ref._stop_after_mailbox(None, "shutdown")

    def on_signal(self, signal: object) -> None:
        if not isinstance(signal, Terminated):
            return
        ended: Any = signal.ref
        key = self._keys.pop(ended, None)
        if key is None:
            return
        self._live.pop(key, None)
        for message in self._ending.pop(key, ()):
            self._tell(key, message)

    def on_stop(self) -> None:
        """The entities are gone by then; what still waits for a next one gets none."""
        for key, waiting in self._ending.items():
            for message in waiting:
                self._refuse(message, ActorDeadError(f"entity {key!r} not found: {self} has stopped", "shutdown"))
        self._ending.clear()

    def on_undelivered(self, messages: list[object]) -> None:
        for message in messages:
            inner = message.message if isinstance(message, ToEntity) else message
            if not isinstance(inner, Rested):
                self._refuse(inner, ActorDeadError(f"{self} stopped before handling the message", "shutdown"))

    def _tell(self, key: str, message: object) -> None:
        try:
            ref = self._live.get(key) or self._start(key)
        except Exception as error:  # its constructor is app code
            self.actor_ref._env.events.publish(ActorFailed(self.actor_ref, error, f"start of entity {key!r}"))
            self._refuse(message, error, "failed")
            return
        try:
            ref._send(message) if isinstance(message, Ask) else ref.tell(message)
        except ActorDeadError:  # it stopped by itself; its Terminated is under way and brings the next one
            self._ending.setdefault(key, deque()).append(message)
        except MailboxFull as error:
            self._refuse(message, error, "mailbox_full")

    def _start(self, key: str) -> ActorRef[Any]:
        ref: ActorRef[Any] = self.spawn(self._class, key, *self._args, name=key or None, spec=self._spec)
        self._live[key] = ref
        self._keys[ref] = key
        self.watch(ref)
        if self._passivate_after is not None:
            ref._rest = Idle(ref, self._passivate_after, lambda: self._note_rest(ref))
        return ref

    def _note_rest(self, ref: ActorRef[Any]) -> None:
        if self.actor_ref.is_alive():  # else it is being stopped anyway
            self.actor_ref.tell(Rested(ref))

    def _refuse(self, message: object, error: Exception, reason: str = "shutdown") -> None:
        """No entity will handle it: its asker learns why, and it is a dead letter."""
        if isinstance(message, Ask):
            message.reply_to.fail(error)  # type: ignore[union-attr]
            message = message.message
        self.actor_ref._env.dead_letters.add(DeadLetter(self.actor_ref, message, reason))


def name_of_region(kind: type[Actor], taken: Container[str | None]) -> str:
    """
    That of the class. If the region of another class has it, or an actor, with that of its module; then with a number.

    So the first one to be used has the short name in paths: that is for people, refs do not depend on it.
    """
    full = f"{kind.__module__}.{kind.__qualname__}"
    numbered = (f"{full}-{number}" for number in count(2))
    return next(name for name in chain((kind.__qualname__, full), numbered) if name not in taken)


@attrs.frozen
class EntityRef:
    """One entity by its key; stays valid however often its actor ends and begins. Any thread."""

    region: ActorRef[Region]
    key: str

    def tell(self, message: object) -> None:
        """As `ActorRef.tell`; starts the entity if need be."""
        self.region.tell(ToEntity(self.key, message))

    @overload
    async def request(self, message: Request[R], *, timeout: float | None = None) -> R: ...
    @overload
    async def request(self, message: object, *, timeout: float | None = None) -> Any: ...
    async def request(self, message: object, *, timeout: float | None = None) -> Any:
        """As `ActorRef.request`; a message that waits for the next instance stays, and its deadline runs on."""
        env = self.region._env
        timeout = env.ask_timeout if timeout is None else timeout
        if timeout != timeout:  # as of `ActorRef.request`
            raise ValueError(f"cannot ask entity {self.key!r} with a timeout of {timeout!r}: give seconds, or None")
        loop = asyncio.get_running_loop()
        asker = env.dispatcher.hosted(asyncio.current_task()) if loop is env.dispatcher.loop else None
        asked = self._living() if asker is not None else None
        if asker is not None and asked is not None:
            refuse_ring(asker, asked)
        reply: LoopFuture[Any] = LoopFuture()
        self.tell(Ask(message, reply, env.clock.now() + timeout))
        expiry = loop.call_later(timeout, self._expire, reply, message, timeout)
        if asker is not None:
            asker._waits_for = (self, reply, asker._actor)
        try:
            return await reply
        finally:
            expiry.cancel()
            if asker is not None:
                asker._waits_for = None

    def _expire(self, reply: LoopFuture[Any], message: object, waited: float) -> None:
        living = self._living()
        state = "it is not there" if living is None else f"{living} is {living._state()}"
        reply.fail(AskTimeout(f"entity {self.key!r}", type(message).__name__, waited, state))

    def _living(self) -> ActorRef[Any] | None:
        """The instance that there is; what is asked while it ends waits for it, too. Any thread, one look in a dict."""
        region = self.region._actor
        found: ActorRef[Any] | None = None if region is None else region._live.get(self.key)
        return found
