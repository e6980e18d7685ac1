"""
What one client asks of topics, checked as far as it can be without them: then its topic is told, and answers.

Each command passes in this order: is the client known, is the gateway open, is that a name, what does the wire demand,
what does the file allow, what does the application. Nothing is changed before the last of these has said yes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from ..events import TopicNotDeclared
from ..limits.names import check_event_name, check_topic_name
from ..limits.shared_buckets import NOBODY
from ..messages.commands import Call, Done, Join, Leave, Left, Publish, ReadHistory, ReadPresence, Renew, Renewed
from ..messages.presence import MAX_INFO
from ..messages.topic_messages import Answer, Depart, Origin, Submit
from ..reasons import Refused

if TYPE_CHECKING:
    from actors import ActorRef

    from ..access.identity import Principal
    from ..access.permissions import Action
    from ..endpoints.tickets import Ticket
    from ..messages.commands import Command
    from ..node import Node
    from ..settings.topic import TopicSettings, Who
    from ..sockets.outlet import Outlet
    from .clearance import Clearance
    from .deadlines import Deadlines
    from .identification import Identification
    from .memberships import Memberships
    from .replies import Replies
    from .sessions import Sessions
    from .subscriptions import Subscription


class TopicRequests:
    """
    Of one connection.

    Args:
        clearance: What the application has granted; None: it does not want to be asked.
    """

    __slots__ = (
        "_address_key", "_clearance", "_client", "_deadlines", "_members", "_node", "_outlet", "_replies", "_sessions",
        "_who", "_wire", "origin",
    )  # fmt: skip

    def __init__(
        self,
        node: Node,
        ticket: Ticket,
        ref: ActorRef[Any],
        outlet: Outlet,
        replies: Replies,
        who: Identification,
        memberships: Memberships,
        sessions: Sessions,
        deadlines: Deadlines,
        clearance: Clearance | None,
    ) -> None:
        self._node = node
        self._client = ticket.client
        self._wire = ticket.wire
        self._address_key = ticket.address_key
        self._outlet = outlet
        self._replies = replies
        self._who = who
        self._members = memberships
        self._sessions = sessions
        self._clearance = clearance
        self._deadlines = deadlines
        self.origin = Origin(ref, ticket.client, ticket.principal)
        """Whose commands they are, from now on."""

    # --- coming and going

    def join(self, command: Join) -> None:
        """Hands a join to its topic, if this client may and the gateway can. Raises Refused, InvalidToken."""
        settings, earlier = self._settings(command.topic), self._members.subscriptions.get(command.topic)
        self._check_wire(command, earlier)
        _check_info(command)
        if command.token:
            grant = self._node.topic_grant(command.token, command.topic, self.origin.user)
            command = attrs.evolve(command, info=grant.info or command.info, expires=grant.expires)
        elif not command.reply.is_of_app:
            self._check_allowed(settings.join, command.topic)
            self._check_granted(command.topic, "join")
        if command.presence and settings.presence and not self._is_granted(command, "presence"):
            command = attrs.evolve(command, presence=False)
        if command.since is not None and not self._is_granted(command, "history"):
            command = attrs.evolve(command, reads_history=False)
        self._begin(command, earlier)

    def _check_wire(self, command: Join, earlier: Subscription | None) -> None:
        self._check_declared(command.topic)
        if earlier is not None and not (earlier.is_leaving or self._replaces(command, earlier)):
            raise Refused("already_subscribed")

    def _check_declared(self, topic: str) -> None:
        if self._wire.needs_declared and not self._node.topics.is_declared(topic):
            self._note_undeclared(topic)
            raise Refused("unknown_channel", f"there is no topic {topic}")

    def _replaces(self, command: Join, earlier: Subscription) -> bool:
        """Whether it takes the place of a membership; one that its client asked for is the client's to change."""
        if command.is_once or not self._wire.replaces_joins:
            return False
        return earlier.is_by_server or not command.reply.is_of_app

    def _begin(self, command: Join, earlier: Subscription | None) -> None:
        generation = self._members.subscriptions.begin(command.topic, command)
        if earlier is not None:
            self._replace(earlier)
            if command.since is not None and command.reads_history:
                # what is on its way to the earlier one comes again behind the answer
                self._outlet.mute(command.topic, generation)
        if command.expires is not None:
            self._deadlines.watch_topics()
        self._tell(command, Submit(self.origin, command, generation, self._wire.variant(command)))

    def _replace(self, earlier: Subscription) -> None:
        """Its client learns the end of the earlier membership after what that was answered, and once."""
        if not earlier.is_live:
            self._members.subscriptions.supersede(earlier)
        elif earlier.leaving is None or earlier.leaving.is_of_app:  # else the answer to that says so
            self._outlet.put(self._wire.replaced(earlier.reply))

    def give_up(self, command: Join) -> None:
        """
        A join that was refused before it came to its topic.

        Where joins have names (Phoenix) its client goes by the later one: it has given up the membership before it, and
        could not even leave that any more. Elsewhere that stays.
        """
        earlier = self._members.subscriptions.get(command.topic)
        if earlier is not None and _is_stale(command.join_ref, earlier):
            departs = Depart(self._client, earlier.generation, "rejoined", lives_on=True, may_return=False)
            self._node.live.tell_if_live(command.topic, departs)

    def ends_one(self, command: Command) -> bool:
        """Whether it asks for the end of a membership, and is the first to."""
        if not isinstance(command, Leave):
            return False
        subscription = self._members.subscriptions.get(command.topic)
        if subscription is None or subscription.is_leaving:
            return False
        return not _is_stale(command.join_ref, subscription)

    def leave(self, command: Leave) -> None:
        """Also of a gateway that is about to stop. Who is put out comes in by no yes of before. Raises Refused."""
        if not command.reply.is_of_app:
            self._who.check_known()
        elif self._clearance is not None:
            self._clearance.forget()
        check_topic_name(command.topic, max_bytes=self._node.limits.max_topic_name_bytes)
        subscription = self._members.subscriptions.get(command.topic)
        if subscription is None:
            self._members.answered(Answer(command.reply, Left(was_member=False)))
        elif _is_stale(command.join_ref, subscription):
            self._replies.answer(command.reply, Done())
        else:
            self._node.live.tell(command.topic, Submit(self.origin, command, subscription.generation))
            subscription.leaving = subscription.leaving or command.reply

    def renew(self, command: Renew, topic: str) -> None:
        """A newer permission to be there. Raises Refused, InvalidToken."""
        subscription = self._members.subscriptions.get(topic)
        if subscription is None:
            raise Refused("not_joined", f"{topic} is not joined; join it with a new token")
        subscription.expires = self._node.topic_grant(command.token, topic, self.origin.user).expires
        self._deadlines.watch_topics()
        self._replies.answer(command.reply, Renewed(self._client, self._members.expires_in(subscription)))

    # --- saying and reading

    def publish(self, command: Publish) -> None:
        """The hot path. Raises Refused."""
        settings, topic, wire = self._settings(command.topic), command.topic, self._wire
        check_event_name(command.event)
        creator, generation = NOBODY, 0
        if not command.reply.is_of_app:
            creator = self._address_key
            if wire.needs_membership and not self._is_in(command):
                return
            if wire.calls_by_event and self._is_call(command):
                self._sessions.call(Call(command.event, command.reply, command.payload, command.kind, command.topic))
                return
            self._check_allowed(settings.publish, topic)
            if self._clearance is not None:
                self._check_granted(topic, "publish")
        if wire.needs_membership:
            subscription = self._members.subscriptions.get(topic)
            generation = 0 if subscription is None else subscription.generation
        self._node.live.tell(topic, Submit(self.origin, command, generation), creator)

    def _is_in(self, command: Publish) -> bool:
        """Whether it comes from the membership of now; what an earlier one said is not heard. Raises Refused."""
        subscription = self._members.subscriptions.get(command.topic)
        if subscription is None:
            raise Refused("not_joined", f"join {command.topic} first")
        if _is_stale(command.join_ref, subscription):
            self._replies.answer(command.reply, Done())
            return False
        return True

    def _is_call(self, command: Publish) -> bool:
        """Whether the application answers to that event as to a call, unless its topic has a handler for it."""
        return command.event in self._node.calls and not self._node.handles_event(command.topic, command.event)

    def read(self, command: ReadHistory | ReadPresence) -> None:
        """Raises Refused."""
        settings = self._settings(command.topic)
        self._check_declared(command.topic)
        subscription = self._members.subscriptions.get(command.topic)
        if subscription is None or not subscription.is_live:  # who was let in may read, also by a token
            self._check_allowed(settings.join, command.topic)
        self._check_granted(command.topic, "history" if isinstance(command, ReadHistory) else "presence")
        self._tell(command, Submit(self.origin, command))

    # --- what is checked

    def _settings(self, topic: str) -> TopicSettings:
        """What is checked of every command to a topic. Raises Refused."""
        node = self._node
        self._who.check_known()
        node.check_open()
        return node.settings_of(topic)

    def _check_allowed(self, who: Who, topic: str) -> None:
        """What its settings say. Raises Refused; that the topic has none is a fact, and no matter of the client's."""
        try:
            _check_permission(who, self.origin.principal)
        except Refused:
            self._note_undeclared(topic)
            raise

    def _note_undeclared(self, topic: str) -> None:
        """Of a refusal: somebody may have to declare that topic, and only here it is known that nobody has."""
        if not self._node.topics.is_declared(topic):
            self._node.events.publish(TopicNotDeclared(self._client, topic))

    def _check_granted(self, topic: str, action: Action) -> None:
        """Raises Refused, or Unanswered as long as the application has not said whether."""
        if self._clearance is not None and self._node.permit_of(topic) is not None:
            self._clearance.check(topic, action)

    def _is_granted(self, command: Join, action: Action) -> bool:
        """
        A join is no way round: who may not ask who is there, or what was said, is not told. Raises Unanswered.

        App code asks nobody. What a client has of a topic that the server joins it to is the client's own question.
        """
        if command.reply.receipt is not None:
            return True
        try:
            self._check_granted(command.topic, action)
        except Refused:
            return False
        return True

    def _tell(self, command: Join | ReadHistory | ReadPresence, submit: Submit) -> None:
        """A topic that has to be started for it counts for the client's address. Raises Refused."""
        creator = NOBODY if command.reply.is_of_app else self._address_key
        self._node.live.tell(command.topic, submit, creator)


def _is_stale(join_ref: object, subscription: Subscription) -> bool:
    """Whether it names a membership that has ended; None names none."""
    return join_ref is not None and join_ref != subscription.join_ref


def _check_info(command: Join) -> None:
    size = len(command.info or b"")
    if size > MAX_INFO:
        raise Refused("limit_exceeded", f"the info has {size} bytes; {MAX_INFO} are allowed: all are told it")


def _check_permission(who: Who, principal: Principal) -> None:
    if who == "anyone" or (who == "authenticated" and principal.is_authenticated):
        return
    if who == "authenticated":
        raise Refused("unauthorized", "log in first: this topic is for the authenticated")
    raise Refused("permission_denied")


TOPIC_ACTS: dict[type[Command], Callable[[TopicRequests, Any], None]] = {
    Join: TopicRequests.join,
    Leave: TopicRequests.leave,
    Publish: TopicRequests.publish,
    ReadHistory: TopicRequests.read,
    ReadPresence: TopicRequests.read,
}
"""What is done for each command to a topic."""
