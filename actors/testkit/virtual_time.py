"""
Virtual time: when every task waits for a timer, the clock jumps to it (after Trio's MockClock).

Theory of operation. The loop's selector never waits for a timer. It polls the sockets; if they are silent and nobody
outside the loop is at work for it, the clock moves to the next timer at once. Who is at work outside: calls handed to
an executor (counted exactly), whatever a `hold_while` predicate says (threads of blocking actors), and, for a
millisecond, the kernel with its sockets and threads nobody told us of.

It refuses to hang: when nothing is ready, no timer is set and nobody outside can wake it, it says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

T = TypeVar("T")

GRACE = 0.001
"""Real seconds the kernel and unknown threads get before a jump. Loopback delivers within the call that sends."""

PATIENCE = 5.0
"""Real seconds a jump waits for work outside the loop: far above any call in a test, so that only a hung one is cut."""

STEP = 0.002
"""Real seconds between two looks at work outside; its end wakes the loop anyway."""


class NothingWillHappen(RuntimeError):
    """Every task waits, no timer is set, and nobody outside the loop is left to wake it: the test would hang."""


class JumpingSelector(selectors.BaseSelector):
    """A selector that polls, and moves its clock where another one would wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at_work: list[Callable[[], bool]] = []
        self._inner = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.get_key(fileobj)

    def close(self) -> None:
        self._inner.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Returns what is ready; else what became ready while others worked; else jumps over `timeout` seconds."""
        events = self._inner.select(0)
        if events or timeout == 0:
            return events
        events = self._wait_for_work()
        if events:
            return events
        if timeout is None:
            return self._wait_for_others()
        self.now = round(self.now + timeout, 9)  # the loop's resolution is 1e-9; keeps 0.1 + 0.2 at 0.3
        return events

    def _wait_for_work(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Real time, while somebody outside is at work for this loop."""
        if self._others():
            events = self._inner.select(GRACE)
            if events:
                return events
        gives_up = time.monotonic() + PATIENCE
        while any(busy() for busy in self.at_work) and time.monotonic() < gives_up:
            events = self._inner.select(STEP)
            if events:
                return events
        return self._inner.select(0)  # the work may have ended between the last look and now

    def _wait_for_others(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._inner.select(PATIENCE) if self._others() else []
        if not events:
            raise NothingWillHappen(
                "cannot go on: every task waits, no timer is set and nobody outside the loop is left to wake it; "
                "look for a future that nobody settles"
            )
        return events

    def _others(self) -> bool:
        """Whether anything but a timer could wake the loop: a socket beside its own pipe, another thread."""
        return len(self._inner.get_map()) > 1 or threading.active_count() > 1


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock begins at 0 and jumps. Sockets, threads and subprocesses work as ever."""

    def __init__(self, selector: JumpingSelector | None = None) -> None:
        self._jumping = selector or JumpingSelector()
        self._calls = 0
        super().__init__(self._jumping)
        self.hold_while(lambda: self._calls > 0)

    def time(self) -> float:
        return self._jumping.now

    def hold_while(self, at_work: Callable[[], bool]) -> None:
        """Keeps the clock from jumping while `at_work()` is true, for at most `PATIENCE` real seconds per jump."""
        self._jumping.at_work.append(at_work)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """As ever; the clock stands still until the call is done."""
        self._calls += 1
        try:
            future = super().run_in_executor(executor, func, *args)
        except BaseException:
            self._calls -= 1
            raise
        future.add_done_callback(self._call_ended, context=contextvars.Context())
        return future

    def _call_ended(self, _: object) -> None:
        self._calls -= 1

    async def shutdown_default_executor(self, *timeout: Any, **named: Any) -> None:
        """As ever; its threads are waited for as calls are, or the timeout (from Python 3.12 on) would be jumped to."""
        self._calls += 1
        try:
            await super().shutdown_default_executor(*timeout, **named)
        finally:
            self._calls -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time: an hour of heartbeats passes in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
