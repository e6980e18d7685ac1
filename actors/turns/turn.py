"""
One turn of an actor: its system lane, then up to `throughput` messages, then the end-of-turn hook.

Theory of operation. A turn is a plain function run inside the actor's own context. A handler that is a coroutine is
stepped right here; if it does not really wait, nothing was created for it. If it does, the turn returns what is left of
it as a `Suspension`, the runner hosts that, and the actor handles nothing else until it ended (non-reentrant).
"""

from __future__ import annotations

import asyncio
from functools import partial
from queue import Empty
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..cell.cell import DEAD, RUNNING, ActorRef
from ..errors import ActorDeadError
from ..events import AskFailed, MailboxOverflowed
from ..life.failure import fail
from ..life.lifecycle import perform
from ..mail.leftovers import undeliverable
from ..mail.messages import Ask, HighWater, TailStop, Tick
from ..mail.ops import Kill, Notify, Op, StopNow, is_cut_short
from ..mail.stash import Stashed, StashFull, put_aside
from .dispatcher import Suspension

if TYPE_CHECKING:
    from collections.abc import Callable

    Cell = ActorRef[Any]
    Handler = Callable[[Any, Any], Any]


def take_turn(cell: Cell, throughput: int) -> Suspension | None:
    """What the dispatcher calls. A cell that is suspended or dead stands in the queue by accident and is left alone."""
    if cell._suspension is not None or cell._phase == DEAD:
        return None
    context = cell._context
    if context is None:
        context = cell._context = cell._env.context.copy()
    suspension = context.run(_turn, cell, throughput)
    if suspension is not None:
        suspension.context = context
        cell._suspension = suspension
        kill = next((op for op in cell._lane or () if isinstance(op, Kill)), None)
        if kill is not None:  # told to by what it then waited for
            cell._env.dispatcher.loop.call_soon(cell._cut_short, suspension, kill)
    return suspension


def _turn(cell: Cell, throughput: int) -> Suspension | None:  # noqa: C901  # the hot loop: calls would cost more
    if cell._lane:
        suspension = _run_lane(cell)
        if suspension is not None:
            return suspension
    if cell._phase != RUNNING:
        return None
    queue, actor, front, table = cell._queue, cell._actor, cell._front, cell._table
    waiting, known = len(front) if front else queue.qsize(), table.known
    if waiting > table.high_water:
        _watch_water(cell, table.high_water)
    if waiting and cell._rare is not None:
        note_activity(cell)
    left, handled = waiting if waiting < throughput else throughput, 0
    while left:
        left -= 1
        try:  # what was taken up from the stash comes before everything else
            message = front.popleft() if front else queue.get_nowait()
        except Empty:  # a sender made room in a full mailbox
            break
        try:
            try:
                handler = known[type(message)]
            except KeyError:
                handler = table.learn(type(message))
            if handler is None:  # an envelope, a tick or a stop: it counts for itself
                suspension = _unwrap(cell, table, message)
                if suspension is not None:
                    cell._handled += handled
                    return suspension
            else:
                result = handler(actor, message)
                if type(result) is CoroutineType:
                    try:
                        waits_for = result.send(None)
                    except StopIteration:
                        pass
                    else:
                        cell._handled += handled
                        return _suspend(cell, message, result, waits_for)
                handled += 1
        except BaseException as error:
            message_failed(cell, message, error)
        if cell._lane:  # whatever ends or suspends this instance comes as an op
            break
    cell._handled += handled
    if cell._above_water:
        _watch_water(cell, table.high_water)
    if table.end_of_turn is not None and cell._phase == RUNNING:
        _flush(cell, table.end_of_turn)
    end_turn(cell)
    return None


def note_activity(cell: Cell) -> None:
    """A user message: neither signals nor stops keep an actor from being idle."""
    rare = cell._rare
    if rare is not None:  # looked up past its descriptors, which would cost more
        idle, rest = rare.get("_idle"), rare.get("_rest")
        if idle is not None:
            idle.touch()
        if rest is not None:
            rest.touch()


def end_turn(cell: Cell) -> None:
    """Nobody looks at the mailbox any more; then look once more, for what came between."""
    if cell._lane:
        cell._env.dispatcher.schedule(cell)
    elif cell._phase == RUNNING:
        cell._scheduled = False
        if (not cell._queue.empty() or cell._front) and not cell._scheduled:
            cell._scheduled = True
            cell._env.dispatcher.schedule(cell)


def _flush(cell: Cell, hook: Callable[[Any], None]) -> None:
    dispatcher = cell._env.dispatcher
    dispatcher.flushing = True
    cell._scheduled = True  # also in the turn of one that stood in the queue twice: on the stack, it is not idle
    try:
        hook(cell._actor)
    except BaseException as error:
        fail(cell, error, "on_turn_end")
    finally:
        dispatcher.flushing = False


def _unwrap(cell: Cell, handlers: dict[type, Handler | None], message: Any) -> Suspension | None:
    """An ask is answered, a tick handled if its timer still lives, a stop put where it is obeyed."""
    if isinstance(message, TailStop):
        cell._handled += 1
        cell._post(StopNow(message.reason, message.reply_to))
        return None
    if isinstance(message, Tick):
        if not message.source.take():
            cell._handled += 1
            return None
    elif message.deadline <= cell._env.clock.now():
        undeliverable(cell, message, "expired")
        return None
    handler = handlers[type(message.message)]
    assert handler is not None
    result = handler(cell._actor, message.message)
    if type(result) is CoroutineType:
        try:
            waits_for = result.send(None)
        except StopIteration as stop:
            result = stop.value
        else:
            return _suspend(cell, message, result, waits_for)
    _answer(cell, message, result)
    return None


def _suspend(cell: Cell, message: object, coroutine: Any, waits_for: object) -> Suspension:
    since = cell._env.clock.now()
    return Suspension(coroutine, waits_for, partial(_message_ended, cell, message), message, since)


def _message_ended(cell: Cell, message: object, value: object, error: BaseException | None) -> None:
    """A suspended handler has returned or raised. Runs in its host, which ends after this."""
    cell._suspension = None
    note_activity(cell)
    if cell._above_water:  # its turn has not come to its end
        _watch_water(cell, cell._table.high_water)
    if error is None:
        _answer(cell, message, value)
    else:
        message_failed(cell, message, error)
    cell._env.dispatcher.schedule(cell)


def _answer(cell: Cell, message: object, value: object) -> None:
    cell._handled += 1
    if type(message) is Ask:
        message.reply_to.resolve(value)  # type: ignore[union-attr]


def message_failed(cell: Cell, message: object, error: BaseException) -> None:
    """The message is lost. Its asker, if it has one, gets the error; whether the actor fails too depends on that."""
    if isinstance(error, Stashed):
        full = _put_aside(cell, message)
        if full is None:
            return
        error = full
    cell._failed += 1
    killed = isinstance(error, asyncio.CancelledError) and is_cut_short(cell._lane)
    if type(message) is Ask:
        message.reply_to.fail(_for_asker(cell, error, killed))  # type: ignore[union-attr]
        if not killed and _is_answer(cell.actor_class, error):
            cell._env.events.publish(AskFailed(cell, error))
            return
    if not killed:
        fail(cell, error, type(message.message if isinstance(message, Ask | Tick) else message).__name__)


def _put_aside(cell: Cell, message: object) -> BaseException | None:
    """The handler stashed its message; it counts as queued. Returns why it could not."""
    try:
        put_aside(cell, message)
    except StashFull as error:
        return error
    return None


def _for_asker(cell: Cell, error: BaseException, killed: bool) -> BaseException:
    """A cancellation or an exit concerns the actor it hit; raised in the asker it would cancel or end that one too."""
    if isinstance(error, Exception):
        return error
    how = "killed" if killed else "failed"
    shown = ActorDeadError(f"{cell} {'was killed' if killed else 'failed'} while handling the message", how)
    shown.__cause__ = None if killed else error
    return shown


def _is_answer(actor_class: Any, error: BaseException) -> bool:
    """Whether an error that its asker got leaves the actor running: any `Exception`, or those of `reply_errors`."""
    return isinstance(error, Exception if actor_class.reply_errors is None else actor_class.reply_errors)


def _watch_water(cell: Cell, mark: float) -> None:
    """Tells once per crossing; the mark is left again at half of it."""
    waiting = cell._queue.qsize() + len(cell._front or ())
    if not cell._above_water and waiting > mark:
        cell._above_water = True
        cell._env.events.publish(MailboxOverflowed(cell, waiting, "high_water"))
        if cell.actor_class._has_on_signal:
            cell._post(Notify(HighWater(waiting)))
    elif waiting <= mark / 2:
        cell._above_water = False


def _run_lane(cell: Cell) -> Suspension | None:
    while (op := _next_op(cell)) is not None:
        try:
            coroutine = perform(cell, op)
            if coroutine is None:
                continue
            try:
                waits_for = coroutine.send(None)
            except StopIteration:
                continue
        except BaseException as error:
            fail(cell, error, type(op).__name__)
        else:
            return Suspension(coroutine, waits_for, partial(_op_ended, cell, type(op).__name__))
    return None


def _next_op(cell: Cell) -> Op | None:
    """The next op; signals wait until an instance runs, so that a restart does not lose them."""
    lane = cell._lane
    if not lane:
        return None
    if cell._phase == RUNNING or not isinstance(lane[0], Notify):
        op = lane.popleft()
        if not lane:
            cell._lane = None  # an empty deque takes 760 bytes, and most actors never need another
        return op
    for op in lane:
        if not isinstance(op, Notify):
            lane.remove(op)
            return op
    return None


def _op_ended(cell: Cell, name: str, value: object, error: BaseException | None) -> None:
    cell._suspension = None
    if error is not None and not is_cut_short(cell._lane):
        fail(cell, error, name)
    cell._env.dispatcher.schedule(cell)
