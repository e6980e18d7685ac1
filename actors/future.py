"""
A future that any thread may set, any event loop may await, and a plain thread may block on.

Theory of operation: a result is published value first, state second; callbacks are claimed by `list.pop`, which is
atomic, so each runs once even when a setter and an adder meet ("append, then look again"). Nothing here takes a lock
but a blocked thread, which parks on its own. Who settles a future is mostly an actor in the middle of its turn, so
nothing that a callback raises may reach it: that is reported, and the other callbacks run.

It refuses to block a thread that runs an event loop: pykka's own future does, and stops everybody there.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka

from .errors import WouldBlockLoop
from .pykka.names import Unset

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType

    ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

T = TypeVar("T")
M = TypeVar("M")

_PENDING, _VALUE, _ERROR = 0, 1, 2


class LoopFuture(pykka.Future[T]):
    """The future of every actor of ours; `Future` in pykka's sense, awaitable without blocking."""

    __slots__ = ("_callbacks", "_result", "_state")

    _get_hook: Callable[[float | None], T] | None = None  # class level, as is the next: idle futures carry neither
    _get_hook_result = Unset()

    def __init__(self) -> None:
        self._state = _PENDING
        self._result: Any = None
        self._callbacks: list[Callable[[], object]] | None = None

    def done(self) -> bool:
        """Whether a value or an error is in."""
        return self._state != _PENDING

    def set(self, value: T | None = None) -> None:
        """Gives the future its value. Raises `queue.Full` if it has one already, as pykka does."""
        self._settle(_VALUE, value)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Gives the future an error: the one of `exc_info`, else the one being handled."""
        kind, error, traceback = exc_info or sys.exc_info()
        if error is None:
            if kind is None:
                raise TypeError("cannot set an exception on a future: none was given and none is being handled")
            error = kind()
        if traceback is not None and error.__traceback__ is not traceback:
            error = error.with_traceback(traceback)
        self._settle(_ERROR, error)

    def fail(self, error: BaseException) -> bool:
        """Gives the future an error unless it is settled; whether it was taken. For deadlines and teardown."""
        return self._try(_ERROR, error)

    def resolve(self, value: T) -> bool:
        """Gives the future a value unless it is settled; whether it was taken. A late answer is dropped here."""
        return self._try(_VALUE, value)

    def _try(self, state: int, result: object) -> bool:
        if self._state:
            return False
        self._result = result
        self._state = state
        if self._callbacks:
            self._run_callbacks()
        return True

    def _settle(self, state: int, result: object) -> None:
        if self._get_hook is not None or not self._try(state, result):
            raise queue.Full

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """
        Calls it once, on the thread that settles the future, or at once if it is settled.

        What it raises is handed to the exception handler of the loop that runs there, else to `threading.excepthook`.
        """
        if self.done():  # nothing of it changes any more: one that is settled may be shared
            _call(callback)
            return
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)
        if self._state:
            self._run_callbacks()

    def _run_callbacks(self) -> None:
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop()
            except IndexError:  # the other side of a race took the last one
                return
            _call(callback)

    def forget(self, callback: Callable[[], object]) -> None:
        """Takes a callback back, if it was not called yet. Who waits and leaves has to: else they pile up here."""
        if self._callbacks:
            with contextlib.suppress(ValueError):  # it was called meanwhile
                self._callbacks.remove(callback)

    def _value(self) -> T:
        if self._state == _VALUE:
            return self._result  # type: ignore[no-any-return]  # `cast` is a call
        raise self._result

    def get(self, *, timeout: float | None = None) -> T:
        """
        Blocks a plain thread until the result is in.

        Raises:
            WouldBlockLoop: This thread runs an event loop; `await` the future instead.
            pykka.Timeout: Not settled within `timeout` seconds; one below 0 has passed.
        """
        if self._state:
            return self._value()
        if asyncio._get_running_loop() is not None:
            raise WouldBlockLoop(
                "cannot wait for this future: the thread runs an event loop, which would stand still; "
                "use `await future`, or `await ref.request(message)` instead of `ask`"
            )
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        settled = threading.Lock()
        settled.acquire()
        callback = settled.release
        self.add_done_callback(callback)
        if not settled.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX)):
            self.forget(callback)
            raise pykka.Timeout(f"{timeout} seconds")
        return self._value()

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """pykka's lazy results; kept for its API, used by nothing here. What is made of one waits on a thread."""
        if self._state:
            raise queue.Full
        super().set_get_hook(func)

    def __await__(self) -> Generator[Any, None, T]:
        if not self._state:
            loop = asyncio.get_running_loop()
            if self._get_hook is not None:
                return (yield from loop.run_in_executor(None, functools.partial(self.get)))
            waiter: asyncio.Future[None] = loop.create_future()
            callback = functools.partial(_wake, loop, waiter)
            self.add_done_callback(callback)
            try:
                yield from waiter
            except BaseException:
                self.forget(callback)
                raise
        return self._value()

    __iter__ = __await__

    def map(self, func: Callable[[T], M]) -> pykka.Future[M]:
        """A future of `func(value)`, computed once, when the value comes in (pykka computes it in `get`)."""
        mapped: LoopFuture[M] = LoopFuture()
        source = settled_by_itself(self)

        def settle() -> None:
            try:
                value = func(source._value())
            except BaseException as error:  # for who reads it: whoever settled this one has nothing to do with it
                mapped.fail(error)
            else:
                mapped.resolve(value)

        source.add_done_callback(settle)
        return mapped

    def filter(self, func: Callable[[Any], bool]) -> pykka.Future[Iterable[Any]]:
        return self.map(lambda items: list(filter(func, cast("Iterable[Any]", items))))

    def reduce(self, func: Callable[[Any, Any], Any], *args: Any) -> pykka.Future[Any]:
        return self.map(lambda items: functools.reduce(func, cast("Iterable[Any]", items), *args))

    def join(self, *futures: pykka.Future[Any]) -> pykka.Future[Iterable[Any]]:
        """A future of all values, in the order given; the first error in that order is its error."""
        joined: LoopFuture[Iterable[Any]] = LoopFuture()
        left = [settled_by_itself(future) for future in (self, *futures)]

        def collect(index: int) -> None:
            while index < len(left) and left[index].done():  # a call for each would be too deep for some hundred
                index += 1
            if index < len(left):
                left[index].add_done_callback(lambda: collect(index + 1))
                return
            try:
                values = [future._value() for future in left]
            except BaseException as error:
                joined.fail(error)
            else:
                joined.resolve(values)

        collect(0)
        return joined


def settled_by_itself(future: pykka.Future[Any]) -> LoopFuture[Any]:
    """
    The future itself if it says when its result is in, else one that a thread settles, which waits for it.

    pykka's own, and one with a `set_get_hook`, can only be waited for.
    """
    if isinstance(future, LoopFuture) and (future._get_hook is None or future.done()):
        return future
    ours: LoopFuture[Any] = LoopFuture()

    def wait() -> None:
        try:
            value = future.get()
        except BaseException as error:
            ours.fail(error)
        else:
            ours.resolve(value)

    threading.Thread(target=wait, name="future", daemon=True).start()
    return ours


def in_front_of(future: pykka.Future[Any]) -> LoopFuture[Any]:
    """
    The future itself if it is one of ours, else one whose outcome it gets: a turn settles those of ours alone.

    One that somebody has set already keeps what it has, as ours do.
    """
    if isinstance(future, LoopFuture):
        return future
    ours: LoopFuture[Any] = LoopFuture()

    def pass_on() -> None:
        error = ours._result if ours._state == _ERROR else None
        try:
            if error is None:
                future.set(ours._result)
            else:
                future.set_exception((type(error), error, error.__traceback__))
        except queue.Full:
            return

    ours.add_done_callback(pass_on)
    return ours


def _call(callback: Callable[[], object]) -> None:
    """Calls it where the result came in; there what it raises is nobody's fault."""
    try:
        callback()
    except BaseException as error:
        _report(callback, error)


def _report(callback: Callable[[], object], error: BaseException) -> None:
    loop = asyncio._get_running_loop()
    if loop is not None:
        loop.call_exception_handler({"message": f"a callback of a future raised: {callback!r}", "exception": error})
    else:
        given = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(given))


def _wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    if asyncio._get_running_loop() is loop:
        _release(waiter)
        return
    try:
        loop.call_soon_threadsafe(_release, waiter)
    except RuntimeError:  # that loop is closed: whoever waited there is gone with it
        return


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
