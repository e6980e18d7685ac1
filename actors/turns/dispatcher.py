"""
Whose turn it is: one run queue per system, and exactly one runner that owns it.

Theory of operation. A *runner* is an asyncio task. The owner takes a cell from the queue, runs its turn inline, takes
the next. Handlers that are plain functions, and coroutines that never really suspend, need nothing more: no task per
actor, none per message. A coroutine that does suspend was stepped inside the owner's own task, so that
`asyncio.timeout`, `TaskGroup` and `current_task()` mean what they say; now the task belongs to that handler:

    OWNER --handler suspends--> HOST --handler ends--> gone
      |                          the ownership moved to a fresh runner *before* the first wait
      +--queue empty--> parked --wake--> OWNER

A host ends with its handler and is never used again. So a cancellation that somebody still holds for it (a timeout, a
task group, a stored `current_task()`) can only hit a finished task, never another actor's handler. The price is one
task per real suspension, 2-4 us (2026-11, 3.11). For the same reason an owner hands the queue over before the next turn
if the turn it just ran cancelled it (`current_task().cancel()` in a plain function) or kept it (it has one reference
more than before: a stored `current_task()` may be cancelled when this task hosts somebody else).

Rules: `schedule` may be called on any thread; everything else on the loop's. A cell may stand in the queue twice; its
turn tolerates that. It knows nothing of messages, mailboxes or supervision.
"""

from __future__ import annotations

import asyncio
from collections import deque
from sys import getrefcount
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context
    from random import Random

    from ..clock import Clock

InPlace = Literal["always", "never", "random"]


@attrs.frozen
class DispatcherSettings:
    """How turns are cut."""

    throughput: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    """Messages one actor handles before the next gets its turn: enough to amortise a turn, few enough to be fair."""

    stuck_warn: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    """Seconds after which a handler that blocks the loop, or is still suspended, is named: see `watchdog`."""

    slice: float = attrs.field(default=0.001, validator=attrs.validators.gt(0))
    """Seconds before the loop serves its sockets again. 1 ms keeps loop lag near 2 ms under load; 5 ms made it 14."""


class Suspension:
    """
    A coroutine that really waits: the rest of a handler, hosted by the runner it began in.

    Awaiting it passes on what the coroutine already yielded, drives it to its end inside the actor's own context, and
    calls `ended(value, error)` exactly once. An abandoned one calls nothing any more. `message` is the message in
    hand, or None for a hook.
    """

    __slots__ = ("abandoned", "context", "coroutine", "ended", "host", "message", "since", "yielded")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        yielded: object,
        ended: Callable[[Any, BaseException | None], None],
        message: object = None,
        since: float = 0.0,
    ) -> None:
        self.since = since
        self.coroutine = coroutine
        self.message = message
        self.yielded = yielded
        self.ended = ended
        self.context: Context | None = None
        self.host: asyncio.Task[None] | None = None
        self.abandoned = False

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            value = yield from self._drive()
        except BaseException as error:
            if not self.abandoned:
                self.ended(None, error)
            elif isinstance(error, GeneratorExit):
                raise
        else:
            if not self.abandoned:
                self.ended(value, None)

    def _drive(self) -> Generator[Any, Any, Any]:
        assert self.context is not None
        run, coroutine, waits_for = self.context.run, self.coroutine, self.yielded
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:
                if self.abandoned:
                    return None
                step: Callable[..., Any] = coroutine.throw
                argument: Any = error
            else:
                step, argument = coroutine.send, sent
            try:
                waits_for = run(step, argument)
            except StopIteration as stop:
                return stop.value

    def cancel(self) -> None:
        """Throws `CancelledError` into the handler at its next step."""
        if self.host is not None:
            self.host.cancel()

    def abandon(self) -> None:
        """
        Lets go of a handler that swallowed its cancellation: closes it, in its own context, and ends its host.

        Raises:
            RuntimeError: It swallowed that as well.
            Anything its `finally` raises.
        """
        self.abandoned = True
        close = self.coroutine.close
        try:
            close() if self.context is None else self.context.run(close)
        finally:
            self.cancel()


class Dispatcher:
    """The run queue of one system on one event loop."""

    def __init__(
        self,
        clock: Clock,
        take_turn: Callable[[Any, int], Suspension | None],
        settings: DispatcherSettings | None = None,
        *,
        order: Random | None = None,
        in_place: InPlace = "always",
    ) -> None:
        """`take_turn(cell, throughput)` handles up to so many messages and returns what suspended; it never raises."""
        self.take_turn = take_turn
        self.settings = settings or DispatcherSettings()
        self.clock = clock
        self.order = order
        self.in_place = in_place
        self.loop = asyncio.get_running_loop()
        self.thread = get_ident()
        self.ready: deque[Any] = deque()
        self.current: Any | None = None
        self.flushing = False
        self.slice_ends = 0.0
        self._beside_ends: float | None = None
        self.turns = 0
        self.on_host: Callable[[], None] | None = None
        """Called when a handler has been suspended and a host begins."""
        self.hosts: dict[asyncio.Task[None], Any] = {}
        self.claimed: dict[asyncio.Task[Any], Any] = {}
        """Tasks that run code of an actor beside its handlers, and whose."""
        self._owner: asyncio.Task[None] | None = None
        self._parked: asyncio.Future[None] | None = None
        self._waking = False
        self._open = True
        self._appoint()

    def schedule(self, cell: Any) -> None:
        """Puts a cell at the end of the queue. Any thread."""
        self.ready.append(cell)
        if self._parked is not None:
            self._wake()

    def has_time_beside(self) -> bool:
        """
        Whether actors may still have turns beside the queue, on the stack of callbacks of the loop.

        All of them in one iteration of the loop have one slice, as the queue has; then it is the queue's turn.
        """
        if self._beside_ends is None:
            self._beside_ends = self.clock.tick() + self.settings.slice
            self.loop.call_soon(self._end_beside)
            return True
        return self.clock.tick() < self._beside_ends

    def _end_beside(self) -> None:
        self._beside_ends = None

    def hosted(self, task: asyncio.Task[Any] | None) -> Any | None:
        """The cell whose code runs in `task` right now: the one on the owner's stack, or the suspended one it hosts."""
        if task is None or task is self._owner:
            return self.current
        return self.hosts.get(task)

    async def close(self) -> None:
        """Ends the owner. Hosts have ended by then: the tree is down."""
        self._open = False
        owner, self._owner = self._owner, None
        if owner is not None and owner is not asyncio.current_task():
            owner.cancel()
            await asyncio.wait([owner])

    def _wake(self) -> None:
        if get_ident() == self.thread:
            parked, self._parked, self._waking = self._parked, None, False
            if parked is not None and not parked.done():
                parked.set_result(None)
        elif not self._waking:
            self._waking = True
            try:
                self.loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: the message stays queued and is accounted for as such
                return

    def _appoint(self) -> None:
        """Makes a fresh runner the owner. The token moves here and nowhere else."""
        # past the task factory of the loop: an eager one (3.12) runs it before it is the owner, and it leaves
        self._owner = asyncio.Task(self._run(), loop=self.loop, name="actors-runner")

    async def _run(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        try:
            while self._owner is me:
                if not self.ready:
                    await self._park()
                    continue
                suspension = self._drain(me)
                if suspension is not None:
                    await self._host(me, suspension)
                elif self._owner is me:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:  # somebody kept this task and cancelled it later, or the system ends
            return
        except Exception as error:  # a mistake of the runtime's own: said where nothing else can say it
            self.loop.call_exception_handler({"message": "a turn failed outside of its actor", "exception": error})
        finally:
            if self._owner is me and self._open:  # the queue must not lose its owner
                self._appoint()

    async def _park(self) -> None:
        self._parked = parked = self.loop.create_future()
        if self.ready:  # told by another thread between the look and the flag
            self._parked = None
            return
        try:
            await parked
        finally:
            self._parked = None

    async def _host(self, me: asyncio.Task[None], suspension: Suspension) -> None:
        cell = self.current
        assert cell is not None
        self.current = None
        self.hosts[me] = cell
        suspension.host = me
        self._appoint()
        if self.on_host is not None:
            self.on_host()
        try:
            await suspension
        finally:
            del self.hosts[me]

    def _drain(self, me: asyncio.Task[None]) -> Suspension | None:
        """Runs turns until the slice is used up or one suspends; then `current` still names its cell."""
        ready, tick, take_turn, throughput = self.ready, self.clock.tick, self.take_turn, self.settings.throughput
        self.slice_ends = ends = tick() + self.settings.slice
        references = getrefcount(me)
        while ready:
            self.current = cell = ready.popleft() if self.order is None else self._any()
            self.turns += 1
            suspension = take_turn(cell, throughput)
            if suspension is not None:
                return suspension
            self.current = None
            # _must_cancel: a getter of asyncio's Task, in C and in Python
            if me._must_cancel or getrefcount(me) > references:  # type: ignore[attr-defined]
                self._appoint()
                return None
            if tick() >= ends:
                return None
        return None

    def _any(self) -> Any:
        """Exploration of interleavings: any ready cell may be next."""
        assert self.order is not None
        self.ready.rotate(self.order.randrange(len(self.ready)))
        return self.ready.popleft()
