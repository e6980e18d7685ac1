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

import attrs

from actors import Actor, ActorRef, ChildSpec, SupervisorSpec, Terminated, handles
from actors.config import nearest

from .answers import settle
from .calls import CallSession
from .clearance import Clearance, Unanswered
from .commands import (
    Broken,
    Call,
    Done,
    Handled,
    Identify,
    Invalid,
    Join,
    Joined,
    Leave,
    Left,
    Nothing,
    Ping,
    Pong,
    Publish,
    ReadHistory,
    ReadPresence,
    Renew,
    Renewed,
    Reply,
)
from .connection_view import ConnectionView
from .events import (
    CommandRefused,
    ConnectionClosed,
    ConnectionIdentified,
    ConnectionOpened,
    ConsumerSlowed,
    HeartbeatMissed,
    MessageDropped,
    PublicationDropped,
)
from .gate import Gate
from .heartbeat import Close as GiveUp
from .heartbeat import Ping as SendPing
from .identification import Identification
from .inlet import Inlet
from .limits import check_event_name, check_topic_name
from .messages import (
    Accept,
    Adopt,
    Answer,
    AskIdentity,
    AskPermit,
    Beat,
    Close,
    Deliver,
    Depart,
    Due,
    Ended,
    ForgetPermissions,
    Kick,
    Known,
    LeaveAll,
    Opened,
    Origin,
    Permitted,
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
from .permit_session import PermitSession
from .protocols.base import close_reason
from .reasons import InvalidToken, Refused, WebSocketDisconnect
from .receipts import Receipt
from .schemas import head_of
from .session import GOODBYE, FrameReady
from .shared_buckets import NOBODY
from .subscriptions import Subscriptions
from .websocket import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .clearance import Question
    from .commands import Command, Result
    from .config import TopicSettings
    from .identity import Principal
    from .message_limit import Limit
    from .node import Node
    from .outbox import Entry
    from .permissions import Action
    from .protocols.base import Wire
    from .sockets import Socket
    from .subscriptions import Subscription
    from .tickets import Ticket
    from .websocket import WebSocket

SEND_PATIENCE = 10.0
"""Seconds an awaited send waits for a slow reader before it fails; the age at which its outbox ends it as well."""

ABNORMAL = 1006
"""What a socket reports that ended without a close frame of the peer (RFC 6455 7.1.5)."""

NORMAL = 1000
"""What app code closes with unless it says otherwise; each wire has a number of its own for that."""

APP_PING = b'{"type":"ping"}'
"""What pages see of a ping, with `app_ping`; any message answers it, `{"type":"pong"}` as well as another."""

REFUSED_WITH: dict[str | None, int] = {"server_error": 500, "shutdown": 503, "slow_consumer": 503}
"""The HTTP status of an upgrade that ends before its 101, where 403 would blame the client."""


class SendOverdue:
    """An awaited send has waited long enough."""

    __slots__ = ("receipt",)

    def __init__(self, receipt: Receipt[None]) -> None:
        self.receipt = receipt


class ConnectionActor(Actor):
    """One per socket, under /connections; temporary: it is never restarted."""

    supervision = SupervisorSpec(intensity=3, period=30.0, on_exceeded="stop_child")
    """Of what clients call: three failures of the application in 30 s by one client's calls close that client."""

    def __init__(self, node: Node, ticket: Ticket) -> None:
        super().__init__()
        limits = node.limits
        self._node = node
        self._ticket = ticket
        self._origin = Origin(self.actor_ref, ticket.client, ticket.principal)
        self._wire: Wire = ticket.wire
        self._session: ActorRef[Any] | None = None
        self._calls: ActorRef[Any] | None = None
        self._permits: ActorRef[Any] | None = None
        self._clearance = Clearance(limits.max_topics_per_connection) if node.has_permits else None
        self._gate = Gate(limits, node.quotas, ticket.address_key, ticket.principal.id)
        self._inlet: Inlet | None = None
        self._subscriptions = Subscriptions(limits.max_topics_per_connection)
        self._outlet = Outlet(limits, node.now, self._slowed, self._dropped, self._overflowed)
        self._rhythm = ticket.heartbeat or node.heartbeat_config
        self._liveness = node.liveness(ticket.wire.liveness, ticket.heartbeat)
        self._is_watched = True
        self._who = Identification(node, ticket, ticket.wire, self)
        self._accepting: Receipt[None] | None = None
        self._sending: list[Receipt[None]] | None = None
        self._last_ping: float | None = None
        self._missed = 0
        self._since = node.now()
        self._received = 0
        self._closing: Close | None = None
        self._closed: SocketClosed | None = None
        self._has_left = False

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
    def topics(self) -> tuple[str, ...]:
        return self._subscriptions.topics

    @property
    def is_open(self) -> bool:
        """Between its 101 and the end of its socket."""
        return self._inlet is not None and self._closed is None and self._closing is None

    def view(self) -> ConnectionView:
        """How it is now, for the admin listener; what `ConnectionClosed` says of one that has ended."""
        node, ticket = self._node, self._ticket
        return ConnectionView(
            connection=ticket.client, principal=ticket.principal.id, address=ticket.address, wire=self._wire.name,
            path=ticket.path, seconds=round(node.now() - self._since, 3),
            last_inbound_age=round(node.now() - self._last_seen, 3), missed_pings=self._missed,
            outbox_bytes=self._outlet.waiting_bytes, received=self._received, sent=self._outlet.sent,
            topics=self._subscriptions.topics,
        )  # fmt: skip

    @property
    def _last_seen(self) -> float:
        return self._inlet.last_seen if self._inlet is not None else self._since

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
        self._outlet.put(self._wire.opened(ticket.client, self._rhythm.ping_interval))
        if self._is_watched:
            self.call_at("heartbeat", self._node.first_ping(self._rhythm.ping_interval))
        self._who.opened()
        for command in ticket.first:
            self.carry_out(command)
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
        if self._wire.uses_app_frames:
            self._take_frame(received.data)
            return
        self._give(size)
        for command in self._wire.decode(received.data):
            self._gate.credit.take(command.reply.size_bytes)
            if not self._admit(command):
                return

    def _take_frame(self, data: str | bytes) -> None:
        """For the endpoint, within its connection's rate, or the message's own."""
        limits, limit, reply = self._ticket.limits, None, None
        if limits:
            limit, reply = _limited(limits, data)
        now = self._node.now()
        wait = self._gate.wait(now) if limit is None else self._gate.wait_for(limit, now)
        if wait > 0:
            self._too_fast(reply or Reply(size_bytes=len(data)), wait, limit)
        else:
            self._to_session(data)

    def _admit(self, command: Command) -> bool:
        """Each command takes a token, however many came in one message; whether the next may come."""
        node, limit = self._node, None
        now, is_join = node.now(), isinstance(command, Join)
        if isinstance(command, Publish) and command.event in node.limited_events:
            limit = node.limit_of(command.topic, command.event)
        if limit is not None:
            wait = self._gate.wait_for(limit, now)
        else:
            wait = self._gate.wait_to_join(now) if is_join else self._gate.wait(now)
        if wait > 0:
            self._too_fast(command.reply, wait, limit)
        elif not self._who.holds(command):
            self.carry_out(command)
        return self._closing is None

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
        self._drop_waiting()
        code, reason = self._ending()
        self._fail_waiting(WebSocketDisconnect(code, reason))
        self._ticket.tell_end(code, reason)
        if self._ticket.has_session:
            self._say_goodbye()
        else:
            self._farewell()

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

    def carry_out(self, command: Command) -> None:
        """Does what the client asks, now or in its turn."""
        if self._clearance is None or not self._clearance.holds(command):
            self._act(command)

    def _act(self, command: Command) -> None:
        """Does it, or says why not; nothing of what was said before the connection was closed."""
        if self._closing is not None:
            self._give(command.reply.size_bytes)
            return
        try:
            _ACTS[type(command)](self, command)
        except Refused as error:
            self._refused(command.reply, error)
        except Unanswered as unanswered:
            self._wait(command, unanswered.action)
        except InvalidToken:
            self._give(command.reply.size_bytes)
            self._close(Close("invalid_token", ended_by="auth"))

    def _refused(self, reply: Reply, error: Refused) -> None:
        """Answers what reached no topic; a join that did not is no subscription."""
        self.answered(Answer(reply, error))

    def _ping(self, command: Ping) -> None:
        self.answer(command.reply, Pong(self._node.wall()))

    def _nothing(self, command: Nothing) -> None:
        self.answer(command.reply, Done())

    def _invalid(self, command: Invalid) -> None:
        self.answer(command.reply, command.error)
        if command.counts and self._gate.is_hopeless(self._node.now()):
            self._close(Close("too_many_errors", ended_by="client"))

    def _broken(self, command: Broken) -> None:
        self._give(command.reply.size_bytes)
        self._close(Close(command.reason, ended_by="client"))

    def _identify(self, command: Identify) -> None:
        self._who.begin(command)

    def _renew(self, command: Renew) -> None:
        self._check_known()
        if command.topic is None:
            self._who.renew(command)
            return
        subscription = self._subscriptions.get(command.topic)
        if subscription is None:
            raise Refused("not_joined", f"{command.topic} is not joined; join it with a new token")
        grant = self._node.topic_grant(command.token, command.topic, self._origin.user)
        subscription.expires = grant.expires
        self._watch_topics()
        self.answer(command.reply, Renewed(self._ticket.client, self._expires_in(subscription)))

    def _call(self, command: Call) -> None:
        """To the application; raises Refused for what it has not declared."""
        self._check_known()
        self._node.check_open()
        if command.method not in self._node.calls:
            self._refuse_call(command)
            return
        if not self._tell_calls(command):
            self.answer(command.reply, Refused("internal"))

    def _refuse_call(self, command: Call) -> None:
        if not command.method:  # nobody listens to what wants no answer
            self.answer(command.reply, Done())
            return
        known = (*self._wire.actions, *filter(None, self._node.calls))
        if not known:
            raise Refused("not_available", "this application has no methods to call")
        hint = nearest(command.method, known)
        said = f"there is no action {command.method[:64]!r}" + (f"; did you mean {hint!r}?" if hint else "")
        raise Refused("unknown_action", said)

    def _join(self, command: Join) -> None:
        """Hands a join to its topic, if this client may and the gateway can. Raises Refused, InvalidToken."""
        settings = self._topic_settings(command.topic)
        if self._wire.needs_declared and not self._node.topics.is_declared(command.topic):
            raise Refused("unknown_channel", f"there is no topic {command.topic}")
        earlier = self._subscriptions.get(command.topic)
        if earlier is not None and not self._wire.replaces_joins:
            raise Refused("already_subscribed")
        if command.token:
            grant = self._node.topic_grant(command.token, command.topic, self._origin.user)
            command = attrs.evolve(command, info=grant.info or command.info, expires=grant.expires)
        elif not self._is_of_app(command.reply):
            _check_permission(settings.join, self._origin.principal)
            self._check_cleared(command.topic, "join")
        if command.presence and settings.presence and not self._may_see_presence(command):
            command = attrs.evolve(command, presence=False)
        generation = self._subscriptions.begin(command.topic, command)
        if earlier is not None:
            self._outlet.put(self._wire.replaced(earlier.reply))
            if command.since is not None:  # what is on its way to the earlier one comes again behind the answer
                self._outlet.mute(command.topic, generation)
        if command.expires is not None:
            self._watch_topics()
        variant = self._wire.variant(command)
        creator = NOBODY if self._is_of_app(command.reply) else self._ticket.address_key
        self._node.tell_topic(command.topic, Submit(self._origin, command, generation, variant), creator)

    def _leave(self, command: Leave) -> None:
        self._topic_settings(command.topic)
        subscription = self._subscriptions.get(command.topic)
        if subscription is None:
            self.answered(Answer(command.reply, Left(was_member=False)))
        elif _is_stale(command.join_ref, subscription):
            self.answer(command.reply, Done())
        else:
            self._node.tell_topic(command.topic, Submit(self._origin, command, subscription.generation))

    def _publish(self, command: Publish) -> None:
        settings = self._topic_settings(command.topic)
        check_event_name(command.event)
        if not self._is_of_app(command.reply):
            if self._wire.needs_membership and not self._is_in(command):
                return
            if self._is_call(command):
                self._call(Call(command.event, command.reply, command.payload, command.kind, command.topic))
                return
            _check_permission(settings.publish, self._origin.principal)
            self._check_cleared(command.topic, "publish")
        subscription = self._subscriptions.get(command.topic) if self._wire.needs_membership else None
        generation = 0 if subscription is None else subscription.generation
        creator = NOBODY if self._is_of_app(command.reply) else self._ticket.address_key
        self._node.tell_topic(command.topic, Submit(self._origin, command, generation), creator)

    def _is_in(self, command: Publish) -> bool:
        """Whether it comes from the membership of now; what an earlier one said is not heard. Raises Refused."""
        subscription = self._subscriptions.get(command.topic)
        if subscription is None:
            raise Refused("not_joined", f"join {command.topic} first")
        if _is_stale(command.join_ref, subscription):
            self.answer(command.reply, Done())
            return False
        return True

    def _is_call(self, command: Publish) -> bool:
        """Whether the application answers to that event as to a call, unless its topic has a handler for it."""
        if not self._wire.calls_by_event or command.event not in self._node.calls:
            return False
        return not self._node.handles_event(command.topic, command.event)

    def _read(self, command: ReadHistory | ReadPresence) -> None:
        settings = self._topic_settings(command.topic)
        subscription = self._subscriptions.get(command.topic)
        if subscription is None or not subscription.is_live:  # who was let in may read, also by a token
            _check_permission(settings.join, self._origin.principal)
        self._check_cleared(command.topic, "history" if isinstance(command, ReadHistory) else "presence")
        self._node.tell_topic(command.topic, Submit(self._origin, command), self._ticket.address_key)

    # --- what the application lets it do

    def _check_cleared(self, topic: str, action: Action) -> None:
        """Raises Refused, or Unanswered as long as the application has not said whether."""
        if self._clearance is not None and self._node.permit_of(topic) is not None:
            self._clearance.check(topic, action)

    def _may_see_presence(self, command: Join) -> bool:
        """A join is no way round: who may not ask who is there is not told. Raises Unanswered."""
        if self._is_of_app(command.reply):
            return True
        try:
            self._check_cleared(command.topic, "presence")
        except Refused:
            return False
        return True

    def _wait(self, command: Any, action: Action) -> None:
        assert self._clearance is not None
        self._ask_permit(self._clearance.wait(command.topic, command, action))

    def _ask_permit(self, question: Question) -> None:
        version, topic, action = question.version, question.topic, question.action
        if self._permits is None:
            spec = ChildSpec(restart="permanent", shutdown=GOODBYE)
            self._permits = self.spawn(PermitSession, self.actor_ref, self._node, name="permits", spec=spec)
            self.watch(self._permits)
        if self._permits.is_alive():
            self._permits.tell(AskPermit(self._origin.principal, version, topic, action))
        else:
            self.actor_ref.tell(Permitted(version, topic, action, Refused("internal")))

    @handles(Permitted)
    def permitted(self, permitted: Permitted) -> None:
        assert self._clearance is not None
        again = self._clearance.answered(permitted)
        if again is not None:
            self._ask_permit(again)
            return
        for command in self._clearance.freed(permitted.topic):
            self._act(command)

    @handles(ForgetPermissions)
    def forget_permissions(self, _: ForgetPermissions | None = None) -> None:
        if self._clearance is not None:
            self._clearance.forget()

    def _drop_waiting(self) -> None:
        """The connection ends: what was not answered is not done."""
        for command in () if self._clearance is None else self._clearance.give_up():
            self._give(command.reply.size_bytes)

    def _permits_ended(self) -> None:
        """They were stopped by somebody: what they were asked is refused."""
        self._permits = None
        for question in () if self._clearance is None else self._clearance.questions():
            self.permitted(Permitted(question.version, question.topic, question.action, Refused("internal")))

    def _topic_settings(self, topic: str) -> TopicSettings:
        """What is checked of every command to a topic. Raises Refused."""
        self._check_known()
        self._node.check_open()
        name = check_topic_name(topic, max_bytes=self._node.limits.max_topic_name_bytes)
        return self._node.topics.settings_for(name)

    def _check_known(self) -> None:
        if self._who.is_known:
            return
        if self._wire.identifies_first:
            self._close(Close("bad_request", ended_by="client"))
        raise Refused("unauthorized", "log in first")

    @staticmethod
    def _is_of_app(reply: Reply) -> bool:
        """App code, and the server itself, ask for no permission."""
        return reply.receipt is not None or reply.is_by_server

    def _too_fast(self, reply: Reply, wait: float, limit: Limit | None = None) -> None:
        """Over the rate: answered with when to come again, or left out; who does not listen is closed."""
        if limit is not None and self._gate.may_drop(limit, self._node.now()):
            self._node.events.publish(MessageDropped(self._ticket.client, self._ticket.path, reply.topic or ""))
            self.answer(reply, Handled())
            return
        error = Refused("too_many_requests", f"wait {wait:.2f} s", retry_after=round(wait, 3))
        self.answer(reply, error)
        if self._gate.is_deaf(self._node.now()):
            self._close(Close("rate_limited", ended_by="rate_limit"))

    @handles(Answer)
    def answered(self, answer: Answer) -> None:
        reply, result = answer.reply, answer.result
        subscription = self._subscriptions.get(reply.topic) if reply.topic is not None else None
        if subscription is not None:
            if subscription.reply is reply:
                self._outlet.unmute(subscription.join.topic, subscription.generation)
            if isinstance(result, Joined) and subscription.expires is not None:
                result = attrs.evolve(result, expires_in=self._expires_in(subscription))
            self._subscriptions.note(reply, result)
        if self._is_of_app(reply):
            self._answer_app(reply, result, subscription)
        else:
            self.answer(reply, result)

    def _answer_app(self, reply: Reply, result: Result, subscription: Subscription | None) -> None:
        """The client learns what the server, or app code, did with its memberships."""
        if not self._who.note(reply, result) and reply.topic is not None:
            if isinstance(result, Joined):
                self._outlet.put(self._wire.joined(reply.topic, result))
            elif isinstance(result, Left) and result.was_member and subscription is not None:
                self._outlet.put(self._wire.removed(subscription.reply, "unsubscribed", may_return=False))
        self.answer(reply, result)

    def answer(self, reply: Reply, result: Result) -> None:
        """The one answer to a command, to whoever asked."""
        if isinstance(result, Refused):
            self._node.events.publish(CommandRefused(self._ticket.client, reply.action, result.reason))
        if reply.receipt is not None:
            settle(reply, result)
        elif not reply.is_by_server:
            self._outlet.put(self._wire.answer(reply, result))
            self._give(reply.size_bytes)

    @handles(Removed)
    def removed(self, removed: Removed) -> None:
        """The server ended a membership, unless it is another one by now: the client learns it."""
        self._outlet.unmute(removed.topic, removed.generation)
        ended = self._subscriptions.end(removed.topic, removed.generation)
        if ended is None:
            return
        self.forget_permissions()
        if ended.is_by_server and removed.may_return and self._wire.can_be_joined and not self._wire.uses_app_frames:
            # its client did not ask for it and would not ask again: it comes back as a whole, and recovers
            over = removed.reason == "expired"
            close = Close("subscription_expired", ended_by="expired") if over else Close("insufficient_state")
            self._close(close)
            return
        frames = self._wire.removed(ended.reply, removed.reason, may_return=removed.may_return, code=removed.code)
        self._outlet.put(frames)

    @handles(Kick)
    def kick(self, kick: Kick) -> None:
        """App code ends a membership of its own client; the topic has the last word on what was on its way."""
        self.forget_permissions()
        subscription = self._subscriptions.get(kick.topic)
        if subscription is None:
            return
        generation = subscription.generation
        departs = Depart(self._ticket.client, generation, kick.reason, True, kick.may_return, kick.code)
        if not self._node.tell_live_topic(kick.topic, departs):
            self.removed(Removed(kick.topic, generation, kick.reason, kick.may_return, kick.code))

    # --- who it is

    @handles(Known)
    def known(self, known: Known) -> None:
        self._who.found(known.command, known.principal)

    def adopt(self, principal: Principal) -> None:
        """The client is this one from now on."""
        self._ticket.principal = principal
        self.forget_permissions()
        self._gate.is_of(principal.id)
        self._origin = Origin(self.actor_ref, self._ticket.client, principal)
        self._node.identified(self.actor_ref, self._ticket.client, principal)
        self._ticket.tell_principal(principal)
        if principal.is_authenticated and self._outlet.socket is not None:
            self._node.events.publish(ConnectionIdentified(self._ticket.client, principal.id))

    def ask_application(self, command: Identify | None) -> None:
        if not self._tell_calls(AskIdentity(command)):
            self._who.found(command, Refused("internal"))

    def join_for_server(self, join: Join) -> None:
        self._as_app(join)

    def hold(self) -> None:
        self._outlet.hold()

    def release(self, reply: Reply, result: Result) -> None:
        self._outlet.release(self._wire.answer(reply, result))
        self._give(reply.size_bytes)

    def warn(self, seconds: float) -> None:
        self._outlet.put(self._wire.expiring(seconds))

    def end(self, close: Close) -> None:
        self._close(close)

    def call_at(self, what: str, at: float) -> None:
        self._node.call_at(self.actor_ref, what, at)

    def _expires_in(self, subscription: Subscription) -> float | None:
        return None if subscription.expires is None else max(0.0, subscription.expires - self._node.wall())

    def _watch_topics(self) -> None:
        """Looks again when the first permission to be in a topic ends, and the grace after it."""
        expires = self._subscriptions.next_expiry()
        if expires is not None:
            self.call_at("topics", self._node.now() + expires + self._node.auth.refresh_grace - self._node.wall())

    def _end_overdue_topics(self) -> None:
        for topic, subscription in self._subscriptions.overdue(self._node.wall() - self._node.auth.refresh_grace):
            subscription.expires = None
            self.forget_permissions()
            departs = Depart(self._ticket.client, subscription.generation, "expired", lives_on=True)
            self._node.tell_live_topic(topic, departs)
        self._watch_topics()

    # --- what goes out

    def deliver_at_once(self, message: Deliver) -> None:
        """The hot path: one call per member and turn of a topic, and the whole turn of a member that is idle."""
        outlet = self._outlet
        socket = outlet.socket
        if socket is None or socket.is_congested or outlet.outbox is not None or outlet.muted:
            outlet.deliver(message)
            outlet.flush()
        else:
            outlet.sent += len(message.entries)
            socket.write(message.joined)

    @handles(Deliver, in_place=deliver_at_once)
    def deliver(self, message: Deliver) -> None:
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
        departs = Depart(self._ticket.client, subscription.generation, "insufficient_state", lives_on=True)
        if not self._node.tell_live_topic(topic, departs):  # it has ended, and says so itself
            self._outlet.unmute(topic, subscription.generation)

    @handles(Send)
    def send(self, send: Send) -> None:
        """App code sends to its own client; who awaits it waits for a slow reader, a broadcast does not."""
        if self._closed is not None or self._closing is not None:
            send.receipt.fail(WebSocketDisconnect(*self._ending()))
            return
        try:
            self._outlet.put(self._wire.message(send.payload, send.kind))
        except Refused as error:
            send.receipt.fail(error)
            return
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
        elif self._ticket.asks_application:
            self.ask_application(None)

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

    @handles(Adopt)
    def told_principal(self, told: Adopt) -> None:
        self._who.told(told.principal)

    @handles(Beat)
    def set_heartbeat(self, beat: Beat) -> None:
        """App code stops and starts it; what came in meanwhile counts."""
        if beat.is_on == self._is_watched:
            return
        self._is_watched = beat.is_on
        self._last_ping, self._missed = None, 0
        if beat.is_on:
            self.call_at("heartbeat", self._node.now() + self._rhythm.ping_interval)
        else:
            self._node.cancel_call(self.actor_ref, "heartbeat")

    @handles(LeaveAll)
    def leave_all(self, message: LeaveAll) -> None:
        """One `Leave` for each topic that was joined under this word; done when all of them are."""
        topics = [topic for topic, one in self._subscriptions.items() if one.reply.face == message.face]
        left: list[Receipt[object]] = [Receipt(f"leave {topic}", self._node.receipt_lost) for topic in topics]
        message.receipt.follow(left)
        for topic, receipt in zip(topics, left, strict=True):
            self._as_app(Leave(topic, Reply("leave", face=message.face, topic=topic, receipt=receipt)))

    @handles(Taken)
    def taken(self, taken: Taken) -> None:
        self._give(taken.size_bytes)

    @handles(Join, Leave, Publish)
    def submit_for_app(self, command: Join | Leave | Publish) -> None:
        """Rooms joined by app code: its own client needs no permission for what its app does."""
        if isinstance(command, Join):
            command = attrs.evolve(command, reply=attrs.evolve(command.reply, is_by_server=True))
        self._as_app(command)

    def _as_app(self, command: Join | Leave | Publish) -> None:
        try:
            if isinstance(command, Join) and not self._wire.can_be_joined:
                raise Refused("not_available", f"a client of {self._wire.name} joins by itself")
            _ACTS[type(command)](self, command)
        except Refused as error:
            self._refused(command.reply, error)

    def _tell_calls(self, message: Call | AskIdentity) -> bool:
        """To the application's calls, which are started when first needed."""
        if self._calls is None:
            spec = ChildSpec(restart="permanent", shutdown=GOODBYE)
            self._calls = self.spawn(CallSession, self._websocket(), self._node, name="calls", spec=spec)
            self.watch(self._calls)
        if not self._calls.is_alive():
            return False
        self._calls.tell(message)
        return True

    def _websocket(self) -> WebSocket:
        """The connection as app code sees it; on a wire it needs no accepting."""
        websocket = self._ticket.websocket(self._node, self.actor_ref)
        if not self._ticket.has_session and websocket.state is ConnectionState.CONNECTING:
            websocket.state = ConnectionState.CONNECTED
        return websocket

    def on_signal(self, signal: object) -> None:
        if isinstance(signal, Terminated) and signal.ref is self._calls:
            self._calls = None
            self._close(Close("server_error", ended_by="crash"))
            return
        if isinstance(signal, Terminated) and signal.ref is self._permits:
            self._permits_ended()
            return
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
        self._drop_waiting()
        self._ticket.tell_close(*self._code_of(close))
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
        if close.reason is None and close.code != NORMAL:
            return close.code, close.text
        entry = close_reason(close.reason or "normal")  # 1000 tells some clients not to come back, and some to
        return self._wire.close_code(entry), close.text or (self._wire.close_text(entry) if close.reason else "")

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
        if due.what == "heartbeat" and self._is_watched:
            self._beat(self._inlet.last_seen)
        elif due.what == "outbox":
            self._look_at_outbox()
        elif due.what == "identity":
            self._who.overdue()
        elif due.what == "expiry":
            self._who.look()
        elif due.what == "topics":
            self._end_overdue_topics()

    def _look_at_outbox(self) -> None:
        overdue_at = self._outlet.overdue_at()
        if self._outlet.is_overdue:
            self._overflowed()
        elif overdue_at is not None:
            self._node.call_at(self.actor_ref, "outbox", overdue_at)

    def _beat(self, last_seen: float) -> None:
        now = self._node.now()
        # while nothing is read a pong would wait unread: a slow handler of ours is no lost peer. And before a client
        # is known it has its own deadline, and expects another answer first
        if self._gate.is_shut or not self._who.is_known:
            self._last_ping, self._missed = None, 0
            self.call_at("heartbeat", now + self._rhythm.ping_interval)
            return
        decision = self._liveness.after(now, last_seen, self._last_ping, self._missed)
        if isinstance(decision, GiveUp):
            self._missed += self._last_ping is not None
            self._close(Close("heartbeat_lost", ended_by="heartbeat"))
            return
        if isinstance(decision, SendPing):
            if decision.missed:
                self._node.events.publish(HeartbeatMissed(self._ticket.client, decision.missed))
            self._last_ping, self._missed = decision.at, decision.missed
            assert self._outlet.socket is not None
            self._outlet.socket.write_control(self._wire.ping())
            if self._rhythm.app_ping and self._wire.uses_app_frames:
                self._outlet.put(self._wire.message(APP_PING, "json"))
        self.call_at("heartbeat", decision.until)

    def _farewell(self) -> None:
        """The last word, once: leaves, the fact, the end of this actor."""
        if self._has_left:
            return
        self._has_left = True
        reason = self._ended_by()
        for topic, subscription in self._subscriptions.items():
            self._node.tell_live_topic(topic, Depart(self._ticket.client, subscription.generation, reason))
        self._node.forget(self._ticket.client, self._origin.user, self._ticket.address_key)
        self._gate.end()
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
        self._ticket.tell_end(*self._ending())
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
        return ConnectionClosed(
            connection=ticket.client, principal=ticket.principal.id, address=ticket.address, wire=self._wire.name,
            path=ticket.path, seconds=round(node.now() - self._since, 3), code=code, reason=reason, ended_by=ended_by,
            last_inbound_age=round(node.now() - self._last_seen, 3), missed_pings=self._missed,
            outbox_bytes=self._outlet.waiting_bytes, received=self._received, sent=self._outlet.sent,
            topics=self._subscriptions.topics, at=node.wall(),
        )  # fmt: skip

    def _give(self, size: int) -> None:
        """Credit comes back; reading goes on when enough has."""
        if self._gate.give(size) and self._outlet.socket is not None:
            self._outlet.socket.resume_reading()


def _limited(limits: Mapping[str, Limit], data: str | bytes) -> tuple[Limit | None, Reply | None]:
    """Whether its action has a limit of its own, and then whom an answer would be for."""
    try:
        head = head_of(data)
    except Refused:
        return None, None  # the endpoint says so, or takes it as it is
    limit = limits.get(head.action)
    return limit, None if limit is None else Reply(head.action, head.ref, size_bytes=len(data))


def _is_stale(join_ref: object, subscription: Subscription) -> bool:
    """Whether it names a membership that has ended; None names none."""
    return join_ref is not None and join_ref != subscription.join.join_ref


def _check_permission(who: str, principal: Principal) -> None:
    if who == "anyone" or (who == "authenticated" and principal.is_authenticated):
        return
    if who == "authenticated":
        raise Refused("unauthorized", "log in first: this topic is for the authenticated")
    raise Refused("permission_denied")


_ACTS: dict[type[Command], Callable[[ConnectionActor, Any], None]] = {
    Broken: ConnectionActor._broken,
    Call: ConnectionActor._call,
    Identify: ConnectionActor._identify,
    Invalid: ConnectionActor._invalid,
    Join: ConnectionActor._join,
    Leave: ConnectionActor._leave,
    Nothing: ConnectionActor._nothing,
    Ping: ConnectionActor._ping,
    Publish: ConnectionActor._publish,
    ReadHistory: ConnectionActor._read,
    ReadPresence: ConnectionActor._read,
    Renew: ConnectionActor._renew,
}
"""What is done for each command."""
