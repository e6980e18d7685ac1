"""
What becomes of an actor that failed or was ended: another instance under the same ref, an end, or its supervisor fails.

It refuses to know budgets and back-off (supervision), and how a life ends (ending).
"""

from __future__ import annotations

from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..cell.cell import RUNNING, STARTING, STOPPING, SUSPENDED
from ..errors import NotCharged, RestartsExceeded
from ..events import ActorRestarted, SupervisorGaveUp
from ..mail.messages import ChildFailed
from ..mail.ops import Notify, Rebuild, Regroup, Retire, StopNow, settle
from ..supervision import JOIN, STOP, Decision, ExitReason, GiveUp, Restart, RestartRecord, decide
from .burial import close, drop_instance, end_back_off, look_at_group, strip
from .ending import call_hook, end
from .failure import NEVER_RAN, fail
from .send_off import stop_children
from .siblings import gather, is_member, rejoin
from .starting import construct, not_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pykka

    from ..cell.cell import ActorRef

    Cell = ActorRef[Any]


async def mend(cell: Cell, error: BaseException, doing: str) -> None:
    """Its instance failed while `doing` that: its supervisor decides, its hook and its parent hear of it."""
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


async def leave(cell: Cell, reason: ExitReason, reply_to: pykka.Future[Any] | None, *, hurried: bool = False) -> None:
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
    if parent._phase >= STOPPING:  # meanwhile: it told this one to stop, maybe behind what waits, and revives nobody
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


async def make_way(cell: Cell, op: Retire) -> None:
    """For siblings that are restarted together: its instance goes, and who waits for that is told."""
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


async def rebuild(cell: Cell, op: Rebuild) -> None:
    """The next instance, once the last one has gone and the back-off is over."""
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
        not_up(cell, error, doing)
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
