"""
What the wheel reminds one connection of: heartbeat, a slow reader, and what ends unless it is renewed.

A peer that is congested cannot answer what it has not got: it is judged by what it takes, which counts as a sign of
life as much as anything that it says. While it takes nothing and says nothing, its time runs as that of any other: what
it has not taken stands for the ping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import ConsumerSlowed, HeartbeatMissed
from ..messages.connection_messages import Close
from ..pulse import heartbeat

if TYPE_CHECKING:
    from actors import ActorRef

    from ..endpoints.tickets import Ticket
    from ..limits.gate import Gate
    from ..node import Node
    from ..pulse.pinging import Pinging
    from ..sockets.outlet import Outlet
    from ..sockets.socket import Socket
    from .connection import ConnectionActor
    from .identification import Identification
    from .memberships import Memberships

APP_PING = b'{"type":"ping"}'
"""What pages see of a ping, with `app_ping`; any message answers it, `{"type":"pong"}` as well as another."""


class Deadlines:
    """Of one connection, whose machine is told `Due`, and has it closed here when one has passed."""

    __slots__ = (
        "_backlog", "_gate", "_machine", "_members", "_node", "_outlet", "_pinging", "_ref", "_taken_at", "_ticket",
        "_who",
    )  # fmt: skip

    def __init__(
        self,
        machine: ConnectionActor,
        node: Node,
        ticket: Ticket,
        gate: Gate,
        outlet: Outlet,
        pinging: Pinging,
        who: Identification,
        memberships: Memberships,
    ) -> None:
        self._machine = machine
        self._ref: ActorRef[Any] = machine.actor_ref
        self._node = node
        self._ticket = ticket
        self._gate = gate
        self._outlet = outlet
        self._pinging = pinging
        self._who = who
        self._members = memberships
        self._backlog = 0
        """Bytes of the transport when a congested peer was looked at last; 0: it was not, or has taken all since."""
        self._taken_at = 0.0
        """When it was last seen that a congested peer had taken something."""

    def call_at(self, what: str, at: float) -> None:
        """`Due` with this word at that time; the latest call for a word counts."""
        self._node.call_at(self._ref, what, at)

    def open(self) -> None:
        """Its socket is there."""
        if self._pinging.is_on:
            self.call_at("heartbeat", self._node.first_ping(self._pinging.rhythm.ping_interval))

    def switch_heartbeat(self, *, is_on: bool) -> None:
        """App code stops it, or has it go on after an interval."""
        if not self._pinging.switch(is_on=is_on):
            return
        if is_on:
            self.call_at("heartbeat", self._node.now() + self._pinging.rhythm.ping_interval)
        else:
            self._node.cancel_call(self._ref, "heartbeat")

    def reader_is_slow(self) -> None:
        """Something waits in the outbox, where nothing may wait for long."""
        self._node.events.publish(ConsumerSlowed(self._ticket.client))
        self.call_at("outbox", self._node.now() + self._node.limits.outbox_age)

    def reader_took(self) -> None:
        """The transport has room."""
        self._backlog, self._taken_at = 0, self._node.now()

    def outbox_shrank(self) -> None:
        """Perhaps nothing waits any more."""
        if self._outlet.outbox is None:
            self._node.cancel_call(self._ref, "outbox")

    def watch_outbox(self) -> None:
        """Looks again when the first thing that waits has waited too long."""
        overdue_at = self._outlet.overdue_at()
        if overdue_at is not None:
            self.call_at("outbox", overdue_at)

    def watch_topics(self) -> None:
        """Looks again when the first permission to be in a topic ends, and the grace after it."""
        at = self._members.next_look()
        if at is not None:
            self.call_at("topics", at)

    def cancel(self) -> None:
        self._node.cancel_calls(self._ref)

    # --- when it comes

    def due(self, what: str, last_seen: float) -> None:
        """
        One of them has come.

        Args:
            last_seen: When anything came in.
        """
        socket = self._outlet.socket
        if socket is None:
            return
        if what == "heartbeat" and self._pinging.is_on:
            self._beat(socket, last_seen)
        elif what == "outbox":
            self._look_at_outbox()
        elif what == "identity":
            self._who.overdue()
        elif what == "expiry":
            self._who.look()
        elif what == "topics":
            self._members.end_overdue()
            self.watch_topics()

    def _look_at_outbox(self) -> None:
        if self._outlet.is_overdue:
            self._machine.reader_is_too_slow()
        else:
            self.watch_outbox()

    def _beat(self, socket: Socket, last_seen: float) -> None:
        now, pinging = self._node.now(), self._pinging
        # while nothing is read a pong would wait unread: a slow handler of ours is no lost peer. And before a client
        # is known, and told so, it has its own deadline, and expects another answer first
        if self._gate.is_shut or not self._who.is_known or self._outlet.is_held:
            pinging.excuse()
            self.call_at("heartbeat", now + pinging.rhythm.ping_interval)
            return
        self._look_at_backlog(socket, now)
        decision = pinging.after(now, max(last_seen, self._taken_at))
        if isinstance(decision, heartbeat.Close):
            self._machine.end(Close("heartbeat_lost", ended_by="heartbeat"))
            return
        if isinstance(decision, heartbeat.Ping):
            self._ping(socket, decision.missed)
        self.call_at("heartbeat", decision.until)

    def _look_at_backlog(self, socket: Socket, now: float) -> None:
        """While a socket is congested nothing is handed to it: whatever it has less is what its peer has taken."""
        backlog = socket.unsent_bytes if socket.is_congested else 0
        if 0 < backlog < self._backlog:
            self._taken_at = now
        self._backlog = backlog

    def _ping(self, socket: Socket, missed: int) -> None:
        if missed:
            self._node.events.publish(HeartbeatMissed(self._ticket.client, missed))
        wire = self._ticket.wire
        if self._outlet.takes_ping:
            self._outlet.ping(wire.ping())
        if self._pinging.rhythm.app_ping and wire.uses_app_frames and not socket.is_congested:
            self._outlet.put((wire.message(APP_PING, "json"),))
