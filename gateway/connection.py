"""
The machine of a connection: decodes, writes, counts, and knows when it is over.

Theory of operation. The socket's inlet tells it whole messages; a wire makes commands of them; each is checked against
the limits and handed to its topic, or to the session if the endpoint has app code. Each command has exactly one answer,
and only with that its credit comes back: when too much is under way, the socket is not read. Everything a turn has to
say leaves in one write. While the transport is full, frames wait one by one in the outbox, under its bounds.

    CONNECTING --101--> OPEN --close, loss--> CLOSING --session done--> farewell: Leaves, one `ConnectionClosed`, stop

Rules: synchronous only; it never awaits app code and never asks. Exactly one farewell, also after a crash of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors import Actor, ActorRef, ChildSpec, Terminated, handles

from .answers import settle
from .commands import Done, Invalid, Join, Leave, Left, Nothing, Ping, Pong, Publish, Reply
from .events import (
    CommandRefused,
    ConnectionClosed,
    ConnectionOpened,
    ConsumerSlowed,
    HeartbeatMissed,
    PublicationDropped,
)
from .frames import ping_frame
from .gate import Gate
from .heartbeat import Close as GiveUp
from .heartbeat import Ping as SendPing
from .inlet import Inlet
from .limits import check_topic_name
from .messages import (
    Accept,
    Answer,
    Close,
    Deliver,
    Depart,
    Due,
    Ended,
    Opened,
    Origin,
    Received,
    Refuse,
    Removed,
    Send,
    SessionDone,
    SocketClosed,
    Submit,
    Taken,
    Writable,
)
from .outlet import Outlet
from .protocols.base import close_reason
from .reasons import Refused, WebSocketDisconnect
from .session import GOODBYE, FrameReady
from .subscriptions import Subscriptions

if TYPE_CHECKING:
    from .commands import Command, TopicCommand
    from .identity import Principal
    from .node import Node
    from .outbox import Entry
    from .protocols.base import Wire
    from .receipts import Receipt
    from .sockets import Socket
    from .tickets import Ticket

SEND_PATIENCE = 10.0
"""Seconds an awaited send waits for a slow reader before it fails; the age at which its outbox ends it as well."""

ABNORMAL = 1006
"""What a socket reports that ended without a close frame of the peer (RFC 6455 7.1.5)."""

REFUSED_WITH: dict[str | None, int] = {"server_error": 500, "shutdown": 503, "slow_consumer": 503}
"""The HTTP status of an upgrade that ends before its 101, where 403 would blame the client."""


class SendOverdue:
    """An awaited send has waited long enough."""

    __slots__ = ("receipt",)

    def __init__(self, receipt: Receipt[None]) -> None:
        self.receipt = receipt


class ConnectionActor(Actor):
    """One per socket, under /connections; temporary: it is never restarted."""

    def __init__(self, node: Node, ticket: Ticket) -> None:
        super().__init__()
        limits = node.limits
        self._node = node
        self._ticket = ticket
        self._origin = Origin(self.actor_ref, ticket.client, ticket.principal)
        self._wire: Wire = ticket.wire
        self._session: ActorRef[Any] | None = None
        self._gate = Gate(limits)
        self._inlet: Inlet | None = None
        self._subscriptions = Subscriptions(limits.max_topics_per_connection)
        self._outlet = Outlet(limits, node.now, self._slowed, self._dropped, self._overflowed)
        self._accepting: Receipt[None] | None = None
        self._sending: list[Receipt[None]] | None = None
        self._last_ping: float | None = None
        self._missed = 0
        self._since = node.now()
        self._received = 0
        self._closing: Close | None = None
        self._closed: SocketClosed | None = None
        self._has_left = False

    # --- the socket

    def inlet(self, socket: Socket) -> Inlet:
        """Called at the hand-over, synchronously: from now on the socket talks to this machine."""
        inlet = self._inlet = Inlet(self.actor_ref, self._gate.credit, self._node.clock)
        self.actor_ref.tell(Opened(socket))
        return inlet

    @handles(Opened)
    def opened(self, opened: Opened) -> None:
        self._outlet.open(opened.socket)
        ticket = self._ticket
        fact = ConnectionOpened(ticket.client, self._wire.name, ticket.path, ticket.address, ticket.principal.id)
        self._node.events.publish(fact)
        self._outlet.put(self._wire.opened(ticket.client, self._node.heartbeat_config.ping_interval))
        self._node.call_at(self.actor_ref, "heartbeat", self._node.first_ping())
        if self._accepting is not None:
            self._accepting.resolve(None)
            self._accepting = None
        if self._closing is not None:
            self._shut(self._closing)

    @handles(Received)
    def received(self, received: Received) -> None:
        self._received += 1
        size = len(received.data)
        if self._closing is not None or self._closed is not None:
            self._give(size)
            return
        wait = self._gate.wait(self._node.now())
        if wait > 0:
            self._too_fast(size, wait)
        elif self._wire.uses_app_frames:
            self._to_session(received.data)
        else:
            self._give(size)
            for command in self._wire.decode(received.data):
                self._gate.credit.take(command.reply.size_bytes)
                self._carry_out(command)

    @handles(Writable)
    def writable(self, _: Writable) -> None:
        self._outlet.go_on()
        if self._outlet.outbox is None:
            self._node.cancel_call(self.actor_ref, "outbox")
        if self._sending and not self._outlet.is_behind:
            receipts, self._sending = self._sending, None
            for receipt in receipts:
                self.timers.cancel(receipt)
                receipt.resolve(None)

    @handles(SocketClosed)
    def socket_closed(self, closed: SocketClosed) -> None:
        self._closed = closed
        socket = self._outlet.end()
        sent = None if socket is None else socket.sent_close
        if self._closing is None and sent is not None and closed.code == ABNORMAL:
            # the socket itself found the fault: a message too big, no UTF-8, or a bug of ours while it was told
            self._closing = Close(code=sent[0], text=sent[1], ended_by="crash" if sent[0] == 1011 else "client")
        self._node.cancel_calls(self.actor_ref)
        code, reason = self._ending()
        self._fail_waiting(WebSocketDisconnect(code, reason))
        if not self._ticket.has_session:
            self._farewell()
            return
        self._ticket.websocket(self._node, self.actor_ref)._end(code, reason)
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """App code has its last word: on the live instance, else on a fresh one, and then this machine ends."""
        code, reason = self._ending()
        websocket = self._ticket.websocket(self._node, self.actor_ref)
        if self._session is None and self._ticket.says_goodbye and not websocket._has_said_goodbye:
            websocket._has_said_goodbye = True  # one attempt: a fresh one that cannot even be made is not made again
            self.open_session()
        if self._session is not None:
            self._session.tell(Ended(code, reason))
            self.timers.once("goodbye", SessionDone(), GOODBYE + 1.0)
        else:
            self._farewell()

    # --- what clients ask

    def _carry_out(self, command: Command) -> None:
        try:
            if isinstance(command, Invalid):
                self._invalid(command)
            elif isinstance(command, Ping):
                self._answer(command.reply, Pong(self._node.wall()))
            elif isinstance(command, Nothing):
                self._answer(command.reply, Done())
            else:
                self._submit(command)
        except Refused as error:
            self._refused(command, error)

    def _refused(self, command: Command, error: Refused) -> None:
        """Answers what reached no topic; a join that did not is no subscription."""
        self._subscriptions.note(command.reply, error)
        self._answer(command.reply, error)

    def _submit(self, command: TopicCommand) -> None:
        """Hands a command to its topic, if this client may and the gateway can. Raises Refused."""
        self._node.check_open()
        name = check_topic_name(command.topic, max_bytes=self._node.limits.max_topic_name_bytes)
        settings = self._node.topics.settings_for(name)
        if command.reply.receipt is None:
            who = settings.publish if isinstance(command, Publish) else settings.join
            _check_permission(who, self._origin.principal)
        generation = 0
        variant = None
        if isinstance(command, Join):
            generation = self._subscriptions.begin(name, command)
            variant = self._wire.variant(command.reply.face, presence=command.presence)
        elif isinstance(command, Leave):
            subscription = self._subscriptions.get(name)
            if subscription is None:
                self._answer(command.reply, Left())
                return
            generation = subscription.generation
        self._node.tell_topic(name, Submit(self._origin, command, generation, variant))

    def _invalid(self, command: Invalid) -> None:
        self._answer(command.reply, command.error)
        if command.counts and self._gate.is_hopeless(self._node.now()):
            self._close(Close("too_many_errors", ended_by="client"))

    def _too_fast(self, size: int, wait: float) -> None:
        """Over the rate: answered with when to come again; who does not listen is closed."""
        self._give(size)
        error = Refused("too_many_requests", f"wait {wait:.2f} s", retry_after=round(wait, 3))
        self._node.events.publish(CommandRefused(self._ticket.client, "", error.reason))
        self._outlet.put(self._wire.answer(Reply(), error))
        if self._gate.is_deaf(self._node.now()):
            self._close(Close("rate_limited", ended_by="rate_limit"))

    @handles(Answer)
    def answered(self, answer: Answer) -> None:
        reply, result = answer.reply, answer.result
        if reply.topic is not None:
            self._subscriptions.note(reply, result)
        self._answer(reply, result)

    def _answer(self, reply: Reply, result: Any) -> None:
        if isinstance(result, Refused):
            self._node.events.publish(CommandRefused(self._ticket.client, reply.action, result.reason))
        if reply.receipt is not None:
            settle(reply, result)
        else:
            self._outlet.put(self._wire.answer(reply, result))
            self._give(reply.size_bytes)

    @handles(Removed)
    def removed(self, removed: Removed) -> None:
        self._outlet.unmute(removed.topic, removed.generation)
        self._unsubscribe(removed.topic, removed.generation, removed.reason, may_return=removed.may_return)

    def _unsubscribe(self, topic: str, generation: int, reason: str, *, may_return: bool) -> None:
        """Tells the client that the server ended a membership, unless it is another one by now."""
        ended = self._subscriptions.end(topic, generation)
        if ended is not None:
            self._outlet.put(self._wire.removed(topic, ended.face, reason, may_return=may_return))

    # --- what goes out

    @handles(Deliver, in_place=True)
    def deliver(self, message: Deliver) -> None:
        """The hot path: one call per member and turn of a topic."""
        self._outlet.deliver(message)

    def on_turn_end(self) -> None:
        self._outlet.flush()

    def _slowed(self) -> None:
        self._node.events.publish(ConsumerSlowed(self._ticket.client))
        self._node.call_at(self.actor_ref, "outbox", self._node.now() + self._node.limits.outbox_age)

    def _overflowed(self) -> None:
        self._close(Close("slow_consumer", ended_by="slow_consumer"))

    def _dropped(self, entry: Entry) -> None:
        """
        A hole: whoever reads by position must come back and recover.

        Nothing of that topic leaves any more, or its reader would take a position behind the hole for its own. The
        topic answers the departure with `Removed`, behind everything that was on its way.
        """
        topic = entry.topic or ""
        self._node.events.publish(PublicationDropped(topic, self._ticket.client, entry.slow))
        subscription = self._subscriptions.get(topic)
        if entry.offset is None or subscription is None or self._outlet.is_muted(topic):
            return
        self._outlet.mute(topic, subscription.generation)
        departs = Depart(self._ticket.client, subscription.generation, "insufficient_state")
        if not self._node.tell_live_topic(topic, departs):  # it has ended, and says so itself
            self._outlet.unmute(topic, subscription.generation)

    @handles(Send)
    def send(self, send: Send) -> None:
        """App code sends to its own client; who awaits it waits for a slow reader, a broadcast does not."""
        if self._closed is not None or self._closing is not None:
            send.receipt.fail(WebSocketDisconnect(*self._ending()))
            return
        self._outlet.put((send.frame,))
        if not self._outlet.is_behind:
            send.receipt.resolve(None)
            return
        if self._sending is None:
            self._sending = []
        self._sending.append(send.receipt)
        self.timers.once(send.receipt, SendOverdue(send.receipt), SEND_PATIENCE)

    @handles(SendOverdue)
    def send_overdue(self, overdue: SendOverdue) -> None:
        overdue.receipt.fail(WebSocketDisconnect(1013, f"the reader took nothing for {SEND_PATIENCE:g} s"))

    # --- app code

    def open_session(self) -> None:
        """Starts the endpoint's app code, before the 101: it decides about it."""
        factory = self._ticket.session
        if factory is not None:
            websocket = self._ticket.websocket(self._node, self.actor_ref)
            self._session = factory(self, websocket)
            self.watch(self._session)

    def spawn_session(self, session_class: type[Actor], *args: Any) -> ActorRef[Any]:
        return self.spawn(session_class, *args, name="session", spec=ChildSpec(restart="temporary"))

    def _to_session(self, data: str | bytes) -> None:
        if self._session is None or not self._session.is_alive():
            self._give(len(data))
            return
        self._ticket.websocket(self._node, self.actor_ref)._feed(data)
        self._session.tell(FrameReady())

    @handles(Accept)
    def accept(self, accept: Accept) -> None:
        self._accepting = accept.receipt
        self._ticket.decide(accept.subprotocol)

    @handles(Refuse)
    def refuse(self, refuse: Refuse) -> None:
        self._ticket.refuse(refuse.status, refuse.text)

    @handles(Taken)
    def taken(self, taken: Taken) -> None:
        self._give(taken.size_bytes)

    @handles(Join, Leave, Publish)
    def submit_for_app(self, command: TopicCommand) -> None:
        """Rooms joined by app code: its own client needs no permission for what its app does."""
        try:
            self._submit(command)
        except Refused as error:
            self._refused(command, error)

    def on_signal(self, signal: object) -> None:
        if not isinstance(signal, Terminated) or signal.ref is not self._session:
            return
        self._session = None
        if self._closed is not None:
            self._say_goodbye()  # it may have failed over an earlier message, before it heard of the end
        elif signal.reason == "failed":
            self._close(Close("server_error", ended_by="crash"))
        else:
            self._close(Close())

    @handles(SessionDone)
    def session_done(self, _: SessionDone) -> None:
        if self._closed is not None:
            self._farewell()

    # --- how it ends

    @handles(Close)
    def close(self, close: Close) -> None:
        self._close(close)

    def _close(self, close: Close) -> None:
        if self._closing is not None or self._closed is not None:
            return
        self._closing = close
        if self._outlet.socket is not None:
            self._shut(close)
        elif close.reason is None and close.code >= 4000 and self._ticket.decide(None):
            return  # upgraded only to be closed with that code: browsers see no other
        else:
            self._ticket.refuse(REFUSED_WITH.get(close.reason, 403), close.text)

    def _shut(self, close: Close) -> None:
        code, reason = self._code_of(close)
        self._outlet.flush()
        assert self._outlet.socket is not None
        self._outlet.socket.close(code, reason)

    def _code_of(self, close: Close) -> tuple[int, str]:
        if close.reason is None:
            return close.code, close.text
        entry = close_reason(close.reason)
        return self._wire.close_code(entry), close.text or entry.meaning

    def _ending(self) -> tuple[int, str]:
        """What app code and the fact say: our own close if we closed, else what the socket said."""
        if self._closing is not None:
            return self._code_of(self._closing)
        if self._closed is not None:
            return self._closed.code, self._closed.reason
        return 1006, ""

    @handles(Due)
    def due(self, due: Due) -> None:
        if self._outlet.socket is None or self._inlet is None:
            return
        if due.what == "heartbeat":
            self._beat(self._inlet.last_seen)
            return
        overdue_at = self._outlet.overdue_at()
        if self._outlet.is_overdue:
            self._overflowed()
        elif overdue_at is not None:
            self._node.call_at(self.actor_ref, "outbox", overdue_at)

    def _beat(self, last_seen: float) -> None:
        if self._gate.is_shut:  # its pong would wait unread: a slow handler of ours is no lost peer
            self._last_ping, self._missed = None, 0
            self._node.call_at(
                self.actor_ref, "heartbeat", self._node.now() + self._node.heartbeat_config.ping_interval
            )
            return
        decision = self._node.heartbeat.after(self._node.now(), last_seen, self._last_ping, self._missed)
        if isinstance(decision, GiveUp):
            self._close(Close("heartbeat_lost", ended_by="heartbeat"))
            return
        if isinstance(decision, SendPing):
            if decision.missed:
                self._node.events.publish(HeartbeatMissed(self._ticket.client, decision.missed))
            self._last_ping, self._missed = decision.at, decision.missed
            assert self._outlet.socket is not None
            self._outlet.socket.write_control(ping_frame())
        self._node.call_at(self.actor_ref, "heartbeat", decision.until)

    def _farewell(self) -> None:
        """The last word, once: leaves, the fact, the end of this actor."""
        if self._has_left:
            return
        self._has_left = True
        reason = self._ended_by()
        for topic, subscription in self._subscriptions.items():
            self._node.tell_live_topic(topic, Depart(self._ticket.client, subscription.generation, reason))
        self._node.forget(self._ticket.client)
        self._node.cancel_calls(self.actor_ref)
        if self._ticket.was_opened or self._closed is not None:
            self._node.events.publish(self._closed_fact(reason))
        self._ticket.refuse(500, "internal")
        self.actor_ref.stop_now()

    def on_failure(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        """A bug of ours: this connection ends, its topics and its client learn it."""
        self._closing = self._closing or Close("server_error", ended_by="crash")
        self._abandon()

    def on_stop(self) -> None:
        self._closing = self._closing or Close("shutdown", ended_by="shutdown")
        self._abandon()

    def on_undelivered(self, messages: list[object]) -> None:
        """Told after the farewell: nobody reads what was delivered, but whoever holds a receipt learns that."""
        error = WebSocketDisconnect(*self._ending())
        for message in messages:
            receipt = getattr(message, "receipt", None) or getattr(getattr(message, "reply", None), "receipt", None)
            if receipt is not None:
                receipt.fail(error)

    def _abandon(self) -> None:
        self._farewell()
        socket = self._outlet.end()
        if socket is not None:
            socket.close(*self._code_of(self._closing or Close()))
        if self._ticket.has_session:
            self._ticket.websocket(self._node, self.actor_ref)._end(*self._ending())
        self._fail_waiting(WebSocketDisconnect(*self._ending()))

    def _fail_waiting(self, error: WebSocketDisconnect) -> None:
        receipts, self._sending = self._sending or [], None
        if self._accepting is not None:
            receipts.append(self._accepting)
            self._accepting = None
        for receipt in receipts:
            receipt.fail(error)

    def _ended_by(self) -> str:
        if self._closing is not None:
            return self._closing.ended_by
        return "client" if self._closed is not None and self._closed.code != 1006 else "transport"

    def _closed_fact(self, ended_by: str) -> ConnectionClosed:
        node, ticket = self._node, self._ticket
        code, reason = self._ending()
        last_seen = self._inlet.last_seen if self._inlet is not None else self._since
        return ConnectionClosed(
            connection=ticket.client, principal=ticket.principal.id, address=ticket.address, wire=self._wire.name,
            path=ticket.path, seconds=node.now() - self._since, code=code, reason=reason, ended_by=ended_by,
            last_inbound_age=node.now() - last_seen, missed_pings=self._missed,
            outbox_bytes=self._outlet.waiting_bytes, received=self._received, sent=self._outlet.sent,
            topics=self._subscriptions.topics, at=node.wall(),
        )  # fmt: skip

    def _give(self, size: int) -> None:
        """Credit comes back; reading goes on when enough has."""
        if self._gate.give(size) and self._outlet.socket is not None:
            self._outlet.socket.resume_reading()


def _check_permission(who: str, principal: Principal) -> None:
    if who == "anyone" or (who == "authenticated" and principal.is_authenticated):
        return
    if who == "authenticated":
        raise Refused("unauthorized", "log in first: this topic is for the authenticated")
    raise Refused("permission_denied")
