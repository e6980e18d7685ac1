"""
What app code hears of a socket that is gone, and at what pace: `while True: try: ... except Exception: continue`.

Such a loop catches the end, goes on and hears it again. An answer that is there at once gives nobody else a turn of the
event loop, which that one connection would keep for ever. So from the second time on there is a turn in between, and
behind `FREE` of them in a row a pause that doubles up to `LONGEST`: what nobody ends costs next to nothing.

An act may be that of any task, on any loop. What is the endpoint's own is cancelled by its session, and held for good
if it swallows that; what others do, and what is still done for the socket's last words, is not held back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from ..messages.receipts import Receipt
from ..reasons import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

FREE = 100
"""Times in a row without a pause. Clean-up that tells a socket this and that although it is gone needs a few."""

SHORTEST = 0.001
"""Seconds of the first pause: that of a spinning loop already, which would come back within some microseconds."""

LONGEST = 1.0
"""Seconds of the longest: a loop that never ends wakes up once a second, and so is there for its cancellation."""


class Parting:
    """Of one connection; made for the first who asks."""

    __slots__ = ("_last", "_pause", "_times", "abandoned")

    def __init__(self) -> None:
        self._times = 0
        self._last = self._pause = 0.0
        self.abandoned: asyncio.Task[Any] | None = None
        """That of an endpoint which swallowed its cancellation as well: for it there is no next time."""

    async def pace(self) -> None:
        """Returns when it may be said once more. The first time that is at once."""
        loop = asyncio.get_running_loop()
        if self.abandoned is not None and self.abandoned is asyncio.current_task():
            await loop.create_future()
        if self._times:
            await asyncio.sleep(self._next_pause(loop.time()))
        self._times += 1
        self._last = loop.time()

    def _next_pause(self, now: float) -> float:
        """Who comes back after more than twice the last pause does something else meanwhile, and is in no such loop."""
        if now - self._last > max(2 * self._pause, SHORTEST):
            self._times, self._pause = 1, 0.0
        elif self._times >= FREE:
            self._pause = min(max(2 * self._pause, SHORTEST), LONGEST)
        return self._pause


class PacedReceipt(Receipt[T]):
    """Of an act on a socket that is gone: to hear that from it takes the pace of that. What is done is done at once."""

    __slots__ = ("_parting",)

    def __init__(self, act: str, on_lost: Callable[[str, BaseException], None], parting: Parting) -> None:
        super().__init__(act, on_lost)
        self._parting = parting

    def __await__(self) -> Generator[Any, None, T]:
        self._watched = True
        try:
            return (yield from super().__await__())
        except WebSocketDisconnect:
            yield from self._parting.pace().__await__()
            raise


def again(gone: WebSocketDisconnect) -> WebSocketDisconnect:
    """The same end as a new exception: one that is raised twice keeps the traceback of both, and all their frames."""
    return WebSocketDisconnect(gone.code, gone.reason)
