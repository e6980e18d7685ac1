"""
Names the culprit: a handler that blocks the loop, and one that has been suspended for too long.

It costs nothing in a turn: it reads what the dispatcher has in hand, and where the same is there for longer than
`stuck_warn`, reads the stack. Each handler is named once.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any

from ..events import HandlerStuck
from ..mail.messages import Ask, Tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ..cell.environment import Environment
    from ..events import EventStream
    from .dispatcher import Dispatcher, Suspension

LOOKS = 4
"""Looks per `stuck_warn`: a handler is named at most a quarter later than that."""

MAX_FRAMES = 12
"""Frames of a stack that are shown, innermost last."""


class Watchdog:
    """
    Watches one dispatcher from `start` to `stop`, or until its loop is closed.

    A blocked loop is seen by a thread, and its fact is published there; suspended handlers are looked at on the loop,
    by one timer that runs only while there are any.
    """

    def __init__(self, dispatcher: Dispatcher, events: EventStream, stuck_warn: float) -> None:
        self._dispatcher = dispatcher
        self._events = events
        self._stuck_warn = stuck_warn
        self._ended = threading.Event()
        self._is_looking = False
        self._named: set[tuple[int, float]] = set()
        self._has_beaten = False
        dispatcher.on_host = self._look_later

    def start(self) -> None:
        """Starts the thread; without it only suspended handlers are named, which is right for virtual time."""
        threading.Thread(target=self._watch, name="actors-watchdog", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    # --- a blocked loop: on the thread

    def _watch(self) -> None:
        seen: Any = None
        looks = 0
        while not (self._ended.wait(self._stuck_warn / LOOKS) or self._dispatcher.loop.is_closed()):
            now = (self._dispatcher.turns, self._on_stack())
            looks = looks + 1 if now == seen and now[1] is not None else 0
            seen = now
            if looks == 1 and not self._ask_for_beat():
                return
            if looks == LOOKS and not self._has_beaten:
                self._name_blocked(now[1])

    def _on_stack(self) -> Any:
        """The cell whose code runs now: in its turn, in a handler that was suspended, or in a task of its own."""
        dispatcher = self._dispatcher
        if dispatcher.current is not None:
            return dispatcher.current
        task: Any = asyncio.current_task(dispatcher.loop)
        return dispatcher.hosts.get(task) or dispatcher.claimed.get(task)

    def _ask_for_beat(self) -> bool:
        """The same cell twice may be chance; a loop that does not answer is blocked. False when it is closed."""
        self._has_beaten = False
        try:
            self._dispatcher.loop.call_soon_threadsafe(self._beat)
        except RuntimeError:
            return False
        return True

    def _beat(self) -> None:
        self._has_beaten = True

    def _name_blocked(self, cell: Any) -> None:
        frame = sys._current_frames().get(self._dispatcher.thread)
        if frame is None or self._has_beaten:  # it has moved on
            return
        stack = "".join(traceback.format_stack(frame)[-MAX_FRAMES:])
        fact = HandlerStuck(cell, _message_in_hand(frame, cell), self._stuck_warn, stack, blocks_loop=True)
        self._events.publish(fact)

    # --- suspended handlers: on the loop

    def _look_later(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._dispatcher.loop.call_later(self._stuck_warn / LOOKS, self._look)

    def _look(self) -> None:
        self._is_looking = False
        now, waiting = self._dispatcher.clock.now(), set[tuple[int, float]]()
        for cell in tuple(self._dispatcher.hosts.values()):
            suspension: Suspension | None = cell._suspension
            if suspension is None or suspension.message is None or cell._patient == inf:
                continue
            since = max(suspension.since, cell._patient or 0.0)
            which = (id(suspension), since)
            waiting.add(which)
            if now - since >= self._stuck_warn and which not in self._named:
                self._named.add(which)
                self._name_suspended(cell, suspension, now - since)
        self._named &= waiting
        if waiting - self._named and not self._ended.is_set():  # each is named once: no need to look at it again
            self._look_later()

    def _name_suspended(self, cell: Any, suspension: Suspension, seconds: float) -> None:
        coroutine: Any = suspension.coroutine
        frame = coroutine.cr_frame
        stack = "".join(traceback.format_stack(frame)[-MAX_FRAMES:]) if frame is not None else ""
        self._events.publish(HandlerStuck(cell, _type_of(suspension.message), seconds, stack, blocks_loop=False))


@contextmanager
def patiently(env: Environment) -> Iterator[None]:
    """
    Marks the handler that runs this as waiting on purpose, for as long as it takes: it does not count as stuck.

    Its time counts anew from the end of this.
    """
    dispatcher = env.dispatcher
    cell: Any = dispatcher.hosted(asyncio.current_task())
    if cell is None or cell._patient == inf:
        yield
        return
    cell._patient = inf
    try:
        yield
    finally:
        cell._patient = dispatcher.clock.now()
        if dispatcher.on_host is not None:
            dispatcher.on_host()


def _message_in_hand(frame: FrameType | None, cell: Any) -> str:
    """The turn that runs the handler has the message in a local; reading it here keeps it out of every turn."""
    if cell._doing is not None:
        return _type_of(cell._doing)
    while frame is not None:
        if frame.f_code.co_name in ("_turn", "_run_in_place", "_in_place") and "message" in frame.f_locals:
            return _type_of(frame.f_locals["message"])
        frame = frame.f_back
    return "a hook"


def _type_of(message: Any) -> str:
    """The type inside an ask's or a tick's envelope."""
    return type(message.message if isinstance(message, Ask | Tick) else message).__name__
