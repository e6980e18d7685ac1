"""
Joining a topic: app code may refuse, the engine says what was missed, then somebody is a member. Never halfway.

Rules: reading the stream and becoming a member are one step, also if the engine takes its time for it; what is
delivered to the others meanwhile, beyond what it knew, follows the answer. What a client publishes behind its join
waits for it. A client has one membership: a join ends the one before it, also if it is refused.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from ..events import HistoryRecovered
from ..messages.commands import Join, Joined
from ..messages.publications import is_excluded
from ..messages.topic_messages import JoinsOverdue, MemberJoining
from ..reasons import Refused
from .answers import answer
from .fan_out import beyond
from .lingering import key_of
from .members import Membership

if TYPE_CHECKING:
    from ..engines.stream import Recovery
    from ..messages.publications import Publication
    from ..messages.topic_messages import Origin, Submit
    from ..node import Node
    from ..settings.topic import TopicSettings
    from .app_code import AppCode
    from .order import Order
    from .pending_joins import Joining, PendingJoins
    from .roster import Roster
    from .topic import TopicActor

JOIN_TIMEOUT = 3.0
"""Seconds a behaviour may take to allow a join: below the 5 s after which clients give up and reconnect."""

PORTION = 64
"""Joins that are given up in one turn, as many as messages are handled in one: thousands may have waited."""

TICK = 0.001
"""Seconds by which one may be given up early: a clock and a timer do not agree about the last digit."""


class Admissions:
    """Of one topic, in its turns."""

    def __init__(
        self,
        topic: TopicActor,
        node: Node,
        settings: TopicSettings,
        parts: tuple[PendingJoins, Order, AppCode, Roster],
    ) -> None:
        self._topic = topic
        self._node = node
        self._settings = settings
        self._joins, self._order, self._code, self._roster = parts
        self._early: dict[str, list[Submit]] = {}
        self._deadlines: deque[tuple[float, int]] = deque()
        """Of each ticket that app code was asked about, the first at first; also of those that are over by now."""

    def __len__(self) -> int:
        """Joins under way."""
        return len(self._joins)

    # --- asked by a client

    def ask(self, submit: Submit) -> None:
        """A client wants to join."""
        if self._is_full_for(submit.origin.client):
            limit = self._settings.max_members
            self._refuse(submit, Refused("topic_full", f"{self._topic.name} is full: it takes {limit} members"))
        elif self._code.allows_joins:
            self._ask_code(submit)
        else:
            self._admit(submit, None)

    def keep_if_early(self, submit: Submit) -> bool:
        """Whether only a member may ask that, and this client is none: what is behind its join waits for that."""
        client, member = submit.origin.client, self._roster.get(submit.origin.client)
        if member is not None and member.generation == submit.generation:
            return False
        if client in self._joins:
            self._early.setdefault(client, []).append(submit)
        else:
            answer(submit.origin, submit.command.reply, Refused("not_joined"))
        return True

    def forget(self, client: str, generation: int, reason: str) -> None:
        """A join under way of somebody who has left: whatever becomes of it, it makes no member."""
        was_let_in = self._joins.drop(client, generation, reason)
        for ticket in self._joins.tickets_of(client, generation):
            self._end_early(ticket, Refused("not_joined", "left before it had joined"), reason)
        if was_let_in:
            self._is_over(client)

    # --- decided by app code

    def allow(self, ticket: int, response: object) -> None:
        """App code lets somebody in; its response goes into the answer. Who has gone meanwhile has left."""
        submit, over = self._joins.take(ticket), self._joins.ended_early(ticket)
        if submit is not None:
            self._admit(submit, response, is_let_in=True)
            self._order.ask_for_flush()
        elif over is not None:
            self._has_left(*over)

    def refuse(self, ticket: int, error: Refused) -> None:
        """App code does not let it in, or has failed."""
        self._joins.ended_early(ticket)
        self._refuse_asked(self._joins.take(ticket), ticket, error)

    def look_for_overdue(self) -> None:
        """App code took too long for those whose time is up. One timer for all: an actor has only so many."""
        deadlines, now, ended = self._deadlines, self._node.now(), 0
        while deadlines and ended < PORTION:
            at, ticket = deadlines[0]
            if self._joins.waits(ticket):
                if at > now + TICK:
                    break
                said = f"{self._topic.name} did not answer in {JOIN_TIMEOUT:g} s"
                self._end_early(ticket, Refused("timed_out", said), "timed_out")
                ended += 1
            deadlines.popleft()
        if deadlines:
            self._look_in(deadlines[0][0] - now)

    def _look_in(self, delay: float) -> None:
        self._topic.timers.once(JoinsOverdue, JoinsOverdue(), delay)

    def give_up(self, error: Refused) -> None:
        """The topic ends: whoever waits learns it."""
        for ticket in self._joins.tickets():
            self.refuse(ticket, error)

    def _end_early(self, ticket: int, error: Refused, reason: str) -> None:
        """App code, which has not decided yet, is told that it has left if it says yes."""
        self._refuse_asked(self._joins.end_early(ticket, reason), ticket, error)

    def _refuse_asked(self, submit: Submit | None, ticket: int, error: Refused) -> None:
        if submit is not None:
            self._refuse(submit, error)

    def _ask_code(self, submit: Submit) -> None:
        command, ticket = _join_of(submit), next(self._node.numbers)
        self._joins.wait(ticket, submit)
        self._deadlines.append((self._node.now() + JOIN_TIMEOUT, ticket))
        if len(self._deadlines) == 1:
            self._look_in(JOIN_TIMEOUT)
        member = self._topic.asking(submit.origin, command)
        if not self._code.tell(MemberJoining(member, command.params, ticket)):
            self.refuse(ticket, Refused("internal"))

    # --- in

    def _admit(self, submit: Submit, response: object, *, is_let_in: bool = False) -> None:
        self._topic.remove(submit.origin.client, submit.generation, "rejoined")
        joining = self._joins.begin(submit, response, is_let_in=is_let_in, untold=self._order.pending)
        self._order.recover(_join_of(submit).since, lambda found: self._enter(joining, found))

    def _enter(self, joining: Joining, recovery: Recovery[Publication] | Refused) -> None:
        """The engine has answered: from this step on it is a member, or it never will be."""
        submit = joining.submit
        if not self._joins.end(joining):
            answer(submit.origin, submit.command.reply, Refused("not_joined", "left before it had joined"))
            self._is_over(submit.origin.client)
            self._is_no_member(joining, joining.over)
        elif isinstance(recovery, Refused):
            self._turn_away(joining, recovery)
        else:
            self._let_in(joining, _as_it_may_read(_join_of(submit), recovery))

    def _let_in(self, joining: Joining, recovery: Recovery[Publication]) -> None:
        if _join_of(joining.submit).must_recover and not recovery.recovered:
            self._turn_away(joining, Refused("unrecoverable_position"))
        else:
            self._welcome(joining, recovery)

    def _turn_away(self, joining: Joining, error: Refused) -> None:
        """After app code had its say."""
        self._refuse(joining.submit, error)
        self._is_no_member(joining, error.reason)

    def _is_no_member(self, joining: Joining, reason: str) -> None:
        if joining.is_let_in:
            self._has_left(joining.submit, reason)

    def _has_left(self, submit: Submit, reason: str) -> None:
        """App code has let it in, and it is no member: whatever that has noted is taken back."""
        is_empty = not self._roster and not self._joins.has_let_in
        self._roster.tell_code(self._topic.asking(submit.origin, _join_of(submit)), reason, is_empty=is_empty)

    def _welcome(self, joining: Joining, recovery: Recovery[Publication]) -> None:
        submit, command, origin = joining.submit, _join_of(joining.submit), joining.submit.origin
        member = self._membership(submit)
        self._topic.stay()
        joined = self._joined(command, recovery, joining.response, origin)
        self._roster.enter(member)
        if command.presence:
            joined = attrs.evolve(joined, members=self._roster.here())
        answer(origin, command.reply, joined)
        newer = beyond(joining.missed_live, recovery.position, member.client, member.principal.id)
        if newer:
            self._order.tell_one(member, newer)
        self._is_over(origin.client)

    def _membership(self, submit: Submit) -> Membership:
        command, origin = _join_of(submit), submit.origin
        assert submit.variant is not None
        assert origin.connection is not None
        return Membership(
            origin.connection,
            origin.client,
            origin.principal,
            submit.generation,
            submit.variant,
            command.reply.face,
            self._node.ids.presence_ref(),
            command.params,
            command.info,
            key_of(origin.user, command.session),
        )

    def _joined(self, command: Join, recovery: Recovery[Publication], response: object, origin: Origin) -> Joined:
        recovered = None if command.since is None else recovery.recovered
        missed = tuple(one for one in recovery.entries if not is_excluded(one.publication, origin.client, origin.user))
        if recovered is not None:
            fact = HistoryRecovered(self._topic.name, origin.client, recovered, len(missed), recovery.reason)
            self._node.events.publish(fact)
        return Joined(recovery.position, recovered, missed, None, response, self._settings.history.size > 0)

    # --- or not

    def _is_full_for(self, client: str) -> bool:
        """Who is about to be a member counts as one; who joins again takes no second place."""
        limit, roster, joins = self._settings.max_members, self._roster, self._joins
        if limit is None or len(roster) + joins.count < limit:
            return False
        if client in joins or roster.get(client) is not None:
            return False
        return len(roster) + sum(roster.get(other) is None for other in joins.clients()) >= limit

    def _refuse(self, submit: Submit, error: Refused) -> None:
        """It ends an earlier membership as well, or one that is about to be: its connection takes that for over."""
        self._topic.remove(submit.origin.client, submit.generation, "rejoined")
        self._joins.drop(submit.origin.client, submit.generation, "rejoined")
        answer(submit.origin, submit.command.reply, error)
        self._is_over(submit.origin.client)

    def _is_over(self, client: str) -> None:
        """A join is over, one way or the other: what its client said behind it is done, or refused."""
        for submit in self._early.pop(client, ()):
            self._topic.submit(submit)
        self._topic.idle_if_empty()


def _as_it_may_read(command: Join, recovery: Recovery[Publication]) -> Recovery[Publication]:
    """To who may not read its history a topic is one that keeps none, unless there is nothing to read."""
    if command.reads_history or not recovery.entries:
        return recovery
    return attrs.evolve(recovery, recovered=False, entries=(), reason="no_history")


def _join_of(submit: Submit) -> Join:
    assert isinstance(submit.command, Join)
    return submit.command
