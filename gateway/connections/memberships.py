"""
What one client is a member of, as its topics say it: joined, left, removed, expired; and what it is told of that.

A membership has a generation, so that what concerns an earlier one of the same topic can be told from it. It ends once,
and the topic has the last word: behind everything that was on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..events import PublicationDropped
from ..messages.commands import Joined, Leave, Left, Published, Reply
from ..messages.connection_messages import Close, Kick
from ..messages.receipts import Receipt
from ..messages.topic_messages import Depart, Removed
from .subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..endpoints.tickets import Ticket
    from ..messages.commands import Result
    from ..messages.connection_messages import LeaveAll
    from ..messages.topic_messages import Answer
    from ..node import Node
    from ..sockets.outbox import Entry
    from ..sockets.outlet import Outlet
    from .identification import Identification
    from .replies import Replies
    from .subscriptions import Subscription


class Memberships:
    """Of one connection."""

    __slots__ = ("_client", "_node", "_outlet", "_replies", "_who", "_wire", "subscriptions")

    def __init__(
        self, node: Node, ticket: Ticket, outlet: Outlet, replies: Replies, who: Identification, most: int
    ) -> None:
        self._node = node
        self._client = ticket.client
        self._wire = ticket.wire
        self._outlet = outlet
        self._replies = replies
        self._who = who
        self.subscriptions = Subscriptions(most)

    # --- what topics answer

    def answered(self, answer: Answer) -> None:
        """The answer to a command, of a topic or of who refused it before it came to one."""
        reply, result = answer.reply, answer.result
        if type(result) is Published:  # the hot path: no membership is any different
            self._replies.answer(reply, result)
            return
        topic = reply.topic or ""
        subscription = self.subscriptions.get(topic)
        if subscription is not None:
            if subscription.reply is reply:
                self._outlet.unmute(topic, subscription.generation)
            if isinstance(result, Joined) and subscription.expires is not None:
                result = attrs.evolve(result, expires_in=self.expires_in(subscription))
            self.subscriptions.note(reply, result)
        if reply.is_of_app:
            self._tell_client(reply, result, subscription)
        self._replies.answer(reply, result)
        superseded = self.subscriptions.superseded(reply)
        if superseded is not None:
            self._outlet.unmute(topic, superseded.generation)
            if superseded.leaving is None and isinstance(result, Joined):
                self._outlet.put(self._wire.replaced(reply))

    def _tell_client(self, reply: Reply, result: Result, subscription: Subscription | None) -> None:
        """The client learns what the server, or app code, did with its memberships."""
        if self._who.note(reply, result) or reply.topic is None:
            return
        if isinstance(result, Joined):
            self._outlet.put(self._wire.joined(reply.topic, result))
        elif isinstance(result, Left) and result.was_member and subscription is not None:
            if subscription.leaving is not reply and not subscription.is_by_server:
                return  # its client has joined again since
            self._outlet.put(self._wire.removed(subscription.reply, "unsubscribed", may_return=False))

    # --- what ends them

    def removed(self, removed: Removed) -> Close | None:
        """
        The server ended a membership, unless it is another one by now: the client learns it.

        Returns:
            With what its connection has to end: its client did not ask for the topic and would not ask again, so it
            comes back as a whole, and recovers. On an endpoint that is so only if the topic itself has ended: there is
            no word for that, its client would hear nothing any more, and come back it is joined again by its endpoint.
            Whom app code puts out it tells itself, if it wants to.
        """
        self._outlet.unmute(removed.topic, removed.generation)
        ended, wire = self.subscriptions.end(removed.topic, removed.generation), self._wire
        if ended is None:
            return self._end_later_one(removed)
        if wire.uses_app_frames:
            return Close("insufficient_state") if removed.has_ended else None
        if ended.is_by_server and removed.may_return and wire.can_be_joined:
            over = removed.reason == "expired"
            return Close("subscription_expired", ended_by="expired") if over else Close("insufficient_state")
        may_return, code = removed.may_return, removed.code
        self._outlet.put(wire.removed(ended.reply, removed.reason, may_return=may_return, code=code))
        return None

    def _end_later_one(self, removed: Removed) -> Close | None:
        """
        Who is kicked for good has asked before it could hear of that for what came since: it is over as well.

        Else nobody could be kicked who joins again all the time.
        """
        later = self.subscriptions.get(removed.topic)
        if later is None or later.reply.is_of_app or removed.may_return or not removed.is_kicked:
            return None
        ended = self.kick(Kick(removed.topic, removed.reason, may_return=False, code=removed.code))
        return None if ended is None else self.removed(ended)

    def kick(self, kick: Kick) -> Removed | None:
        """App code ends one; what the topic, which has ended before it heard of that, would have said of it."""
        subscription = self.subscriptions.get(kick.topic)
        if subscription is None:
            return None
        generation = subscription.generation
        departs = Depart(self._client, generation, kick.reason, True, kick.may_return, kick.code)
        if self._node.live.tell_if_live(kick.topic, departs):
            return None
        return Removed(kick.topic, generation, kick.reason, kick.may_return, kick.code)

    def leaves(self, message: LeaveAll) -> Iterator[Leave]:
        """One for each topic that was joined under this word; the receipt is done when all of them are."""
        topics = [topic for topic, one in self.subscriptions.items() if one.reply.face == message.face]
        left: list[Receipt[object]] = [Receipt(f"leave {topic}", self._node.receipt_lost) for topic in topics]
        message.receipt.follow(left)
        for topic, receipt in zip(topics, left, strict=True):
            yield Leave(topic, Reply("leave", face=message.face, topic=topic, receipt=receipt))

    def dropped(self, entry: Entry) -> None:
        """
        A hole: whoever reads by position must come back and recover. Who has none has lost this one, and goes on.

        Nothing of that topic leaves any more, or its reader would take a position behind the hole for its own. The
        topic answers the departure with `Removed`, behind everything that was on its way. Who has left already, and has
        not read that yet, reads nothing from behind the hole: it may come back with the position that it has.
        """
        topic = entry.topic or ""
        self._node.events.publish(PublicationDropped(topic, self._client, entry.slow))
        subscription = self.subscriptions.get(topic)
        if entry.offset is None or not self._wire.shows_positions:
            return
        if subscription is None:
            self._outlet.forget(topic)
            return
        if self._outlet.is_muted(topic):
            return
        self._outlet.mute(topic, subscription.generation)
        departs = Depart(self._client, subscription.generation, "insufficient_state", lives_on=True)
        if not self._node.live.tell_if_live(topic, departs):  # it has ended, and says so itself
            self._outlet.unmute(topic, subscription.generation)

    def depart(self, reason: str) -> None:
        """From all of them: the last word of a connection that ends."""
        for topic, subscription in self.subscriptions.items():
            self._node.live.tell_if_live(topic, Depart(self._client, subscription.generation, reason))

    # --- permissions to be in a topic that end

    def expires_in(self, subscription: Subscription) -> float | None:
        """Seconds; None: never."""
        return None if subscription.expires is None else max(0.0, subscription.expires - self._node.wall())

    def next_look(self) -> float | None:
        """When the first one ends, and the grace after it."""
        expires = self.subscriptions.next_expiry()
        if expires is None:
            return None
        return self._node.now() + expires + self._node.auth.refresh_grace - self._node.wall()

    def end_overdue(self) -> None:
        """Those whose grace is over; the topic says so, as of any that it ends."""
        for topic, subscription in self.subscriptions.overdue(self._node.wall() - self._node.auth.refresh_grace):
            subscription.expires = None
            self._node.live.tell_if_live(topic, Depart(self._client, subscription.generation, "expired", lives_on=True))
