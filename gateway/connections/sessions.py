"""
The app code of one connection, as its machine sees it: up to three children, each started when it is first needed.

    session     the endpoint, if it has one: before the 101, which it decides about
    calls       who the client is, and what it calls, on a wire
    permits     what it may do in topics

They are told and never asked; what one of them waits for keeps neither the machine waiting nor the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors import ChildSpec, run_now

from ..endpoints.calls import CallSession
from ..endpoints.endpoint_session import PlainSession
from ..endpoints.permit_session import PermitSession
from ..endpoints.session import FRAME_READY, GOODBYE
from ..endpoints.websocket import ConnectionState
from ..messages.commands import Done
from ..messages.connection_messages import AskPermit, Ended, SessionDone
from ..reasons import Refused
from ..unknown_names import unknown_action

if TYPE_CHECKING:
    from actors import Actor, ActorRef

    from ..endpoints.tickets import Ticket
    from ..endpoints.websocket import WebSocket
    from ..messages.commands import Call
    from ..messages.connection_messages import AskIdentity
    from ..node import Node
    from .clearance import Question
    from .connection import ConnectionActor
    from .identification import Identification
    from .replies import Replies


class Sessions:
    """Of one connection."""

    __slots__ = ("_has_successor", "_machine", "_node", "_replies", "_ticket", "_who", "calls", "permits", "session")

    def __init__(
        self, machine: ConnectionActor, node: Node, ticket: Ticket, replies: Replies, who: Identification
    ) -> None:
        self._machine = machine
        self._node = node
        self._ticket = ticket
        self._replies = replies
        self._who = who
        self._has_successor = False
        self.session: ActorRef[Any] | None = None
        self.calls: ActorRef[Any] | None = None
        self.permits: ActorRef[Any] | None = None

    # --- the endpoint

    def open(self) -> bool:
        """Starts the endpoint; whether the connection has one."""
        factory = self._ticket.session
        if factory is None:
            return False
        self.session = factory(self._machine, self._ticket.websocket(self._node, self._machine.actor_ref))
        self._machine.watch(self.session)
        return True

    def succeed(self) -> None:
        """
        Its endpoint is over before its connection is: a fresh one is there for the last word, however soon the machine
        ends. One attempt: what cannot even be made is not made again.
        """
        websocket = self._ticket.websocket(self._node, self._machine.actor_ref)
        has_one = self._has_successor or websocket._has_said_goodbye
        if self._ticket.says_goodbye and websocket._was_accepted and not has_one:
            self._has_successor = True
            self.open()

    def runs_now(self, data: str | bytes) -> bool:
        """Whether the endpoint has taken a frame here and now, as a plain function that is idle does."""
        session = self.session
        return session is not None and session.actor_class.hears_frames and run_now(session, PlainSession.hear, data)

    def feed(self, data: str | bytes) -> None:
        """A frame for the endpoint; it gives the credit back when it takes it."""
        session = self.session
        if session is None or not session.is_alive():
            self._replies.give(len(data))
            return
        websocket = self._ticket._websocket
        assert websocket is not None, "a session is given its WebSocket when it starts"
        websocket._intake.feed(data)
        if session.actor_class.is_told_of_frames:
            session.tell(FRAME_READY)

    def say_goodbye(self, code: int, reason: str) -> bool:
        """It has its last word, on the live instance, else on a fresh one; whether there is one to wait for."""
        if not self._ticket.has_session:
            return False
        websocket = self._ticket.websocket(self._node, self._machine.actor_ref)
        if self.session is None and self._ticket.says_goodbye and not websocket._has_said_goodbye:
            websocket._has_said_goodbye = True  # one attempt: a fresh one that cannot even be made is not made again
            self.open()
        elif self._stop_at_rest():
            return self._wait_for_mail()
        if self.session is None:
            return False
        if self.session.is_alive():  # else it ends already, and its end is heard of
            self.session.tell(Ended(code, reason))
        self._machine.timers.once("goodbye", SessionDone(), GOODBYE + 1.0)
        return True

    def _stop_at_rest(self) -> bool:
        """Whether it had nothing in hand, and so has had its last word here and now, in its `on_stop`."""
        session = self.session
        if session is None or session._actor is None or not session._actor.rests:
            return False
        self._machine.unwatch(session)
        if not self._machine.stop_in_place(session):
            self._machine.watch(session)
            return False
        self.session = None
        return True

    def _wait_for_mail(self) -> bool:
        """What app code has said in its last word comes before the end of its connection."""
        has_mail = self._machine.has_mail
        if has_mail:
            self._machine.actor_ref.tell(SessionDone())
        return has_mail

    # --- what the client calls

    def call(self, command: Call) -> None:
        """To the application. Raises Refused for what it has not declared, or while it cannot be told."""
        self._who.check_known()
        self._node.check_open()
        if command.method in self._node.calls:
            self._tell_calls(command)
        elif not command.method:  # nobody listens to what wants no answer
            self._replies.answer(command.reply, Done())
        else:
            raise self._unknown(command.method)

    def _unknown(self, method: str) -> Refused:
        known = (*self._ticket.wire.actions, *filter(None, self._node.calls))
        if not known:
            return Refused("not_available", "this application has no methods to call")
        return unknown_action("there is no action", method, known)

    def ask_identity(self, asked: AskIdentity) -> None:
        """Raises Refused: they cannot be told."""
        self._tell_calls(asked)

    def _tell_calls(self, message: Call | AskIdentity) -> None:
        if self.calls is None:
            self.calls = self._start(CallSession, self._websocket(), self._node, name="calls")
        if not self.calls.is_alive():
            raise Refused("internal")
        self.calls.tell(message)

    # --- what it may do in topics

    def ask_permit(self, question: Question) -> None:
        """Raises Refused: they cannot be told."""
        if self.permits is None:
            self.permits = self._start(PermitSession, self._machine.actor_ref, self._node, name="permits")
        if not self.permits.is_alive():
            raise Refused("internal")
        version, topic, action = question.version, question.topic, question.action
        self.permits.tell(AskPermit(self._who.principal, version, topic, action))

    def _start(self, kind: type[Actor], *args: object, name: str) -> ActorRef[Any]:
        spec = ChildSpec(restart="permanent", shutdown=GOODBYE)
        ref = self._machine.spawn(kind, *args, name=name, spec=spec)
        self._machine.watch(ref)
        return ref

    def _websocket(self) -> WebSocket:
        """The connection as app code sees it; on a wire it needs no accepting."""
        websocket = self._ticket.websocket(self._node, self._machine.actor_ref)
        if not self._ticket.has_session and websocket.state is ConnectionState.CONNECTING:
            websocket.state = ConnectionState.CONNECTED
        return websocket
