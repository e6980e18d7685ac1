"""Timers of one actor: they end with the instance that set them, and their ticks never pile up."""

from __future__ import annotations

from numbers import Real
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ..mail.messages import Tick

if TYPE_CHECKING:
    import asyncio

    from .cell import ActorRef

MAX_TIMERS = 10_000
"""Per actor. More is a leak: keys that are made up anew each time."""


class Timer:
    """One running timer. At most one tick of it waits in the mailbox at any time."""

    __slots__ = ("delay", "handle", "is_live", "key", "message", "owner", "repeats")

    def __init__(self, owner: Timers, key: object, message: object, delay: float, repeats: bool) -> None:
        self.owner, self.key, self.message, self.delay, self.repeats = owner, key, message, delay, repeats
        self.handle: asyncio.Handle | None = None
        self.is_live = True

    def take(self) -> bool:
        return self.owner.take(self)


class Timers:
    """
    `self.timers` of an actor. A key names one timer; setting it again replaces it.

    A tick is an ordinary message to oneself: it waits its turn, and its handler may fail. Cancelling, replacing and
    restarting also drop a tick that is queued already. Loop thread only, but for the `__init__` of its actor.
    """

    __slots__ = ("_ref", "_timers")

    def __init__(self, ref: ActorRef[Any]) -> None:
        self._ref = ref
        self._timers: dict[object, Timer] = {}

    def once(self, key: object, message: object, delay: float) -> None:
        """Tells this actor `message` in `delay` seconds, at once if that is below 0. ValueError: it is no number."""
        self._start(Timer(self, key, message, delay, repeats=False))

    def fixed_delay(self, key: object, message: object, delay: float) -> None:
        """
        Tells it every `delay` seconds, counted from when the last tick was taken: a slow actor gets fewer.

        ValueError: `delay` is no number, or not more than 0.
        """
        self._start(Timer(self, key, message, delay, repeats=True))

    def cancel(self, key: object) -> bool:
        """Whether a timer of that key was running; its message will not be handled."""
        timer = self._timers.pop(key, None)
        if timer is None:
            return False
        self._end(timer)
        return True

    def cancel_all(self) -> None:
        for timer in self._timers.values():
            self._end(timer)
        self._timers.clear()

    def is_active(self, key: object) -> bool:
        return key in self._timers

    def take(self, timer: Timer) -> bool:
        """Called when a tick is taken from the mailbox: whether it still counts. Sets a repeating timer again."""
        if not timer.is_live:
            return False
        if timer.repeats:
            self._arm(timer)
        else:
            del self._timers[timer.key]
        return True

    def _start(self, timer: Timer) -> None:
        delay: object = timer.delay
        if not isinstance(delay, Real) or delay != delay:  # one nan in the loop's heap, and other timers never come due
            raise self._refused(timer.key, f"with a delay of {delay!r}: give a number of seconds")
        if timer.repeats and timer.delay <= 0:
            raise self._refused(timer.key, f"every {timer.delay:g} s: it would tick without end; give more than 0")
        self.cancel(timer.key)
        if len(self._timers) >= MAX_TIMERS:
            raise RuntimeError(
                f"{self._ref} cannot start timer {timer.key!r}: it runs {MAX_TIMERS} already; reuse keys, or cancel"
            )
        self._timers[timer.key] = timer
        self._arm(timer)

    def _arm(self, timer: Timer) -> None:
        dispatcher = self._ref._env.dispatcher
        if get_ident() == dispatcher.thread:
            timer.handle = dispatcher.loop.call_later(timer.delay, self._fire, timer)
        else:  # in the `__init__` of one that is made there; a loop takes timers on its own thread only
            timer.handle = dispatcher.loop.call_soon_threadsafe(self._arm, timer)

    def _fire(self, timer: Timer) -> None:
        if timer.is_live:
            self._ref._put_tick(Tick(timer.message, timer))

    def _refused(self, key: object, why: str) -> ValueError:
        return ValueError(f"{self._ref} cannot start timer {key!r} {why}")

    @staticmethod
    def _end(timer: Timer) -> None:
        timer.is_live = False
        if timer.handle is not None:
            timer.handle.cancel()
