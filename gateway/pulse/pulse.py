"""
The one timer of all connections: a wheel for each word, advanced once a second, that says whose deadline has come.

Theory of operation. Of 100,000 silent connections 8,000 are due in a second. They are reminded in portions, with a turn
of everybody else between two, or the loop would stand for 30 ms and more once a second. Nothing is allocated for it
that the collector tracks: keys are refs, the reminders are five objects. With a pair for each key the collector counted
as many freed as made, came only after 90,000 of them, and paused for 29 ms (100,000 connections, CPython 3.11).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, ActorRef, handles

from ..messages.connection_messages import Due
from .wheel import SLOT, TimerWheel

if TYPE_CHECKING:
    from ..node import Node

PORTION = 200
"""Connections that are reminded in one turn: about a millisecond, as long as a slice of the dispatcher."""

DEADLINES = ("heartbeat", "outbox", "identity", "expiry", "topics")
"""What a connection may wait for; asked about one that it does not wait for, it looks and goes on."""


@attrs.frozen(eq=False)
class Advance:
    """A slot has passed."""


@attrs.frozen(eq=False)
class GoOn:
    """Others had their turn since the last portion."""


class Waiting:
    """All who wait for one word: those whose time is to come, and those it has come for who were not told yet."""

    __slots__ = ("due", "reminder", "wheel")

    def __init__(self, what: str, now: float) -> None:
        self.reminder = Due(what)
        self.wheel: TimerWheel[ActorRef[Any]] = TimerWheel(SLOT, now)
        self.due: deque[ActorRef[Any]] = deque()

    def remind(self, most: int) -> int:
        """Tells those who are due, at most so many; how many that were."""
        count = min(most, len(self.due))
        for _ in range(count):
            ref = self.due.popleft()
            if ref.is_alive():
                ref.tell(self.reminder)
        return count


class Pulse(Actor):
    """/heartbeat. After a restart the wheels are made anew from the living connections."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self._waiting = {what: Waiting(what, node.now()) for what in DEADLINES}
        self._cancels = tuple(waiting.wheel.cancel for waiting in self._waiting.values())
        self._is_reminding = False

    def on_start(self) -> None:
        """Whoever is connected already is looked at once: at a restart, or if it was quicker than this."""
        self.timers.fixed_delay("advance", Advance(), SLOT)
        self._node.pulse = self
        for ref in self._node.directory.refs():
            for what in DEADLINES:
                self.call_at(ref, what, self._node.now())

    @handles(Advance)
    def advance(self, _: Advance) -> None:
        now = self._node.now()
        for waiting in self._waiting.values():
            waiting.due.extend(waiting.wheel.advance(now))
        if not self._is_reminding:
            self._remind()

    @handles(GoOn)
    def go_on(self, _: GoOn) -> None:
        self._remind()

    def _remind(self) -> None:
        left = PORTION
        for waiting in self._waiting.values():
            left -= waiting.remind(left)
        self._is_reminding = left == 0
        if self._is_reminding:
            self.actor_ref.tell(GoOn())

    def call_at(self, ref: ActorRef[Any], what: str, at: float) -> None:
        """Called by machines, on the loop's thread: they share it, and a message each would double its cost."""
        self._waiting[what].wheel.add(ref, at)

    def cancel(self, ref: ActorRef[Any], what: str) -> None:
        """Who is due by now, and was not told yet, is told all the same."""
        self._waiting[what].wheel.cancel(ref)

    def cancel_all(self, ref: ActorRef[Any]) -> None:
        for cancel in self._cancels:
            cancel(ref)
