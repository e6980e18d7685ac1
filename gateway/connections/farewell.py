"""
The end of one connection, in order and once: the close frame, the app's last word, leaves, the fact, the machine's end.

It may begin anywhere: we close, the peer does, the socket is lost, the app refuses the upgrade, the machine fails or is
stopped. Whatever comes first decides why; what is missing follows.

What was said before a close leaves before its frame, piece by piece as a slow reader takes it: handed over as a whole
it would be in memory once more, and 10,000 are let go in one drain. Meanwhile nothing new is taken, from neither side.
It has as long as anything may wait in an outbox; whoever has not read it by then is cut as a slow consumer, or else it
would take what it has for everything. Nobody waits so for a peer that did wrong, is lost, or met a bug of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..messages.connection_messages import Close, Opened
from ..reasons import WebSocketDisconnect

if TYPE_CHECKING:
    from actors import ActorRef

    from ..endpoints.awaited_sends import AwaitedSends
    from ..endpoints.tickets import Ticket
    from ..limits.gate import Gate
    from ..messages.connection_messages import SocketClosed
    from ..messages.receipts import Receipt
    from ..node import Node
    from ..sockets.outlet import Outlet
    from .account import Account
    from .deadlines import Deadlines
    from .ending import Ending
    from .memberships import Memberships
    from .reception import Reception
    from .sessions import Sessions

PATIENT = frozenset({"app", "shutdown", "expired"})
"""Who may have ended a connection whose client has first to get what it was told."""

REFUSED_WITH: dict[str | None, int] = {
    "server_error": 500, "shutdown": 503, "slow_consumer": 503, "insufficient_state": 503,
}  # fmt: skip
"""The HTTP status of an upgrade that ends before its 101, where 403 would blame the client."""


class Farewell:
    """Of one connection."""

    __slots__ = (
        "_account", "_deadlines", "_ending", "_gate", "_has_left", "_is_done", "_members", "_node", "_outlet",
        "_reception", "_ref", "_sessions", "_ticket", "accepting", "sends",
    )  # fmt: skip

    def __init__(
        self,
        ref: ActorRef[Any],
        node: Node,
        ticket: Ticket,
        ending: Ending,
        gate: Gate,
        outlet: Outlet,
        account: Account,
        memberships: Memberships,
        sessions: Sessions,
        reception: Reception,
        deadlines: Deadlines,
    ) -> None:
        self._ref = ref
        self._node = node
        self._ticket = ticket
        self._ending = ending
        self._gate = gate
        self._outlet = outlet
        self._account = account
        self.sends: AwaitedSends | None = None
        """Of app code that awaits them; the machine makes them for the first."""
        self._members = memberships
        self._sessions = sessions
        self._reception = reception
        self._deadlines = deadlines
        self._has_left = self._is_done = False
        self.accepting: Receipt[None] | None = None
        """What app code that accepts waits for."""

    def opened(self) -> None:
        """Its socket is there; if app code closed it meanwhile, it is closed now."""
        if self.accepting is not None:
            self.accepting.resolve(None)
            self.accepting = None
        if self._ending.closing is not None:
            self._shut(self._ending.closing)

    def begin(self, close: Close) -> None:
        """We close it, unless it has ended or begins to already."""
        if not self._ending.choose(close):
            return
        self._reception.drop_waiting()
        self._ticket.tell_close(*self._ending.code_of(close))
        if self._outlet.socket is not None:
            self._shut(close)
        elif close.reason is None and close.code >= 4000 and self._ticket.decide(None):
            return  # upgraded only to be closed with that code: browsers see no other
        else:
            self._ticket.refuse(REFUSED_WITH.get(close.reason, 403), close.text)

    def _shut(self, close: Close) -> None:
        """Says it, behind what was said before."""
        if close.ended_by not in PATIENT or not self._may_speak:
            self._outlet.flush()
            self._say_close(close)
            return
        self._outlet.finish()
        if self._outlet.outbox is None:
            self._say_close(close)
        else:
            self._be_patient()

    @property
    def _may_speak(self) -> bool:
        """Not before the first answer, on a wire that begins with one: its client would understand nothing else."""
        return not (self._outlet.is_held and self._ticket.wire.identifies_first)

    def _be_patient(self) -> None:
        inlet, socket = self._account.inlet, self._outlet.socket
        assert inlet is not None
        assert socket is not None
        inlet.is_deaf = True
        socket.resume_reading()  # also without credit: the peer may go meanwhile
        self._deadlines.watch_outbox()

    def _say_close(self, close: Close) -> None:
        assert self._outlet.socket is not None
        self._outlet.socket.close(*self._ending.code_of(close))

    def go_on(self) -> None:
        """The reader has taken something: who waits for that goes on, a close when it has taken all."""
        if self.sends is not None:
            self.sends.go_on()
        closing, outlet = self._ending.closing, self._outlet
        if closing is not None and outlet.socket is not None and outlet.outbox is None:
            self._say_close(closing)

    def reader_is_too_slow(self) -> None:
        """What waits has waited too long, also for a close that waits for it."""
        slow = Close("slow_consumer", ended_by="slow_consumer")
        if self._outlet.is_finishing:
            self._ending.change_to(slow)
            self._say_close(slow)
        else:
            self.begin(slow)

    # --- the socket is gone

    def socket_closed(self, closed: SocketClosed) -> None:
        socket = self._outlet.end()
        self._ending.socket_is_gone(closed, None if socket is None else socket.sent_close)
        self._reception.drop_waiting()
        self._fail_waiting()
        self._ticket.tell_end(*self._ending.words())
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """App code, if there is any, has its last word; then the machine ends."""
        if not self._sessions.say_goodbye(*self._ending.words()):
            self._leave()

    def session_done(self) -> None:
        """It had its last word, or had the time for it."""
        if self._ending.closed is not None:
            self._leave()

    def session_ended(self, *, has_failed: bool) -> None:
        """The endpoint is over, or has failed: so is its connection."""
        if self._ending.closed is not None:
            self._say_goodbye()  # it may have failed over an earlier message, before it heard of the end
        else:
            self.begin(Close("server_error", ended_by="crash") if has_failed else Close())
            self._sessions.succeed()

    def _leave(self) -> None:
        """The last word, once: leaves, the fact, the end of the machine."""
        if self._has_left:
            return
        self._has_left = True
        node, ticket = self._node, self._ticket
        self._members.depart(self._ending.ended_by)
        node.directory.forget(ticket)
        self._gate.end()
        self._deadlines.cancel()  # only now: without a socket none of them matters, and app code may ask for another
        if ticket.is_accepted or self._ending.closed is not None:
            self._account.tell_closed(self._ending)
        ticket.refuse(500, "internal")
        self._ref.stop_now()
        self._is_done = self._ending.closed is not None

    # --- the machine ends before that

    def abandon(self, close: Close) -> None:
        """All of it at once, unless it was done; the app's last word is its session's to have."""
        if not self._is_done:
            self._ending.insist(close)
            self._leave()
            words = self._ending.words()
            socket = self._outlet.end()
            if socket is not None:
                socket.close(*words)
            self._ticket.tell_end(*words)
        self._fail_waiting()

    def undelivered(self, messages: list[object]) -> None:
        """Told after the farewell: nobody reads what was delivered, but a socket and who holds a receipt learn that."""
        words = self._ending.words()
        error = WebSocketDisconnect(*words)
        for message in messages:
            if isinstance(message, Opened):  # handed over, and nobody else would ever close it
                message.socket.close(*words)
            receipt = getattr(message, "receipt", None) or getattr(getattr(message, "reply", None), "receipt", None)
            if receipt is not None:
                receipt.fail(error)

    def _fail_waiting(self) -> None:
        if self.sends is None and self.accepting is None:
            return
        error = WebSocketDisconnect(*self._ending.words())
        if self.sends is not None:
            self.sends.fail(error)
        if self.accepting is not None:
            self.accepting.fail(error)
            self.accepting = None
