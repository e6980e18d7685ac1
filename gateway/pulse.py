"""The one timer of all connections: a wheel, advanced once a second, that says whose deadline has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, ActorRef, handles

from .heartbeat import TimerWheel
from .messages import Due

if TYPE_CHECKING:
    from .node import Node

SLOT = 1.0
"""Seconds: 4 % of the shortest interval it serves."""

DEADLINES = ("heartbeat", "outbox", "identity", "expiry", "topics")
"""What a connection may wait for; asked about one that it does not wait for, it looks and goes on."""

Key = tuple[ActorRef[Any], str]


@attrs.frozen(eq=False)
class Advance:
    """A slot has passed."""


class Pulse(Actor):
    """/heartbeat. After a restart the wheel is made anew from the living connections."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self._wheel: TimerWheel[Key] = TimerWheel(SLOT, node.now())

    def on_start(self) -> None:
        self.timers.fixed_delay("advance", Advance(), SLOT)
        self._node.pulse = self

    def post_restart(self) -> None:
        for ref in self._node.connection_refs():
            for what in DEADLINES:
                self.call_at(ref, what, self._node.now())

    @handles(Advance)
    def advance(self, _: Advance) -> None:
        for ref, what in self._wheel.advance(self._node.now()):
            if ref.is_alive():
                ref.tell(Due(what))

    def call_at(self, ref: ActorRef[Any], what: str, at: float) -> None:
        """Called by machines, on the loop's thread: they share it, and a message each would double its cost."""
        self._wheel.add((ref, what), at)

    def cancel(self, ref: ActorRef[Any], what: str) -> None:
        self._wheel.cancel((ref, what))
