"""
The side of a connection's machine that app code talks to: its endpoint, its calls, its permissions, and who asks by id.

They are its children, and hold handles of it that live longer than a socket; whatever they tell it when it is over is
answered all the same.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, ActorRef, ChildSpec, Terminated, handles

from ..endpoints.awaited_sends import AwaitedSends, SendOverdue
from ..messages.commands import Join, Leave, Publish
from ..messages.connection_messages import (
    Accept,
    Adopt,
    AskIdentity,
    Beat,
    Close,
    ForgetPermissions,
    Known,
    LeaveAll,
    Permitted,
    Refuse,
    Send,
    SessionDone,
)
from ..reasons import Refused, WebSocketDisconnect

if TYPE_CHECKING:
    from ..endpoints.tickets import Ticket
    from ..messages.commands import Identify
    from ..sockets.outlet import Outlet
    from .deadlines import Deadlines
    from .ending import Ending
    from .farewell import Farewell
    from .identification import Identification
    from .memberships import Memberships
    from .reception import Reception
    from .replies import Replies
    from .sessions import Sessions


TEMPORARY = ChildSpec(restart="temporary")


class AppHost(Actor):
    """Base of `ConnectionActor`, which has the parts that it speaks to."""

    _ticket: Ticket
    _ending: Ending
    _replies: Replies
    _who: Identification
    _members: Memberships
    _sessions: Sessions
    _deadlines: Deadlines
    _reception: Reception
    _outlet: Outlet
    _farewell: Farewell

    # --- what it asks for

    def open_session(self) -> None:
        """Starts the endpoint's app code, before the 101: it decides about it."""
        if not self._sessions.open() and self._ticket.asks_application:
            self.ask_application(None)

    def taken(self, size_bytes: int) -> None:
        """Its session has taken a frame; also between turns of this machine."""
        self._replies.give(size_bytes)

    def spawn_session(self, session_class: type[Actor], *args: Any) -> ActorRef[Any]:
        return self.spawn(session_class, *args, name="session", spec=TEMPORARY)

    @handles(Accept)
    def accept(self, accept: Accept) -> None:
        self._farewell.accepting = accept.receipt
        self._ticket.decide(accept.subprotocol)

    @handles(Refuse)
    def refuse(self, refuse: Refuse) -> None:
        self._ticket.refuse(refuse.status, refuse.text)

    @handles(Beat)
    def set_heartbeat(self, beat: Beat) -> None:
        self._deadlines.switch_heartbeat(is_on=beat.is_on)

    @handles(Send)
    def send(self, send: Send) -> None:
        """App code sends to its own client."""
        if self._ending.has_begun:
            send.receipt.fail(WebSocketDisconnect(*self._ending.words()))
            return
        try:
            self._outlet.put((self._ticket.wire.message(send.payload, send.kind),))
        except Refused as error:
            send.receipt.fail(error)
            return
        if self._outlet.is_behind:  # who awaits it waits for a slow reader; a broadcast does not
            if self._farewell.sends is None:
                self._farewell.sends = AwaitedSends(weakref.proxy(self), self._outlet)
            self._farewell.sends.add(send.receipt)
        else:
            send.receipt.resolve(None)

    @handles(SendOverdue)
    def send_overdue(self, overdue: SendOverdue) -> None:
        overdue.fail()

    @handles(Join, Leave, Publish)
    def submit_for_app(self, command: Join | Leave | Publish) -> None:
        """Rooms joined by app code: its own client needs no permission for what its app does."""
        if isinstance(command, Join):
            command = attrs.evolve(command, reply=attrs.evolve(command.reply, is_by_server=True))
        self._reception.act_for_app(command)

    @handles(LeaveAll)
    def leave_all(self, message: LeaveAll) -> None:
        for leave in self._members.leaves(message):
            self._reception.act_for_app(leave)

    # --- what it has found out

    @handles(Known)
    def known(self, known: Known) -> None:
        self._who.found(known.command, known.principal)

    @handles(Adopt)
    def told_principal(self, told: Adopt) -> None:
        self._who.told(told.principal)

    def ask_application(self, command: Identify | None) -> None:
        try:
            self._sessions.ask_identity(AskIdentity(command))
        except Refused as error:
            self._who.found(command, error)

    @handles(Permitted)
    def permitted(self, permitted: Permitted) -> None:
        self._reception.permitted(permitted)

    @handles(ForgetPermissions)
    def forget_permissions(self, _: ForgetPermissions) -> None:
        self._reception.forget_permissions()

    # --- how it ends

    @handles(Close)
    def end(self, close: Close) -> None:
        self._farewell.begin(close)

    def on_signal(self, signal: object) -> None:
        sessions = self._sessions
        if not isinstance(signal, Terminated):
            return
        if signal.ref is sessions.calls:
            sessions.calls = None
            self.end(Close("server_error", ended_by="crash"))
        elif signal.ref is sessions.permits:
            sessions.permits = None
            self._reception.permits_ended()
        elif signal.ref is sessions.session:
            sessions.session = None
            self._farewell.session_ended(has_failed=signal.reason == "failed")

    @handles(SessionDone)
    def session_done(self, _: SessionDone) -> None:
        self._farewell.session_done()
