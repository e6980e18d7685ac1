"""Actors that may block: for SQLite, files, CPU work. Each has a thread; mailbox and supervision are everybody's."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, cast

from .cell.handler_table import HandlerTable
from .errors import BadActor
from .events import ActorFailed
from .on_thread import ThreadedActor
from .whose_thread import claim_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cell.cell import ActorRef

HOOKS = (
    "on_start",
    "on_stop",
    "on_failure",
    "pre_restart",
    "post_restart",
    "on_signal",
    "on_receive",
    "on_undelivered",
)
"""What runs on the thread beside the handlers."""

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """One thread that runs what it is given, one call at a time, and hands results back to the loop."""

    def __init__(self, ref: ActorRef[Any], name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._ref = ref
        self._loop = ref._env.dispatcher.loop
        self._is_stuck = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., R], *args: Any) -> R:
        """
        Runs it on the thread, in a copy of the caller's context.

        Cancellation: the wait ends, the call does not: Python cannot stop a thread. Its result is dropped. Later calls
        queue up behind it and are not waited for any more.
        """
        waiter: asyncio.Future[R] = self._loop.create_future()
        self._calls.put((waiter, partial(copy_context().run, function, *args)))
        if self._is_stuck:
            waiter.add_done_callback(partial(self._note_end, getattr(function, "__name__", "handler")))
            return cast("R", None)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._is_stuck = waiter.cancelled()  # else it is what the function raised, which is over
            raise

    def _note_end(self, name: str, ended: asyncio.Future[Any]) -> None:
        """What a function raised that nobody waits for any more."""
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            self._ref._env.events.publish(ActorFailed(self._ref, error, name))

    def end(self) -> None:
        """The thread ends after what it has been given."""
        self._calls.put(None)

    def _work(self) -> None:
        claim_thread(self._ref)
        while (given := self._calls.get()) is not None:
            waiter, call = given
            try:
                settle = partial(_settle, waiter, call(), None)
            except BaseException as error:
                settle = partial(_settle, waiter, None, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more, but the hooks behind are due
                self._loop.call_soon_threadsafe(settle)
            del given, waiter, call, settle


def _settle(waiter: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(value)
    elif isinstance(error, StopIteration):  # a future refuses it
        waiter.set_exception(RuntimeError(f"handler raised {error!r}"))
    else:
        waiter.set_exception(error)


class ThreadedTable(HandlerTable):
    """The handlers of a blocking actor, each as a coroutine that runs it on the actor's thread."""

    def __init__(self, plain: HandlerTable) -> None:
        super().__init__({kind: None if handler is None else _threaded(handler) for kind, handler in plain.items()})
        self._plain = plain

    def __missing__(self, kind: type) -> Callable[[Any, Any], Any] | None:
        handler = self._plain[kind]
        self[kind] = threaded = None if handler is None else _threaded(handler)
        return threaded


def _threaded(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def run(actor: Any, message: object) -> Any:
        return actor._on_thread(handler, actor, message)

    return run


class BlockingActor(ThreadedActor):
    """
    An actor whose handlers and hooks run on a thread of its own and may block there, also in `ask`.

    Everything else is as with any actor: one ref type, supervision, restarts under the same ref, asks from anywhere.
    `__init__` runs where it is spawned; open what blocks in `on_start`. A `kill` cannot stop a thread: the actor is
    gone at once, the call runs out in the background.

    Watches, timers, pipes, the stash and the receive timeout are kept on the loop: each call waits for one iteration of
    it, and raises ActorDeadError in a call that runs on after its actor is gone (see `on_thread`).
    """

    _takes_on_thread: ClassVar[bool]

    @classmethod
    def _learn(cls) -> None:
        super()._learn()
        if cls._in_place or cls._handlers.end_of_turn is not None:
            raise BadActor(f"{cls.__name__} cannot run in place or use on_turn_end: it is a BlockingActor")
        handlers = [handler for handler in cls._handlers.values() if handler is not None]
        for function in (*handlers, *(getattr(cls, hook) for hook in HOOKS)):
            if inspect.iscoroutinefunction(function):
                raise BadActor(
                    f"{function.__qualname__} of {cls.__name__} cannot be a coroutine: its thread runs no event loop; "
                    "make it a plain function, or make the class an Actor"
                )
        cls._takes_on_thread, cls._takes_undelivered = cls._takes_undelivered, False
        threaded = ThreadedTable(cls._handlers)
        threaded.high_water = cls._handlers.high_water
        cls._handlers = threaded

    def _run_hook(self, hook: Callable[..., Any], *args: object) -> Any:
        return self._on_thread(hook, *args)

    async def _on_thread(self, function: Callable[..., R], *args: Any) -> R:
        worker: Worker | None = self.__dict__.get("_worker")
        if worker is None:
            ref = self._actor_ref
            worker = self._worker = Worker(ref, f"{type(self).__name__}-{ref._name or ''}")
        return await worker.call(function, *args)

    def _receive_signal(self, message: Any, is_signal: bool) -> Any:
        if is_signal:
            return self._on_thread(self.on_signal, message)
        return super()._receive_signal(message, is_signal)  # by a handler of its table, which runs it on the thread

    def _release(self) -> None:
        worker: Worker | None = self.__dict__.get("_worker")
        if worker is not None:
            worker.end()


async def run_blocking(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs one blocking call on a pool thread; for a single call where a `BlockingActor` would be too much."""
    return await asyncio.to_thread(function, *args, **kwargs)
