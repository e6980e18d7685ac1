"""
How a life begins, fails, and is mended.

Theory of operation. Whatever happens to an actor comes as an op in its system lane, so it happens between two messages
and on the loop's thread. Short ops are done at once; those that may wait (hooks, children that stop) are coroutines
that the turn suspends like any handler.

    STARTING --on_start--> RUNNING --failed--> SUSPENDED --rebuild--> RUNNING
        \\-----failed---------^  \\--stop, kill--> STOPPING --> DEAD   (from every phase)

It refuses to know budgets and back-off (supervision), how a life ends (ending), and what a message is (turn).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from threading import get_ident
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka import ActorRegistry

from .bounded import BoundedRef
from .burial import close, drop_instance, end_back_off, is_registered, look_at_group, strip
from .cell import DEAD, RUNNING, STARTING, STOPPING, SUSPENDED, ActorRef, Arguments
from .departure import as_itself, depart, finish, goes_alone
from .ending import call_hook, end
from .errors import ActorDeadError, NotCharged, RestartsExceeded, in_short
from .events import ActorFailed, ActorRestarted, SupervisorGaveUp
from .leftovers import drain
from .mailbox import UNBOUNDED
from .messages import ChildFailed
from .ops import (
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
    is_cut_short,
    settle,
)
from .send_off import stop_children
from .siblings import gather, is_member, is_retired, regroup, rejoin, revive
from .supervision import (
    JOIN,
    STOP,
    TEMPORARY,
    TRANSIENT,
    ChildSpec,
    Decision,
    ExitReason,
    GiveUp,
    Restart,
    RestartRecord,
    decide,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    import pykka

    from .environment import Environment

    Cell = ActorRef[Any]
    Doing = Coroutine[Any, Any, None]

NEVER_RAN = ("on_start", "restart")
"""What an instance was doing if it failed before its first message: no hook of an ending is due to it."""


def spawn(
    env: Environment,
    parent: Cell | None,
    actor_class: type[pykka.Actor],
    arguments: Arguments,
    name: str | None,
    spec: ChildSpec | None,
) -> Cell:
    """
    Makes an actor below `parent`. `__init__` runs here, in the caller, and what it raises is raised here.

    Args:
        spec: None for what `parent` gives to its children.

    Raises:
        NameTaken: A living child of `parent` has that name.
        ActorDeadError: `parent` has ended or is ending.
    """
    if spec is None:
        spec = TRANSIENT if parent is None else getattr(parent.actor_class, "child_spec", TRANSIENT)
    if spec.mailbox is not None:
        actor_class = env.variants.with_mailbox(actor_class, spec.mailbox)
    ref_class = ActorRef if getattr(actor_class, "mailbox", UNBOUNDED).capacity is None else BoundedRef
    cell: Cell = ref_class(actor_class, env, parent, name, spec, arguments if any(arguments) else None)
    if parent is not None:
        if parent._closed:
            reason = parent._reason or "stopped"
            raise ActorDeadError(f"cannot spawn {actor_class.__name__}: {parent} not found", reason)
        parent._adopt(cell)
    try:
        if parent is not None and parent._closed:  # on another thread, while it took this one in
            raise ActorDeadError(f"cannot spawn {actor_class.__name__}: {parent} ended", parent._reason or "stopped")
        construct(cell)
        if is_registered(cell):
            ActorRegistry.register(cell)
        if cell._phase != STARTING:  # ended while it was made, on another thread
            _make_dead(cell)
    except BaseException:
        _take_back(cell)
        raise
    if spec.restart == "temporary":
        cell._arguments = None  # never built again: nothing it was given is kept alive
    _begin(cell)
    return cell


def _make_dead(cell: Cell) -> None:
    """Its burial came before its instance. Raises ActorDeadError if that was because of its parent."""
    drop_instance(cell)
    ActorRegistry.unregister(cell)
    parent = cell._parent
    if parent is not None and parent._closed:
        reason = parent._reason or "stopped"
        raise ActorDeadError(f"cannot spawn {cell.actor_class.__name__}: {parent} ended meanwhile", reason)


def _take_back(cell: Cell) -> None:
    """
    Its `__init__` raised: its name is free at once. Any thread.

    What it began in there, children, watches, timers, ends as with any actor, in a turn; until then it stands in the
    tree without its name.
    """
    parent, cell._spec, cell._arguments = cell._parent, TEMPORARY, None
    if parent is not None:
        parent._disown(cell)
    if cell._phase != STARTING:
        return
    if parent is None or (cell._family is None and cell._rare is None and cell._lane is None):
        cell._phase, cell._reason = DEAD, "failed"
        drain(cell)
        if cell._termination is not None:
            cell._termination.resolve(None)
        return
    cell._name = None
    parent._adopt(cell)
    cell._post_from_any_thread(StopNow("failed"))


def construct(cell: Cell) -> None:
    """Makes the next instance. It has its ref before its `__init__` runs."""
    args, kwargs = cell._arguments or ((), {})
    cls = cell.actor_class
    actor = cls.__new__(cls, *args, **kwargs)
    actor._actor_ref = cell
    cls.__init__(actor, *args, **kwargs)
    cell._actor = actor
    cell._incarnation += 1


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
        starting = _start(cell) if op.starting is None else op.starting
        return None if starting is None else _start_later(cell, starting)
    if isinstance(op, Fail):
        return None if is_retired(cell) else _mend(cell, op.error, op.doing)  # else what ended it came first
    if isinstance(op, Rebuild):
        return _rebuild(cell, op)
    if isinstance(op, Retire):
        return _make_way(cell, op)
    if isinstance(op, Regroup):
        return regroup(cell, op)
    if isinstance(op, Revive):
        revive(cell)
    if isinstance(op, Revive | TakeUp | Finish):  # the last one only where the end has begun
        return None
    return _leave(cell, op.reason, None, hurried=op.reason == "shutdown")


def fail(cell: Cell, error: BaseException, doing: str) -> None:
    """The instance failed: no further message is handed to it, and its supervisor will decide. Loop thread only."""
    env = cell._env
    cell._last_error = in_short(error)
    env.events.publish(ActorFailed(cell, error, doing))
    if isinstance(error, (SystemExit, KeyboardInterrupt)) and env.fatal is None:
        env.fatal = error
    if cell._phase >= STOPPING:
        return
    cell._phase = STARTING if doing in NEVER_RAN else SUSPENDED
    cell._scheduled = True
    if env.pykka_compatible and not isinstance(error, Exception):
        ActorRegistry.stop_all(block=False)
        cell._post(StopNow())
    else:
        cell._post(Fail(error, doing))


def _begin(cell: Cell) -> None:
    if getattr(cell.actor_class, "_has_on_start", True):
        if _starts_in_place(cell):
            _start_in_place(cell)
        else:
            cell._post_from_any_thread(Start())
        return
    if cell._phase != STARTING:  # its parent ended, on another thread, while it was made
        drop_instance(cell)
        return
    cell._phase = RUNNING
    _be_idle(cell)


def _be_idle(cell: Cell) -> None:
    """
    It is up before its first turn; what it was told meanwhile, by its own `__init__` for one, is looked at.

    Made on another thread it has a turn for that: one may be under way, and who is in a turn is not idle.
    """
    if cell._lane or get_ident() != cell._env.dispatcher.thread:
        cell._env.dispatcher.schedule(cell)
        return
    cell._scheduled = False
    if not cell._queue.empty() and not cell._scheduled:
        cell._scheduled = True
        cell._env.dispatcher.schedule(cell)


def _starts_in_place(cell: Cell) -> bool:
    dispatcher = cell._env.dispatcher
    return (
        getattr(cell.actor_class, "starts_in_place", False)
        and dispatcher.in_place == "always"
        and asyncio._get_running_loop() is dispatcher.loop
    )


def _start_in_place(cell: Cell) -> None:
    """What is left to be awaited is stepped in a turn, whose task then belongs to it."""
    starting = as_itself(cell, _start, cell)
    if starting is not None:
        cell._post(Start(starting))
    elif cell._phase == RUNNING:
        _be_idle(cell)


def _start(cell: Cell) -> Doing | None:
    """What is left of it to be awaited, if anything is."""
    actor = cell._actor
    try:
        result = actor._run_hook(actor.on_start)
    except BaseException as error:
        fail(cell, error, "on_start")
        return None
    if isinstance(result, CoroutineType):
        return result
    cell._phase = RUNNING
    return None


async def _start_later(cell: Cell, starting: Doing) -> None:
    try:
        await starting
    except BaseException as error:
        _not_up(cell, error, "on_start")
    else:
        cell._phase = RUNNING


def _not_up(cell: Cell, error: BaseException, doing: str) -> None:
    """A start that raised is a failure; one that was cut short is none: what did it waits in the lane."""
    if not (isinstance(error, (asyncio.CancelledError, GeneratorExit)) and is_cut_short(cell._lane)):
        fail(cell, error, doing)
    elif doing in NEVER_RAN:
        drop_instance(cell)


async def _mend(cell: Cell, error: BaseException, doing: str) -> None:
    decision = _judge(cell, "failed", charged=not isinstance(error, NotCharged))
    if not isinstance(decision, Restart):
        close(cell, "gave_up" if isinstance(decision, GiveUp) else "failed")
    with _kept(cell, decision):
        if cell._actor is not None:
            await call_hook(cell, "on_failure", cell._actor.on_failure, type(error), error, error.__traceback__)
    if doing in NEVER_RAN:
        drop_instance(cell)  # it never ran: no hook of an ending for it
    parent = cell._parent
    if parent is not None and getattr(parent.actor_class, "_has_on_signal", False):
        parent._post(Notify(ChildFailed(cell, error)))
    if isinstance(decision, Restart):
        await _replace(cell, error, decision)
    elif isinstance(decision, GiveUp):
        await _give_up(cell, error, decision)
    else:
        await end(cell, "failed", error)


def _stop_now(cell: Cell, op: StopNow) -> Doing | None:
    if op.reply_to is not None or not goes_alone(cell, op.reason):
        return _leave(cell, op.reason, op.reply_to)
    ending = depart(cell, op.reason)
    return None if ending is None else finish(cell, ending)


async def _leave(cell: Cell, reason: ExitReason, reply_to: pykka.Future[Any] | None, *, hurried: bool = False) -> None:
    """A stop or a kill: the end, unless its child spec says that this kind of exit is mended."""
    decision = _judge(cell, reason)
    try:
        if isinstance(decision, Restart):
            await _replace(cell, None, decision)
        elif isinstance(decision, GiveUp):
            await _give_up(cell, None, decision)
        else:
            await end(cell, reason, hurried=hurried)
    finally:  # also when this is closed in the middle, because a hook had to be abandoned
        if reply_to is not None:
            reply_to.resolve(True)  # type: ignore[attr-defined]


def _judge(cell: Cell, reason: ExitReason, *, charged: bool = True) -> Decision:
    parent = cell._parent
    if parent is None or parent._phase >= STOPPING or not cell._spec.mends(reason):
        return STOP
    if is_member(parent, cell):
        return JOIN
    if cell._record is None:
        cell._record = RestartRecord()
    record, family, env = cell._record, parent._relations(), cell._env
    supervision, budget = family.supervision, family.budget
    now, random = env.clock.now(), env.random.random
    decision = decide(supervision, budget, cell._spec, record, reason, now, random, charged=charged)
    if isinstance(decision, Restart) and decision.with_siblings:
        gather(parent, cell)
    return decision


async def _replace(cell: Cell, error: BaseException | None, decision: Restart) -> None:
    """The instance goes; the next one comes after the back-off, or with its siblings."""
    with _kept(cell, decision):
        await _retire(cell, error)
    _bring_back(cell, decision)


@contextmanager
def _kept(cell: Cell, decision: Decision) -> Iterator[None]:
    """A restart that was decided is carried out also if this is closed, because a hook had to be abandoned."""
    try:
        yield
    except GeneratorExit:
        if isinstance(decision, Restart) and cell._parent is not None and cell._parent._phase <= RUNNING:
            strip(cell)
            _bring_back(cell, decision)
        raise


def _bring_back(cell: Cell, decision: Restart) -> None:
    parent = cell._parent
    if cell._phase >= STOPPING or parent is None:
        return
    if (
        parent._phase >= STOPPING
    ):  # meanwhile: it told this one to stop, maybe behind what waits, and brings nobody back
        cell._post(StopNow("shutdown"))
    elif decision is JOIN:
        rejoin(cell)
    elif decision.with_siblings:
        parent._post(Regroup(cell, decision.delay))
    elif decision.delay <= 0:
        cell._post(Rebuild(0.0))
    else:
        loop = cell._env.dispatcher.loop
        cell._back_off = loop.call_later(decision.delay, cell._post, Rebuild(decision.delay))


async def _make_way(cell: Cell, op: Retire) -> None:
    try:
        await _retire(cell, None)
    finally:
        settle(op)


async def _retire(cell: Cell, error: BaseException | None) -> None:
    """The end of an instance whose ref lives on: its hook, its children, its timers; its stash goes back in front."""
    if cell._phase == STARTING:
        drop_instance(cell)  # it never ran: no hook for it
    cell._phase = SUSPENDED
    cell._scheduled = True
    if cell._actor is not None:
        await call_hook(cell, "pre_restart", cell._actor.pre_restart, error)
    await stop_children(cell, drain=False)
    strip(cell)


async def _rebuild(cell: Cell, op: Rebuild) -> None:
    if cell._phase != SUSPENDED or cell._actor is not None:  # it came back otherwise
        return
    end_back_off(cell)
    doing = "restart"
    try:
        construct(cell)
        await _run_hook(cell._actor, "on_start")
        doing = "post_restart"  # from here on it has started, and will be stopped
        await _run_hook(cell._actor, "post_restart")
        cell._phase = RUNNING
    except BaseException as error:
        _not_up(cell, error, doing)
        return
    cell._env.events.publish(ActorRestarted(cell, cell._incarnation, op.delay))
    look_at_group(cell)


async def _run_hook(actor: Any, name: str) -> None:
    result = actor._run_hook(getattr(actor, name))
    if isinstance(result, CoroutineType):
        await result


async def _give_up(cell: Cell, error: BaseException | None, decision: GiveUp) -> None:
    parent = cell._parent
    assert parent is not None
    cell._env.events.publish(SupervisorGaveUp(parent, cell, error, decision.then))
    spec = parent._relations().supervision
    exceeded = RestartsExceeded(str(cell), spec.intensity, spec.period)
    exceeded.__cause__ = error
    try:
        await end(cell, "gave_up", error)
    finally:  # also when this is closed in the middle
        if decision.then != "stop_child":
            fail(parent, exceeded, "supervising")


def _deliver_signal(cell: Cell, op: Notify) -> Doing | None:
    if cell._phase != RUNNING:
        return None
    is_signal = op.message is THE_SIGNAL
    result = cell._actor._receive_signal(op.signal if is_signal else op.message, is_signal)
    return result if isinstance(result, CoroutineType) else None
