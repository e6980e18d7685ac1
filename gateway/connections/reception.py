"""
Where a client's commands come in: within its rate, in their turn, each done or refused with one answer.

Theory of operation. Each command takes a token of its connection's rate, or of its own. While the client is being
identified it is held as a whole; while the application thinks about one topic, what is said to that topic is. What is
said after the connection began to close is not done, and its credit comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..events import MessageDropped
from ..limits.token_bucket import too_many
from ..messages.commands import (
    Broken,
    Call,
    Done,
    Handled,
    Identify,
    Invalid,
    Join,
    Nothing,
    Ping,
    Pong,
    Publish,
    Renew,
    Reply,
)
from ..messages.connection_messages import Close, Permitted, TooFast
from ..messages.schemas import head_of
from ..messages.topic_messages import Answer
from ..reasons import InvalidToken, Refused
from .clearance import Unanswered
from .topic_requests import TOPIC_ACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..access.permissions import Action
    from ..endpoints.tickets import Ticket
    from ..limits.gate import Gate
    from ..limits.message_limit import Limit
    from ..messages.commands import Command
    from ..node import Node
    from .clearance import Clearance, Question
    from .connection import ConnectionActor
    from .ending import Ending
    from .identification import Identification
    from .memberships import Memberships
    from .replies import Replies
    from .sessions import Sessions
    from .topic_requests import TopicRequests


class Reception:
    """Of one connection, whose machine it has closed for what cannot be answered."""

    __slots__ = (
        "_clearance", "_ending", "_gate", "_machine", "_members", "_node", "_replies", "_sessions", "_ticket",
        "_topics", "_who",
    )  # fmt: skip

    def __init__(
        self,
        machine: ConnectionActor,
        node: Node,
        ticket: Ticket,
        gate: Gate,
        ending: Ending,
        replies: Replies,
        who: Identification,
        memberships: Memberships,
        sessions: Sessions,
        topics: TopicRequests,
        clearance: Clearance | None,
    ) -> None:
        self._machine = machine
        self._node = node
        self._ticket = ticket
        self._gate = gate
        self._ending = ending
        self._replies = replies
        self._who = who
        self._members = memberships
        self._sessions = sessions
        self._topics = topics
        self._clearance = clearance

    # --- within its rate

    def hear(self, data: str | bytes, now: float, is_alone: bool) -> None:
        """The hot path: a frame for the endpoint, while the machine is idle and its socket open."""
        wait = self._gate.wait(now)
        if is_alone and wait <= 0.0 and self._sessions.runs_now(data):
            return
        self._gate.credit.take(len(data))
        if wait > 0:
            self._machine.actor_ref.tell(TooFast(data, wait))  # answered in a turn
        else:
            self._sessions.feed(data)

    def refuse_frame(self, frame: TooFast) -> None:
        size = len(frame.data)
        if self._ending.has_begun:
            self._replies.give(size)
        else:
            self._too_fast(Reply(size_bytes=size), frame.wait)

    def take_frame(self, data: str | bytes) -> None:
        """For the endpoint, within its connection's rate, or the message's own."""
        limits, limit, reply = self._ticket.limits, None, None
        if limits:
            limit, reply = _limited(limits, data)
        now = self._node.now()
        wait = self._gate.wait(now) if limit is None else self._gate.wait_for(limit, now)
        if wait > 0:
            self._too_fast(reply or Reply(size_bytes=len(data)), wait, limit)
        else:
            self._sessions.feed(data)

    def admit(self, command: Command) -> bool:
        """
        Each command takes a token, however many came in one message; whether the next may come.

        The end of a membership needs none: its join has, and who is refused it hears of a topic that it has left.
        """
        node, limit = self._node, None
        now, is_join = node.now(), isinstance(command, Join)
        if isinstance(command, Publish) and command.event in node.limited_events:
            limit = node.limit_of(command.topic, command.event)
        if limit is not None:
            wait = self._gate.wait_for(limit, now)
        else:
            wait = self._gate.wait_to_join(now) if is_join else self._gate.wait(now)
        if wait > 0 and not self._topics.ends_one(command):
            self._too_fast(command.reply, wait, limit)
            self._give_up(command)
        elif not self._who.holds(command) and not (self._clearance is not None and self._clearance.holds(command)):
            self._act(command)
        return self._ending.closing is None

    def _too_fast(self, reply: Reply, wait: float, limit: Limit | None = None) -> None:
        """Over the rate: answered with when to come again, or left out; who does not listen is closed."""
        if limit is not None and self._gate.may_drop(limit, self._node.now()):
            self._node.events.publish(MessageDropped(self._ticket.client, self._ticket.path, reply.topic or ""))
            self._replies.answer(reply, Handled())
            return
        self._replies.answer(reply, too_many(wait))
        if self._gate.is_deaf(self._node.now()):
            self._machine.end(Close("rate_limited", ended_by="rate_limit"))

    # --- in its turn

    def carry_out(self, command: Command) -> None:
        """Does what the client asks, now or in its turn."""
        if self._clearance is None or not self._clearance.holds(command):
            self._act(command)

    def _act(self, command: Command) -> None:
        """Does it, or says why not; nothing of what was said before the connection was closed."""
        if self._ending.closing is not None:
            self._replies.give(command.reply.size_bytes)
            return
        try:
            act = TOPIC_ACTS.get(type(command))
            if act is not None:
                act(self._topics, command)
            else:
                _ACTS[type(command)](self, command)
        except Refused as error:
            self._who.refused()
            self._refuse(command.reply, error)
            self._give_up(command)
        except Unanswered as unanswered:
            self._wait(command, unanswered.action)
        except InvalidToken:
            self._replies.give(command.reply.size_bytes)
            self._machine.end(Close("invalid_token", ended_by="auth"))

    def _give_up(self, command: Command) -> None:
        """It comes to no topic; see `TopicRequests.give_up`."""
        join = command.join if isinstance(command, Invalid) else command
        if isinstance(join, Join):
            self._topics.give_up(join)

    def act_for_app(self, command: Command) -> None:
        """
        As app code, or the server itself, asks: it stands behind nothing, and needs no permission.

        But the positions that a client has of the server's topics are its own question about history.
        """
        try:
            if isinstance(command, Join) and not self._ticket.wire.can_be_joined:
                raise Refused("not_available", f"a client of {self._ticket.wire.name} joins by itself")
            TOPIC_ACTS[type(command)](self._topics, command)
        except Refused as error:
            self._refuse(command.reply, error)
        except Unanswered as unanswered:
            self._wait(command, unanswered.action)

    def _refuse(self, reply: Reply, error: Refused) -> None:
        """Answers what reached no topic; a join that did not is no subscription."""
        self._members.answered(Answer(reply, error))

    # --- what the application lets it do

    def _wait(self, command: Any, action: Action) -> None:
        assert self._clearance is not None
        self._ask(self._clearance.wait(command.topic, command, action))

    def _ask(self, question: Question) -> None:
        try:
            self._sessions.ask_permit(question)
        except Refused as error:
            unasked = Permitted(question.version, question.topic, question.action, error)
            self._machine.actor_ref.tell(unasked)  # not here and now: what waits is in the middle of its turn

    def permitted(self, permitted: Permitted) -> None:
        """The application has said whether: what waits for that goes on."""
        assert self._clearance is not None
        again = self._clearance.answered(permitted)
        if again is not None:
            self._ask(again)
            return
        for command in self._clearance.freed(permitted.topic):
            self._act(command)

    def permits_ended(self) -> None:
        """They were stopped by somebody: what they were asked is refused."""
        for question in () if self._clearance is None else self._clearance.questions():
            self.permitted(Permitted(question.version, question.topic, question.action, Refused("internal")))

    def forget_permissions(self) -> None:
        """The client is another one, or may other things."""
        if self._clearance is not None:
            self._clearance.forget()

    def drop_waiting(self) -> None:
        """The connection ends: what was not answered is not done."""
        self._who.drop()
        for command in () if self._clearance is None else self._clearance.give_up():
            self._replies.give(command.reply.size_bytes)

    # --- what is no topic's affair

    def _ping(self, command: Ping) -> None:
        self._replies.answer(command.reply, Pong(self._node.wall()))

    def _nothing(self, command: Nothing) -> None:
        self._replies.answer(command.reply, Done())

    def _invalid(self, command: Invalid) -> None:
        self._replies.answer(command.reply, command.error)
        self._give_up(command)
        if command.counts and self._gate.is_hopeless(self._node.now()):
            self._machine.end(Close("too_many_errors", ended_by="client"))

    def _broken(self, command: Broken) -> None:
        self._replies.give(command.reply.size_bytes)
        self._machine.end(Close(command.reason, ended_by="client"))

    def _identify(self, command: Identify) -> None:
        self._who.begin(command)

    def _renew(self, command: Renew) -> None:
        self._who.check_known()
        if command.topic is None:
            self._who.renew(command.reply, command.token)
        else:
            self._topics.renew(command, command.topic)

    def _call(self, command: Call) -> None:
        self._sessions.call(command)


def _limited(limits: Mapping[str, Limit], data: str | bytes) -> tuple[Limit | None, Reply | None]:
    """Whether its action has a limit of its own, and then whom an answer would be for."""
    try:
        head = head_of(data)
    except Refused:
        return None, None  # the endpoint says so, or takes it as it is
    limit = limits.get(head.action)
    return limit, None if limit is None else Reply(head.action, head.ref, size_bytes=len(data))


_ACTS: dict[type[Command], Callable[[Reception, Any], None]] = {
    Broken: Reception._broken,
    Call: Reception._call,
    Identify: Reception._identify,
    Invalid: Reception._invalid,
    Nothing: Reception._nothing,
    Ping: Reception._ping,
    Renew: Reception._renew,
}
"""What is done for each command that concerns no topic, or a token."""
