"""What an actor is to the one who writes it: a class with handlers, hooks, children, timers."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeVar

import pykka

from .cell.cell import ActorRef
from .cell.class_check import check_handlers, check_settings
from .cell.handler_table import BUILT_IN, HandlerTable
from .cell.hook_names import HookNames
from .cell.idle import Idle
from .cell.piping import PipeFailed, Pipes
from .cell.timers import Timers
from .errors import BadActor, NotInSystem
from .events import MessageUnhandled
from .future import LoopFuture
from .life.death_watch import unwatch, watch
from .life.departure import stop_in_place
from .life.starting import spawn
from .mail.mailbox import UNBOUNDED, Mailbox
from .mail.messages import ReceiveTimeout
from .mail.ops import Notify
from .mail.stash import Stashed, take_up
from .supervision import ONE_FOR_ONE, TRANSIENT, ChildSpec, SupervisorSpec

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from .cell.environment import Environment
    from .mail.messages import Signal

A = TypeVar("A", bound="Actor")


class Home(Protocol):
    """Where `start` puts an actor: a system."""

    env: Environment

    def spawn(self, actor_class: type[A], /, *args: Any, **kwargs: Any) -> ActorRef[A]: ...


class Actor(pykka.Actor):
    """
    An actor: subclass it, mark handlers with `@handles`, and `spawn` it in an `ActorSystem`.

    Handlers and hooks may be plain functions or coroutines. One message is handled at a time, awaits included. What a
    handler raises makes the actor fail: its supervisor restarts it under the same ref, or ends it. If the message was
    an ask, the asker gets the error instead and the actor runs on (see `reply_errors`).
    """

    __slots__ = ("_actor_ref",)  # out of the instance's dict: an actor without attributes of its own has none

    mailbox: ClassVar[Mailbox] = UNBOUNDED
    supervision: ClassVar[SupervisorSpec] = ONE_FOR_ONE
    """How this actor supervises its children."""

    is_supervisor: ClassVar[bool] = False
    """Whether it only keeps children alive: stopping it has no deadline but theirs (see `ChildSpec.shutdown`)."""

    child_spec: ClassVar[ChildSpec] = TRANSIENT
    """What a child gets that is spawned without a spec of its own."""

    reply_errors: ClassVar[tuple[type[Exception], ...] | None] = None
    """Errors that only answer an ask. None: all of them do, as in pykka. Others fail the actor too."""

    starts_in_place: ClassVar[bool] = False
    """Whether `on_start` runs before `spawn` returns, as `__init__` does, if that is called on the loop's thread; what
    it returns to be awaited waits for its first turn. For those whose maker goes on only once they are up."""

    home: ClassVar[Home | None] = None
    """Where pykka's `start` puts actors of this class; `spawn` does not need it."""

    _hook_names: ClassVar[HookNames]
    _handlers: ClassVar[HandlerTable]
    _in_place: ClassVar[dict[type, Callable[[Any, Any], Any]]]
    _has_on_start: ClassVar[bool]
    _has_on_signal: ClassVar[bool]
    _takes_undelivered: ClassVar[bool]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        letter = cls._hook_names.misspelt(cls)
        if letter is not None:
            raise BadActor(letter)
        cls._learn()

    @classmethod
    def _learn(cls) -> None:
        """Reads the class once, so that a turn looks up one dict."""
        check_settings(cls)
        check_handlers(cls)
        declared = dict(BUILT_IN)
        in_place: dict[type, Callable[[Any, Any], Any]] = {}
        for base in reversed(cls.__mro__):
            for name, function in vars(base).items():
                kinds, quick = getattr(function, "_handles", ((), ()))
                handler = getattr(cls, name, function)  # an override without a mark of its own replaces the marked one
                for kind in kinds:
                    declared[kind] = handler
                    in_place.pop(kind, None)
                    if kind in quick and handler is function:
                        in_place[kind] = handler
        table = HandlerTable(declared)
        table.high_water = float("inf") if cls.mailbox.high_water is None else cls.mailbox.high_water
        cls._handlers, cls._in_place = table, in_place
        table.end_of_turn = cls._overridden("on_turn_end")
        cls._has_on_start = cls._overridden("on_start") is not None
        cls._has_on_signal = cls._overridden("on_signal") is not None
        cls._takes_undelivered = cls._overridden("on_undelivered") is not None
        for name in ("on_turn_end", "on_undelivered"):
            if inspect.iscoroutinefunction(getattr(cls, name)):
                raise BadActor(f"{cls.__name__}.{name} cannot be a coroutine: nobody would await it; make it plain")

    @classmethod
    def _overridden(cls, name: str) -> Callable[..., Any] | None:
        mine: Callable[..., Any] = getattr(cls, name)
        return mine if mine not in (vars(Actor).get(name), vars(pykka.Actor).get(name)) else None

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Has its ref already when made by `spawn`; made by hand it gets one that is not alive anywhere."""
        if not hasattr(self, "_actor_ref"):
            home = type(self).home
            if home is None:
                raise NotInSystem(_no_home(type(self)))
            self._actor_ref = ActorRef(type(self), home.env)
            self._actor_ref._actor = self

    @classmethod
    def start(cls: type[A], *args: Any, **kwargs: Any) -> ActorRef[A]:
        """pykka's way to start an actor, in the system that `home` names. Prefer `system.spawn(cls, ...)`."""
        if cls.home is None:
            raise NotInSystem(_no_home(cls))
        return cls.home.spawn(cls, *args, **kwargs)

    # --- hooks: plain functions or coroutines, none of them needs super()

    def on_start(self) -> Any:
        """Before the first message, for each instance. Raising counts as a failure."""

    def on_stop(self) -> Any:
        """
        After the last message of an actor that ends for good; children are gone by then.

        It may take as long as its actor has to stop (`ChildSpec.shutdown`, 5 s by default); then it is cancelled.
        """

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        """This instance failed. What becomes of it is decided by its supervisor, not here."""

    def pre_restart(self, reason: BaseException | None) -> Any:
        """The last hook of an instance that will be replaced; by default what `on_stop` does."""
        return self.on_stop()

    def post_restart(self) -> Any:
        """After `on_start` of an instance that replaced another."""

    def on_signal(self, signal: Signal) -> Any:
        """`Terminated`, `ChildFailed`, `HighWater`, `ReceiveTimeout`: on the system lane, before waiting messages."""

    def on_turn_end(self) -> None:
        """After the messages of a turn, a plain function: the place to send once what many messages asked for."""

    def on_undelivered(self, messages: list[object]) -> None:
        """A plain function: takes the tells that wait when the actor ends for good; else they are dead letters."""

    def on_receive(self, message: Any) -> Any:
        """Messages that have no handler of their own."""
        self._actor_ref._env.events.publish(MessageUnhandled(self._actor_ref, type(message).__name__))

    # --- what an actor may do, inside its handlers and hooks

    def spawn(
        self, actor_class: type[A], /, *args: Any, name: str | None = None, spec: ChildSpec | None = None, **kwargs: Any
    ) -> ActorRef[A]:
        """Starts a child. It is stopped before this actor is, and (by default) when this one restarts."""
        return spawn(self._actor_ref._env, self._actor_ref, actor_class, (args, kwargs), name, spec)

    def stop_in_place(self, ref: ActorRef[Any]) -> bool:
        """
        Stops a child that is idle, has no children and would not be restarted, before this returns; it saves two turns.

        Returns:
            Whether it is gone. If it is not, it was not idle and is left alone; or it ends, which is to be watched for,
            when what its `on_stop` returned has been awaited.
        """
        return stop_in_place(ref)

    @property
    def has_mail(self) -> bool:
        """Whether messages wait behind the one in hand."""
        ref = self._actor_ref
        return bool(ref._front) or not ref._queue.empty()

    def watch(self, ref: ActorRef[Any]) -> None:
        """
        Exactly one `Terminated` in `on_signal` when `ref` is gone for good, also if it is already. Twice is once.

        It survives restarts of either, and `ref` may be of another system, on another loop. It is not told if that loop
        is closed under a tree that nobody has stopped.

        Raises:
            TypeError: `ref` is none.
        """
        watch(self._actor_ref, ref)

    def watch_with(self, ref: ActorRef[Any], message: object) -> None:
        """As `watch`, with a message of one's own, any value, instead of the signal: it goes to its handler."""
        watch(self._actor_ref, ref, message)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Ends a watch, if there is one: nothing of it comes after this, also if its notice is under way."""
        unwatch(self._actor_ref, ref)

    def stash(self) -> NoReturn:
        """
        Puts the message in hand aside and ends its handler here; an asker keeps waiting. At most 1,000.

        Never returns: it raises what the runtime catches, so do not swallow `BaseException` around it.
        """
        raise Stashed(f"cannot stash in {self}: no message is in hand; a hook has none")

    def unstash(self) -> int:
        """Takes up what was put aside, before everything that waits, in its old order; returns how many."""
        return take_up(self._actor_ref)

    def pipe_to_self(
        self,
        awaitable: Awaitable[Any],
        *,
        to: Callable[[Any], object] = lambda value: value,
        failed: Callable[[BaseException], object] = PipeFailed,
    ) -> None:
        """
        Awaits on the side and tells this actor the outcome: `to(value)`, or `failed(error)`.

        Ends with this instance: a restart cancels it, and drops its message if that waits already. At most 1,000.
        """
        ref = self._actor_ref
        pipes = ref._pipes
        if pipes is None:
            pipes = ref._pipes = Pipes(ref)
        pipes.add(awaitable, to, failed)

    def set_receive_timeout(self, seconds: float | None) -> None:
        """`ReceiveTimeout` in `on_signal` after so many seconds without a user message; None switches it off."""
        ref = self._actor_ref
        idle = None if seconds is None else Idle(ref, seconds, lambda: ref._post(Notify(ReceiveTimeout(seconds))))
        if ref._idle is not None:
            ref._idle.cancel()
        ref._idle = idle

    def shortcut(self, way: Callable[[Any], object] | None) -> None:
        """
        Leaves a function that a broadcast calls instead of telling this actor, with what the broadcast carries.

        It is called where the handler would be run in place, and must do all that the handler and the end of the turn
        would; that is no turn: nothing is seen of it but in `counts`, and it keeps nobody from being idle. What it
        raises fails this actor. It goes with this instance, or when it is taken back; a class without handlers that
        are declared `in_place` has none.

        Args:
            way: Quick, on the loop's thread, in the sender's context. None: it is taken back.
        """
        self._actor_ref._shortcut = way if self._in_place else None

    @property
    def timers(self) -> Timers:
        ref = self._actor_ref
        if ref._timers is None:
            ref._timers = Timers(ref)
        return ref._timers

    def stop(self) -> None:
        """Stops this actor after the messages that wait already."""
        self._actor_ref._stop_after_mailbox(None)

    @property
    def actor_ref(self) -> ActorRef[Any]:
        return self._actor_ref

    _actor_ref: ActorRef[Any]

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        return self._actor_ref.actor_urn

    @property
    def actor_inbox(self) -> ActorRef[Any]:  # type: ignore[override]
        return self._actor_ref

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        return self._actor_ref.actor_stopped

    def __str__(self) -> str:
        return str(self._actor_ref)

    # --- pykka's extension points, and ours

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise BadActor("the mailbox of an actor is part of its ref; nothing creates one beside it")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return LoopFuture()

    def _start_actor_loop(self) -> None:
        raise BadActor("the dispatcher runs this actor; nothing starts a loop for it")

    def claim(self, task: asyncio.Task[Any]) -> None:
        """
        Says that a task runs code of this actor: if it blocks the loop, the watchdog says whose. Loop thread.

        Of several actors that claim one task the last has it.
        """
        claimed = self.actor_ref._env.dispatcher.claimed
        if task not in claimed:
            task.add_done_callback(claimed.pop)
        claimed[task] = self.actor_ref

    def _run_hook(self, hook: Callable[..., Any], *args: object) -> Any:
        """Runs one of the hooks above; a blocking actor runs it on its thread."""
        return hook(*args)

    def _receive_signal(self, message: Any, is_signal: bool) -> Any:
        if is_signal:
            return self.on_signal(message)
        handler = type(self)._handlers[type(message)]
        return handler(self, message) if handler is not None else None

    def _release(self) -> None:
        """This instance is over, by an end or a restart; what it holds beside its attributes may go."""


def _no_home(cls: type) -> str:
    return (
        f"cannot start {cls.__name__} outside of an actor system: use `system.spawn({cls.__name__}, ...)`, "
        "or name one as the class attribute `home`"
    )


Actor._hook_names = HookNames.of(Actor)
Actor._learn()
