"""
The ref, which is the cell: everything of an actor that survives a restart.

Theory of operation. `ActorRef` holds class, arguments, mailbox, system lane, phase and the current instance; a restart
swaps the instance and nothing else. Senders, on any thread, put into the mailbox and look at one flag:

    tell:      closed? -> put -> not scheduled? schedule -> dead by now? drain what we put
    end turn:  scheduled = False -> anything queued by now? schedule

`_scheduled` is true whenever somebody will look at the mailbox again without being told: while the cell stands in the
run queue, while its turn runs or is suspended, while it starts, restarts or is dead. So `not _scheduled` alone means
"idle and running", which is also what running in place asks for.

Counters are plain integers: CPython with the GIL switches threads at calls and backward jumps only, never between the
load and the store of `self._accepted += 1` (a stress test with six threads and a 1 us switch interval guards it).

It refuses to know what a turn does, how a life begins and ends, and what supervision decides.
"""

from __future__ import annotations

import asyncio
import queue
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import pykka

from ..errors import ActorDeadError, AskTimeout, NameTaken, WouldBlockLoop
from ..future import LoopFuture, in_front_of
from ..mail.leftovers import drain
from ..mail.messages import Ask, Request, TailStop, Tick
from ..mail.ops import Kill, Op, StopNow, settle
from ..pykka.names import ActorStop, Envelope
from ..pykka.views import Proxy, Stopped
from ..supervision import KILL_GRACE, ONE_FOR_ONE, TRANSIENT, ChildSpec
from ..whose_thread import owner_of_thread
from .ask_ring import Answer, refuse_ring, waiting_for
from .environment import Counts
from .family import Family
from .info import ActorInfo
from .rare import Rare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Context

    from ..entities import EntityRef
    from ..life.death_watch import Abroad
    from ..life.grace import LastHook
    from ..life.send_off import SendOff
    from ..supervision import ExitReason, RestartRecord
    from ..turns.dispatcher import Suspension
    from .environment import Environment
    from .handler_table import HandlerTable
    from .idle import Idle
    from .piping import Pipes
    from .timers import Timers

A = TypeVar("A", bound=pykka.Actor)
R = TypeVar("R")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

STARTING, RUNNING, SUSPENDED, STOPPING, DEAD = range(5)
PHASES = ("starting", "running", "restarting", "stopping", "dead")


class ActorRef(pykka.ActorRef[A], Generic[A]):
    """
    Reference to an actor, safe to pass around and to use from any thread. Made by `spawn`, never by hand.

    It stays valid through restarts; once the actor is gone for good it stays dead.
    """

    __slots__ = (
        "_above_water",
        "_accepted",
        "_actor",
        "_arguments",
        "_context",
        "_env",
        "_failed",
        "_family",
        "_front",
        "_handled",
        "_incarnation",
        "_lane",
        "_lost",
        "_name",
        "_parent",
        "_phase",
        "_queue",
        "_rare",
        "_scheduled",
        "_shortcut",
        "_shortcuts",
        "_spec",
        "_suspension",
        "_table",
        "_tells_parent",
        "actor_class",
    )
    _abroad: Rare[dict[ActorRef[Any], Abroad]] = Rare()
    """Whom it watches that lives on another loop."""
    _aside: Rare[deque[Any]] = Rare()
    _back_off: Rare[asyncio.TimerHandle] = Rare()
    _hook: Rare[LastHook] = Rare()
    """The hook that is under way, if its instance goes with it."""
    _idle: Rare[Idle] = Rare()
    _last_error: Rare[str] = Rare()
    _rest: Rare[Idle] = Rare()
    _send_off: Rare[SendOff] = Rare()
    """The children it waits for, which are to be gone."""
    _patient: Rare[float] = Rare()
    """Until when its handler waits on purpose (see `watchdog`): infinity, or a moment that has passed."""
    _pipes: Rare[Pipes] = Rare()
    _waits_for: Rare[tuple[ActorRef[Any] | EntityRef, LoopFuture[Any], object]] = Rare()
    """Whom its code has asked, the answer that it waits for, and which instance does (see `ask_ring`)."""
    _reason: Rare[ExitReason] = Rare()
    _record: Rare[RestartRecord] = Rare()
    _timers: Rare[Timers] = Rare()
    _termination: Rare[LoopFuture[None]] = Rare()
    _urn: Rare[str] = Rare()

    def __init__(
        self,
        actor_class: type[A],
        env: Environment,
        parent: ActorRef[Any] | None = None,
        name: str | None = None,
        spec: ChildSpec = TRANSIENT,
        arguments: Arguments | None = None,
    ) -> None:
        # pykka's __init__ is not called: it costs 8.7 us and 2-5 KB (uuid4, Event, Queue, eager f-strings)
        self.actor_class = actor_class
        self._table: HandlerTable = getattr(actor_class, "_handlers", None)  # type: ignore[assignment]  # none: pykka's
        self._env = env
        self._parent = parent
        self._name = name
        self._spec = spec
        self._arguments = arguments
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lane: deque[Op] | None = None
        self._actor: Any = None
        self._phase = STARTING
        self._scheduled = True
        self._shortcut: Callable[[Any], object] | None = None
        self._shortcuts = 0
        self._above_water = self._tells_parent = False
        self._incarnation = 0
        self._accepted = self._handled = self._failed = self._lost = 0
        self._context: Context | None = None
        self._suspension: Suspension | None = None
        self._family: Family | None = None
        self._rare: dict[str, Any] | None = None
        self._front: deque[Any] | None = None

    # --- sending: any thread

    def tell(self, message: Any) -> None:
        """
        Sends a message; never waits, never blocks. Any thread.

        Delivery: at most once, in order with everything else this sender tells this actor, also across restarts. An
        accepted message is handled, fails, becomes a dead letter with a reason, or is still queued.

        Raises:
            ActorDeadError: The actor is gone, or is stopping for good.
            MailboxFull: The mailbox is bounded with overflow "fail", and full.
        """
        if self._phase >= STOPPING:
            raise self._not_found()
        self._accepted += 1
        self._queue.put(message)
        if not self._scheduled:
            self._scheduled = True
            self._env.dispatcher.schedule(self)
        if self._phase == DEAD:
            drain(self)

    @overload
    async def request(self, message: Request[R], *, timeout: float | None = None) -> R: ...
    @overload
    async def request(self, message: object, *, timeout: float | None = None) -> Any: ...
    async def request(self, message: object, *, timeout: float | None = None) -> Any:
        """
        Sends a message and waits for the answer.

        Delivery: at most once, in order with everything else this sender tells this actor. If the actor restarts while
        the message waits, it stays; if it was being handled, it is lost and this raises what the handler raised.

        Cancellation: safe. The actor may still handle the message; its answer is dropped without a dead letter.

        Args:
            message: Any immutable value; the actor sees this very object.
            timeout: Seconds from now; None for the system's `ask_timeout`, 5 s unless configured. An expired message is
                dropped before it is handled, and counted.

        Raises:
            ValueError: `timeout` is nan.
            AskTimeout: No answer within `timeout`.
            ActorDeadError: The actor was gone, or stopped before answering.
            MailboxFull: The mailbox refused the message.
            AskedSelf: The actor asks itself and would wait for its own next turn.
            AskCycleError: The actor that would answer waits, through others, for the one that asks.
        """
        env = self._env
        timeout = env.ask_timeout if timeout is None else timeout
        if timeout != timeout:  # one nan in the loop's heap, and other timers never come due
            raise ValueError(f"cannot ask {self} with a timeout of {timeout!r}: give seconds, or None")
        loop = asyncio.get_running_loop()
        asker = env.dispatcher.hosted(asyncio.current_task()) if loop is env.dispatcher.loop else None
        if asker is not None:
            refuse_ring(asker, self)
        reply: LoopFuture[Any] = LoopFuture()
        self._send(Ask(message, reply, env.clock.now() + timeout))
        expiry = loop.call_later(timeout, self._expire, reply, message, timeout)
        if asker is not None:
            asker._waits_for = (self, reply, asker._actor)
        try:
            return await reply
        finally:
            expiry.cancel()
            if asker is not None:
                asker._waits_for = None

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """
        pykka's ask: blocks a plain thread for the answer, or with `block=False` returns a future to await or `get`.

        Without a timeout there is none: it waits as long as the actor takes. None of it takes the message back.

        Args:
            timeout: Seconds to block. With `block=False` it says nothing: `get` has one of its own.

        Raises:
            WouldBlockLoop: Asked to block the thread of a running loop; nothing was sent.
            AskedSelf, AskCycleError: On the thread of a blocking actor, as of `request`; nothing was sent. With
                `block=False` they come when the future is waited for.
            ActorDeadError: As of `request`; with `block=False` the future has it.
            MailboxFull: The mailbox refused the message.
            pykka.Timeout: No answer within `timeout`.
        """
        if not block:
            return self._ask_for_later(message)
        if asyncio._get_running_loop() is not None:
            raise WouldBlockLoop(
                f"cannot ask {self} and block: this thread runs an event loop, which would stand still; "
                "use `await ref.request(message)`"
            )
        reply: LoopFuture[Any] = LoopFuture()
        with waiting_for(self, reply, owner_of_thread()):
            self._send(Ask(message, reply))
            return reply.get(timeout=timeout)

    def _ask_for_later(self, message: Any) -> Answer[Any]:
        answer: Answer[Any] = Answer(self)
        try:
            self._send(Ask(message, answer))
        except ActorDeadError as error:
            answer.fail(error)
        return answer

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """
        Asks it to stop once everything told before is handled; what is told later becomes dead letters.

        Returns:
            Whether it was alive; on the thread of a running loop, and with `block=False`, a future of that. A child
            that is `permanent` is restarted by its supervisor, as in OTP.
        """
        stopped: LoopFuture[bool] = LoopFuture()
        if self._phase == DEAD:
            stopped.resolve(False)
        elif self._closed:
            self.terminated.add_done_callback(lambda: stopped.resolve(True))
        else:
            self._send(Ask(ActorStop(), stopped))
        if block and asyncio._get_running_loop() is None:
            return stopped.get(timeout=timeout)
        return stopped

    def stop_now(self) -> None:
        """Asks it to stop after the message in hand; what waits in the mailbox becomes dead letters. Any thread."""
        self._post_from_any_thread(StopNow())

    def kill(self) -> None:
        """
        Cancels the handler in hand and ends this instance; `on_stop` still runs. Any thread; twice does no harm.

        To its supervisor it is a failure, as in OTP: a child that is not `temporary` is restarted.
        """
        self._post_from_any_thread(Kill())

    def proxy(self) -> pykka.ActorProxy[A]:
        """pykka's proxy: methods and attributes as futures; works on after a restart."""
        return Proxy(actor_ref=self)

    def close_shortcut(self) -> None:
        """What its actor has left there is not used any more (see `Actor.shortcut`). Loop thread only."""
        self._shortcut = None

    def put(self, envelope: Envelope[Any]) -> None:
        """pykka's inbox protocol, for code that puts envelopes by hand; `reply_to` may be any future of pykka's."""
        if envelope.reply_to is None:
            self.tell(envelope.message)
        else:
            self._send(Ask(envelope.message, in_front_of(envelope.reply_to)))

    # --- looking: any thread, a snapshot

    @property
    def path(self) -> str:
        """Where it stands in the tree: `/topics/room:42`. An unnamed actor has a number that means nothing."""
        if self._parent is None:
            return "/"
        return f"{self._parent.path.rstrip('/')}/{self._name or f'${id(self):x}'}"

    @property
    def terminated(self) -> LoopFuture[None]:
        """Settled when the actor is gone for good: await it, or `get` it on a plain thread."""
        future = self._termination
        if future is None:
            if self._rare is None:
                self._rare = {}
            future = self._rare.setdefault("_termination", LoopFuture())  # atomic: two threads get the same one
        if self._phase == DEAD:
            future.resolve(None)
        return future

    def is_alive(self) -> bool:
        """False from the moment it begins to stop for good."""
        return self._phase < STOPPING

    def counts(self) -> Counts:
        """What became of its messages; exact between its turns."""
        shortcuts = self._shortcuts
        return Counts(self._accepted + shortcuts, self._handled + shortcuts, self._failed, self._lost, self._queued())

    @property
    def shortcuts(self) -> int:
        """Deliveries that went by its shortcut (see `Actor.shortcut`); among those handled in `counts`."""
        return self._shortcuts

    def info(self) -> ActorInfo:
        """A snapshot for people; costs nothing until asked for."""
        suspension, now = self._suspension, self._env.clock.now()
        doing = suspension.message if suspension is not None else None
        return ActorInfo(
            path=self.path,
            actor_class=self.actor_class.__qualname__,
            phase=PHASES[self._phase],
            incarnation=self._incarnation,
            restarts=max(0, self._incarnation - 1),
            counts=self.counts(),
            children=len(self.children()),
            watchers=self._watcher_count(),
            doing=_type_name(doing) if doing is not None else None,
            doing_for=max(0.0, now - suspension.since) if suspension is not None and doing is not None else None,
            budget_left=self._budget_left(now),
            last_error=self._last_error,
        )

    def children(self) -> tuple[ActorRef[Any], ...]:
        """Its living children, in start order."""
        return tuple(self._family.children.values()) if self._family else ()

    def walk(self) -> Iterator[ActorRef[Any]]:
        """This actor and everything below it, parents first."""
        yield self
        for child in self.children():
            yield from child.walk()

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({self.actor_urn if self._env.pykka_compatible else self.path})"

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka: an attribute made eagerly
        """A uuid4 URN, made when first asked for."""
        urn = self._urn
        if urn is None:
            mine = uuid.uuid4().urn
            if self._rare is None:
                self._rare = {}
            urn = self._rare.setdefault("_urn", mine)  # atomic: two threads get the same one
        return urn

    @property
    def actor_inbox(self) -> ActorRef[A]:  # type: ignore[override]
        return self

    @property
    def actor_stopped(self) -> Stopped:  # type: ignore[override]
        return Stopped(self)

    def _actor_weakref(self) -> Any:  # type: ignore[override]  # what pykka calls to get at the instance
        return self._actor

    # --- inside the runtime

    @property
    def _closed(self) -> bool:
        return self._phase >= STOPPING

    @property
    def _doing(self) -> object:
        """The message whose handler is suspended."""
        return self._suspension.message if self._suspension is not None else None

    def _queued(self) -> int:
        """What waits, and what is in hand."""
        waiting = self._queue.qsize() + len(self._front or ()) + len(self._aside or ())
        return waiting + (self._doing is not None)

    def _watcher_count(self) -> int:
        watchers = self._family.watchers if self._family is not None else None
        return len(watchers or ()) + self._tells_parent

    def _budget_left(self, now: float) -> int | None:
        if self._parent is None or self._spec.restart == "temporary":
            return None
        family = self._parent._relations()
        if family.supervision.scope == "supervisor":
            return family.budget.left(now)
        own = self._record.budget if self._record is not None else None
        return family.supervision.intensity if own is None else own.left(now)

    def _send(self, ask: Ask) -> None:
        """An envelope; pykka's stop message inside one becomes our own, which no overflow may drop."""
        if isinstance(ask.message, ActorStop):
            self._stop_after_mailbox(ask.reply_to)
        else:
            self.tell(ask)

    def _stop_after_mailbox(self, reply_to: pykka.Future[Any] | None, reason: ExitReason = "stopped") -> None:
        self._accepted += 1
        self._queue.put(TailStop(reply_to, reason))
        if not self._scheduled:
            self._scheduled = True
            self._env.dispatcher.schedule(self)
        if self._phase == DEAD:
            drain(self)

    def _put_tick(self, tick: Tick) -> None:
        """No bound applies: at most one tick per timer waits."""
        if self._closed:
            return
        self._accepted += 1
        self._queue.put(tick)
        if not self._scheduled:
            self._scheduled = True
            self._env.dispatcher.schedule(self)

    def _post(self, op: Op) -> None:
        """Puts into the system lane and has it looked at; a suspended turn looks at its end. Loop thread only."""
        if self._phase == DEAD:
            settle(op)
            return
        if self._lane is None:
            self._lane = deque()
        if isinstance(op, Kill):
            for waiting in [one for one in self._lane if isinstance(one, Kill)]:
                self._lane.remove(waiting)  # two kills are one: the second must not cut short what the first began
        self._lane.append(op)
        if self._suspension is None:
            self._scheduled = True
            self._env.dispatcher.schedule(self)
        elif isinstance(op, Kill):
            self._cut_short(self._suspension, op)

    def _cut_short(self, suspension: Suspension, kill: Kill) -> None:
        """Cancels what is in hand. What a `kill` cancels is looked at after a grace; a supervisor does that itself."""
        suspension.cancel()
        if kill.reason == "killed" and self._send_off is None:
            self._env.dispatcher.loop.call_later(KILL_GRACE, self._env.overdue, self, suspension)

    def _post_from_any_thread(self, op: Op) -> None:
        dispatcher = self._env.dispatcher
        if self._phase == DEAD or asyncio._get_running_loop() is dispatcher.loop:  # that of the dead may be closed
            self._post(op)
        else:
            dispatcher.loop.call_soon_threadsafe(self._post, op)

    def _not_found(self) -> ActorDeadError:
        return ActorDeadError(f"{self} not found", self._reason or "stopped")

    def _expire(self, reply: LoopFuture[Any], message: object, waited: float) -> None:
        reply.fail(AskTimeout(str(self), type(message).__name__, waited, f"it is {self._state()}"))

    def _state(self) -> str:
        """For letters: what keeps it from answering. Any thread."""
        doing = self._doing
        at = f", in the middle of {_type_name(doing)}" if doing is not None else ""
        return f"{PHASES[self._phase]}{at}, with {self._queue.qsize()} queued"

    def _living(self) -> ActorRef[Any]:
        """Who answers what it is asked (see `ask_ring`)."""
        return self

    def _relations(self) -> Family:
        family = self._family
        if family is None:
            family = Family(getattr(self.actor_class, "supervision", ONE_FOR_ONE))
            if self._family is None:  # no thread switch lies between this look and the store
                self._family = family
            family = self._family
        return family

    def _adopt(self, child: ActorRef[Any]) -> None:
        """Takes a child in. Any thread: `setdefault` is atomic. Raises NameTaken."""
        holder = self._relations().children.setdefault(child._name or child, child)
        if holder is not child:
            raise NameTaken(
                f"cannot spawn {child.actor_class.__name__} as {child._name!r} under {self.path}: "
                f"{holder} has that name; choose another, or stop it first"
            )

    def _disown(self, child: ActorRef[Any]) -> None:
        key = child._name or child
        if self._family is not None and self._family.children.get(key) is child:  # else its name is another's by now
            del self._family.children[key]


def _type_name(message: object) -> str:
    return type(message.message if isinstance(message, Ask | Tick) else message).__name__
