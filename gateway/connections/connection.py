"""
The machine of a connection: its parts, what each of them is told, and how they end together.

Theory of operation. The socket's inlet tells it whole messages; a wire makes commands of them, and the reception sees
to it that each is done or refused, with one answer: by its topic, by the session if there is app code, or here. Only
with the answer its credit comes back: when too much is under way, the socket is not read. Everything a turn has to say
leaves in one write. While the transport is full, frames wait one by one in the outbox, under its bounds.

    CONNECTING --101--> OPEN --close, loss--> CLOSING --session done--> farewell: Leaves, one `ConnectionClosed`, stop

Rules: synchronous only; it never awaits app code and never asks. Exactly one farewell, also after a crash of its own.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from actors import SupervisorSpec, handles

from ..events import ConnectionIdentified
from ..limits.gate import Gate
from ..messages.commands import Join
from ..messages.connection_messages import Close, Due, Kick, Opened, Received, SocketClosed, TooFast, Writable
from ..messages.topic_messages import Answer, Origin, Removed
from ..pulse.pinging import Pinging
from ..sockets.deliver import Deliver
from ..sockets.outlet import Outlet
from .account import Account
from .app_host import AppHost
from .clearance import Clearance
from .deadlines import Deadlines
from .ending import Ending
from .farewell import Farewell
from .identification import Identification
from .inlet import EndpointInlet, Inlet
from .memberships import Memberships
from .reception import Reception
from .replies import Replies
from .sessions import Sessions
from .topic_requests import TopicRequests

if TYPE_CHECKING:
    from ..access.identity import Principal
    from ..endpoints.tickets import Ticket
    from ..messages.commands import Command
    from ..node import Node
    from ..sockets.outbox import Entry
    from ..sockets.socket import Socket
    from .connection_view import ConnectionView


SHUTDOWN = Close("shutdown", ended_by="shutdown")


class ConnectionActor(AppHost):
    """One per socket, under /connections; temporary: it is never restarted."""

    supervision = SupervisorSpec(intensity=3, period=30.0, on_exceeded="stop_child")
    """Of what clients call: three failures of the application in 30 s by one client's calls close that client."""

    def __init__(self, node: Node, ticket: Ticket) -> None:
        super().__init__()
        limits, wire, ref = node.limits, ticket.wire, self.actor_ref
        this: ConnectionActor = weakref.proxy(self)  # its parts end with it: no cycle that somebody has to look for
        self._node = node
        self._ticket = ticket
        self.wire = wire
        self._ending = ending = Ending(wire)
        self._gate = gate = Gate(limits, node.quotas, ticket.address_key, ticket.principal.id)
        self._outlet = outlet = Outlet(limits, node.now, this)
        self._replies = replies = Replies(node, ticket.client, wire, gate, outlet)
        self._who = who = Identification(node, ticket, this, outlet, replies)
        self._members = members = Memberships(node, ticket, outlet, replies, who, limits.max_topics_per_connection)
        self._sessions = sessions = Sessions(this, node, ticket, replies, who)
        pinging = Pinging(node.liveness(wire.liveness, ticket.heartbeat), ticket.heartbeat or node.heartbeat_config)
        self._deadlines = deadlines = Deadlines(this, node, ticket, gate, outlet, pinging, who, members)
        asks = Clearance(limits.max_topics_per_connection) if node.has_permits else None
        self._topics = TopicRequests(node, ticket, ref, outlet, replies, who, members, sessions, deadlines, asks)
        self._reception = Reception(
            this, node, ticket, gate, ending, replies, who, members, sessions, self._topics, asks
        )
        self._account = Account(node, ticket, outlet, pinging, members.subscriptions)
        self._farewell = Farewell(
            ref,
            node,
            ticket,
            ending,
            gate,
            outlet,
            self._account,
            members,
            sessions,
            self._reception,
            deadlines,
        )

    # --- what handles ask, on the loop's thread

    @property
    def client(self) -> str:
        return self._ticket.client

    @property
    def path(self) -> str:
        return self._ticket.path

    @property
    def principal(self) -> Principal:
        return self._who.principal

    @property
    def origin(self) -> Origin:
        """Whose commands those of its client are now."""
        return self._topics.origin

    @property
    def topics(self) -> tuple[str, ...]:
        return self._members.subscriptions.topics

    @property
    def is_open(self) -> bool:
        """Between its 101 and the end of its socket."""
        return self._account.inlet is not None and not self._ending.has_begun

    def view(self) -> ConnectionView:
        return self._account.view()

    # --- the socket

    def inlet(self, socket: Socket) -> Inlet:
        """Called at the hand-over, synchronously: from now on the socket talks to this machine."""
        goes_past = self.wire.uses_app_frames and not self._ticket.limits  # which the machine looks at itself
        ref, credit, clock = self.actor_ref, self._gate.credit, self._node.clock
        inlet = EndpointInlet(ref, credit, clock, self._reception) if goes_past else Inlet(ref, credit, clock)
        self._account.inlet = inlet
        self.actor_ref.tell(Opened(socket))
        return inlet

    @handles(Opened)
    def opened(self, opened: Opened) -> None:
        node, ticket, wire = self._node, self._ticket, self.wire
        self._outlet.open(opened.socket)
        self._account.tell_opened()
        rhythm = ticket.heartbeat or node.heartbeat_config
        self._outlet.put(wire.opened(ticket.client, rhythm.ping_interval))
        self._deadlines.open()
        self._who.opened()
        for command in ticket.first:
            self.carry_out(command)
        self._farewell.opened()

    @handles(Received)
    def received(self, received: Received) -> None:
        self._replies.give(len(received.data))
        if not self._ending.has_begun:
            self.hear(received.data)

    def hear(self, data: str | bytes) -> None:
        """The hot path: a message that has not waited, or not any more."""
        credit, reception = self._gate.credit, self._reception
        if self.wire.uses_app_frames:
            credit.take(len(data))
            reception.take_frame(data)
            return
        for command in self.wire.decode(data):
            credit.take(command.reply.size_bytes)
            if not reception.admit(command):
                return

    @handles(TooFast)
    def frame_refused(self, frame: TooFast) -> None:
        self._reception.refuse_frame(frame)

    @handles(Writable)
    def writable(self, _: Writable) -> None:
        self._deadlines.reader_took()
        self._outlet.go_on()

    @handles(SocketClosed)
    def socket_closed(self, closed: SocketClosed) -> None:
        self._farewell.socket_closed(closed)

    @handles(Due)
    def due(self, due: Due) -> None:
        if self._account.inlet is not None:
            self._deadlines.due(due.what, self._account.inlet.last_seen)

    # --- what goes out

    @handles(Deliver, in_place=True)
    def deliver(self, message: Deliver) -> None:
        """One for each turn of a topic. As long as nothing is in the way, topics use the shortcut to the socket."""
        self._outlet.deliver(message)

    def on_turn_end(self) -> None:
        self._outlet.flush()

    def reader_is_slow(self) -> None:
        self._deadlines.reader_is_slow()

    def outbox_shrank(self) -> None:
        self._deadlines.outbox_shrank()
        self._farewell.go_on()

    def entry_dropped(self, entry: Entry) -> None:
        self._members.dropped(entry)

    def overflowed(self) -> None:
        self.reader_is_too_slow()

    def reader_is_too_slow(self) -> None:
        self._farewell.reader_is_too_slow()

    # --- what topics say

    @handles(Answer)
    def answered(self, answer: Answer) -> None:
        self._members.answered(answer)

    @handles(Removed)
    def removed(self, removed: Removed) -> None:
        self._reception.forget_permissions()
        close = self._members.removed(removed)
        if close is not None:
            self.end(close)

    @handles(Kick)
    def kick(self, kick: Kick) -> None:
        """App code ends a membership of its own client; the topic has the last word on what was on its way."""
        self._reception.forget_permissions()
        removed = self._members.kick(kick)
        if removed is not None:
            self.removed(removed)

    # --- who it is

    def adopt(self, principal: Principal) -> None:
        """The client is this one from now on."""
        node, ticket, ref = self._node, self._ticket, self.actor_ref
        former, ticket.principal = ticket.principal, principal
        self._reception.forget_permissions()
        self._gate.is_of(principal.id)
        self._topics.origin = Origin(ref, ticket.client, principal)
        node.directory.identified(ref, ticket.client, principal.id, former.id)
        ticket.tell_principal(principal)
        if principal.is_authenticated and self._outlet.socket is not None:
            node.events.publish(ConnectionIdentified(ticket.client, principal.id))

    def carry_out(self, command: Command) -> None:
        self._reception.carry_out(command)

    def join_for_server(self, join: Join) -> None:
        self._reception.act_for_app(join)

    def call_at(self, what: str, at: float) -> None:
        self._deadlines.call_at(what, at)

    # --- how it ends

    def on_failure(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        """A bug of ours: this connection ends, its topics and its client learn it."""
        self._farewell.abandon(Close("server_error", ended_by="crash"))

    def on_stop(self) -> None:
        self._farewell.abandon(SHUTDOWN)

    def on_undelivered(self, messages: list[object]) -> None:
        self._farewell.undelivered(messages)
