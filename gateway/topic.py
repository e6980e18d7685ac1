"""
The machine of a topic: members, the order of what is published, presence, and fan-out.

Theory of operation. Whatever is accepted in a turn is handed to the fan-out, in order; at the end of the turn it is
framed once per variant, joined, and each member is told once. Whatever changes or reads membership or position flushes
first, so that turns of publish, join, leave and crash, in any order, equal one message per turn.

An engine that answers late is asked at once and not waited for: publications stand in `_line` until the one before
them has its position. A join that waits for it collects what is delivered meanwhile, and takes what lies beyond its
position.

Rules: synchronous only; it never awaits app code and never asks. App code is one child, the behaviour; it may crash and
come back, and nothing of this machine changes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, ActorDeadError, ActorRef, ChildSpec, SupervisorSpec, Terminated, handles

from .answers import answer
from .blame import Blame
from .commands import (
    HistoryRead,
    Join,
    Joined,
    Leave,
    Left,
    PresenceRead,
    Publish,
    ReadHistory,
    ReadPresence,
    Result,
)
from .engines.base import Repeated
from .events import HistoryRecovered, MessagePublished, RoomJoined, RoomLeft, TopicClosed, TopicOpened
from .fan_out import FanOut, beyond
from .line import Line, Waiting
from .members import Membership
from .messages import (
    ClientEvent,
    Depart,
    Emptied,
    EngineAnswer,
    MemberJoining,
    MemberLeft,
    Origin,
    Removed,
    Settle,
    Submit,
)
from .pending_joins import Joining, PendingJoins
from .presence import Presence, PresenceDiff, Present
from .publications import SELF, Delivery, Item, PresenceChange, Publication, Sender, is_excluded
from .questions import Questions
from .reasons import Refused
from .seen import Seen
from .state import Kept
from .stream import History, Page, Position, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from .behaviour import Behaviour
    from .config import TopicSettings
    from .identity import Principal
    from .node import Node

JOIN_TIMEOUT = 3.0
"""Seconds a behaviour may take to allow a join: below the 5 s after which clients give up and reconnect."""

ADDED_HISTORY = History(size=100, ttl=3600.0)
"""What a topic without history keeps when a publication asks to be saved."""


@attrs.frozen(eq=False)
class JoinOverdue:
    ticket: int


@attrs.frozen(eq=False)
class Passivate:
    """Nobody has been here for a while."""


@attrs.frozen(eq=False)
class Flush:
    """Somebody else's turn left something to deliver."""


class TopicActor(Actor):
    """One per live topic, under /topics. `behaviour` makes its child, if the name has app code."""

    supervision = SupervisorSpec(intensity=5, period=30.0, on_exceeded="stop_child")

    def __init__(self, node: Node, name: str, settings: TopicSettings, behaviour: type[Behaviour] | None) -> None:
        super().__init__()
        self._node = node
        self._name = name
        self._settings = settings
        self._behaviour_class = behaviour
        self._behaviour: ActorRef[Any] | None = None
        self._fan_out = FanOut(name, settings.slow, node.now)
        self._members = self._fan_out.members
        self._presence = Presence() if settings.presence else None
        self._line = Line()
        kept = settings.history if settings.history.size else ADDED_HISTORY
        self._questions = Questions(name, kept, self.actor_ref, node.numbers)
        self._joins = PendingJoins()
        self._early: dict[str, list[Submit]] = {}
        self._handed: dict[ClientEvent, None] = {}
        self._ended_by = "stopped"
        self._flush_asked = False
        self._seen = Seen()
        self._blame = Blame()
        self.kept = Kept()

    def on_start(self) -> None:
        self._node.events.publish(TopicOpened(self._name))
        self._start_behaviour()
        self._idle_if_empty()

    def on_stop(self) -> None:
        self._flush()
        self._remove_all("shutdown")
        self._node.topic_ended(self._name, self.actor_ref)
        self._node.events.publish(TopicClosed(self._name, self._ended_by))

    def pre_restart(self, reason: BaseException | None) -> None:
        """The ref lives on, and with it the name: what waits in the mailbox stays in order with what comes."""
        self._node.events.publish(TopicClosed(self._name, "failed"))

    def on_failure(self, *_: object) -> None:
        """A bug of ours: members cannot be carried over; each is told to come back, and recovers by its position."""
        self._remove_all("internal")

    def on_undelivered(self, messages: list[object]) -> None:
        """Told while it ended: the next incarnation of the topic gets what members asked, in order."""
        for message in messages:
            if isinstance(message, Submit):
                self._pass_on(message)
            elif isinstance(message, Depart):
                self._node.tell_live_topic(self._name, message)

    def _pass_on(self, submit: Submit) -> None:
        try:
            self._node.tell_topic(self._name, submit)
        except Refused as error:
            answer(submit.origin, submit.command.reply, error)
        except ActorDeadError:  # the tree is going down
            answer(submit.origin, submit.command.reply, Refused("shutting_down"))

    def on_signal(self, signal: object) -> None:
        if isinstance(signal, Terminated) and signal.ref is self._behaviour:
            self._behaviour = None
            self._flush()
            self._remove_all("internal")
            self._ended_by = "gave_up"
            self.actor_ref.stop_now()

    def on_turn_end(self) -> None:
        self._flush()

    # --- what clients ask

    @handles(Submit)
    def submit(self, submit: Submit) -> None:
        command = submit.command
        if isinstance(command, Publish):
            if not self._is_early(submit):
                self._publish(submit.origin, command)
        elif isinstance(command, Join):
            self._join(submit, command)
        elif isinstance(command, Leave):
            self._leave(submit, command)
        elif isinstance(command, ReadHistory):
            self._history(submit.origin, command)
        else:
            self._who(submit.origin, command)

    @handles(Depart)
    def depart(self, depart: Depart) -> None:
        self._remove(depart.client, depart.generation, depart.reason)
        self._forget_join(depart.client, depart.generation)
        if depart.lives_on:  # it hears by this that nothing older is on its way
            removed = Removed(self._name, depart.generation, depart.reason, depart.may_return, depart.code)
            self._tell(self._node.connection(depart.client), removed)

    @handles(EngineAnswer)
    def engine_answered(self, answer: EngineAnswer) -> None:
        self._questions.answered(answer.token, answer.result)

    def _is_early(self, submit: Submit) -> bool:
        """Whether only a member may publish that, and this client is none: what is behind its join waits for that."""
        client, member = submit.origin.client, self._members.get(submit.origin.client)
        if not submit.generation or (member is not None and member.generation == submit.generation):
            return False
        if client in self._joins.clients():
            self._early.setdefault(client, []).append(submit)
        else:
            answer(submit.origin, submit.command.reply, Refused("not_joined"))
        return True

    def _decided(self, client: str) -> None:
        """A join is over, one way or the other: what its client said behind it is done, or refused."""
        for submit in self._early.pop(client, ()):
            self.submit(submit)

    def _publish(self, origin: Origin, command: Publish) -> None:
        exclude = frozenset(origin.client if one == SELF else one for one in command.exclude)
        sender = self.sender_of(origin.client, origin.principal) if origin.client else None
        publication = Publication(
            self._name, command.payload, self._node.wall(), command.kind, command.event, sender, exclude
        )
        key = None if command.key is None else f"{origin.user}\0{command.key}"
        if self._is_handled(origin, command.event):
            self._hand_over(origin, command, publication, key)
            return
        self.accept(publication, command.save, key, lambda result: answer(origin, command.reply, result))

    def _hand_over(self, origin: Origin, command: Publish, publication: Publication, key: str | None) -> None:
        """To app code; one that was sent again under the same key gets the first one's answer."""
        if key is None or self._seen.is_new(key, lambda result: answer(origin, command.reply, result)):
            member = self._node.member(self, self._members.get(origin.client), origin)
            event = ClientEvent(member, command.event, publication, origin, command.reply, key)
            self._handed[event] = None
            if not self._tell(self._behaviour, event):
                self.answer_event(event, Refused("internal"))

    def _is_handled(self, origin: Origin, event: str) -> bool:
        """Whether app code takes this event: of clients only, or a handler that publishes would call itself."""
        if self._behaviour is None or self._behaviour_class is None or origin.connection is None:
            return False
        return event in self._behaviour_class.events

    def _join(self, submit: Submit, command: Join) -> None:
        if self._is_full_for(submit.origin.client):
            limit = self._settings.max_members
            self._refuse(submit, Refused("topic_full", f"{self._name} is full: it takes {limit} members"))
        elif self._behaviour is not None and self._behaviour_class is not None and self._behaviour_class.allows_joins:
            ticket = next(self._node.numbers)
            self._joins.wait(ticket, submit)
            self.timers.once(("join", ticket), JoinOverdue(ticket), JOIN_TIMEOUT)
            member = self._node.member(self, None, submit.origin, command)
            if not self._tell(self._behaviour, MemberJoining(member, command.params, ticket)):
                self.refuse_join(ticket, Refused("internal"))
        else:
            self._admit(submit, None)

    def _is_full_for(self, client: str) -> bool:
        """Who is about to be a member counts as one; who joins again takes no second place."""
        limit = self._settings.max_members
        if limit is None:
            return False
        there = {*(member.client for member in self._members), *self._joins.clients()}
        return client not in there and len(there) >= limit

    def _refuse(self, submit: Submit, error: Refused) -> None:
        """A join that was refused ends an earlier membership as well: its connection takes it for over."""
        self._remove(submit.origin.client, submit.generation, "rejoined")
        answer(submit.origin, submit.command.reply, error)
        self._decided(submit.origin.client)
        self._idle_if_empty()

    def _forget_join(self, client: str, generation: int) -> None:
        """A join under way of somebody who has left: whatever becomes of it, it makes no member."""
        for ticket in self._joins.tickets(client, generation):
            self.refuse_join(ticket, Refused("not_joined", "left before it had joined"))
        if self._joins.drop(client, generation):
            self._decided(client)
            self._idle_if_empty()

    @handles(JoinOverdue)
    def join_overdue(self, overdue: JoinOverdue) -> None:
        self.refuse_join(overdue.ticket, Refused("timed_out", f"{self._name} did not answer in {JOIN_TIMEOUT:g} s"))

    def _admit(self, submit: Submit, response: object) -> None:
        """Reads the stream and adds the member: one step, also if the engine takes its time for it."""
        self._flush()
        self._remove(submit.origin.client, submit.generation, "rejoined")
        command = submit.command
        assert isinstance(command, Join)
        joining, since = self._joins.begin(submit, response), command.since
        self._questions.ask(
            lambda call: self._node.engine.recover(call, since), lambda found: self._enter(joining, found)
        )

    def _enter(self, joining: Joining, recovery: Recovery[Publication] | Refused) -> None:
        self._flush()
        submit, command = joining.submit, joining.submit.command
        assert isinstance(command, Join)
        origin = submit.origin
        assert submit.variant is not None
        assert origin.connection is not None
        if not self._joins.end(joining):
            answer(origin, command.reply, Refused("not_joined", "left before it had joined"))
            self._decided(origin.client)
            return
        if isinstance(recovery, Refused):
            self._refuse(submit, recovery)
            return
        if command.must_recover and not recovery.recovered:
            self._refuse(submit, Refused("unrecoverable_position"))
            return
        member = Membership(
            origin.connection,
            origin.client,
            origin.principal,
            submit.generation,
            submit.variant,
            command.reply.face,
            self._node.ids.presence_ref(),
            command.params,
            command.info,
        )
        self._members.add(member)
        self.timers.cancel(Passivate)
        joined = self._joined(command, recovery, joining.response, origin)
        others = self._announce_join(member, command)
        if others is not None and command.presence:
            joined = attrs.evolve(joined, members=others)
        answer(origin, command.reply, joined)
        self._catch_up(member, joining.missed_live, recovery.position)
        self._node.events.publish(RoomJoined(self._name, origin.client, origin.user))
        self._decided(origin.client)

    def _joined(self, command: Join, recovery: Recovery[Publication], response: object, origin: Origin) -> Joined:
        recovered = None if command.since is None else recovery.recovered
        missed = tuple(one for one in recovery.entries if not is_excluded(one.publication, origin.client, origin.user))
        if recovered is not None:
            fact = HistoryRecovered(self._name, origin.client, recovered, len(missed), recovery.reason)
            self._node.events.publish(fact)
        return Joined(recovery.position, recovered, missed, None, response, self._settings.history.size > 0)

    def _announce_join(self, member: Membership, command: Join) -> tuple[Present, ...] | None:
        if self._presence is None:
            return None
        who, seen = member.principal, member.presence_ref
        present = Present(member.client, who.id, seen, command.info, self._node.wall(), who.info)
        but = frozenset() if member.variant.shows_own_join else frozenset((member.client,))
        self._change(self._presence.join(present), but)
        return self._presence.members()

    def _catch_up(self, member: Membership, items: list[Item], position: Position) -> None:
        """What was delivered to the others while the engine answered, beyond what it knew."""
        newer = beyond(items, position, member.client, member.principal.id)
        if newer:
            self._fan_out.tell_one(member, newer)

    def _leave(self, submit: Submit, command: Leave) -> None:
        client = submit.origin.client
        was_member = self._members.get(client) is not None
        self._remove(client, submit.generation, "left")
        self._forget_join(client, submit.generation)
        answer(submit.origin, command.reply, Left(was_member))

    def _history(self, origin: Origin, command: ReadHistory) -> None:
        self._flush()

        def read(page: Page[Publication] | Refused) -> None:
            result = page if isinstance(page, Refused) else HistoryRead(page.entries, page.position)
            answer(origin, command.reply, result)

        engine, since, limit, reverse = self._node.engine, command.since, command.limit, command.reverse
        self._questions.ask(lambda call: engine.page(call, since, limit, reverse=reverse), read)

    def _who(self, origin: Origin, command: ReadPresence) -> None:
        if self._presence is None:
            error = Refused("not_available", f"{self._name} keeps no presence")
            answer(origin, command.reply, error)
            return
        self._flush()
        answer(origin, command.reply, PresenceRead(self._presence.members(), self._presence.users))

    # --- what the behaviour and app code do; direct calls, on the loop's thread

    def accept(
        self, publication: Publication, save: bool | None, key: str | None, answer: Callable[[Result], None]
    ) -> None:
        """Takes a publication: asks for its position if it is saved, delivers it in order, answers with it."""
        if key is not None and not self._is_saved(save):  # the engine, which remembers keys, will not see it
            if not self._seen.is_new(key, answer):
                return
            answer = partial(self._settle_key, key, answer)
        waiting = Waiting(publication, answer)
        self._line.push(waiting)
        if self._is_saved(save):
            publish = self._node.engine.publish
            self._questions.ask(
                lambda call: publish(call, publication, key), lambda position: self._positioned(waiting, position)
            )
        else:
            self._positioned(waiting, None)

    def _settle_key(self, key: str, answer: Callable[[Result], None], result: Result) -> None:
        answer(result)
        self._seen.settle(key, result, keep=not isinstance(result, Refused))

    def allow_join(self, ticket: int, response: object) -> None:
        submit = self._joins.take(ticket)
        if submit is not None:
            self.timers.cancel(("join", ticket))
            self._admit(submit, response)
            self._ask_for_flush()

    def refuse_join(self, ticket: int, error: Refused) -> None:
        submit = self._joins.take(ticket)
        if submit is not None:
            self.timers.cancel(("join", ticket))
            self._refuse(submit, error)

    def send_to(self, client: str, publication: Publication) -> bool:
        """To one member, in order with what it was sent before; whether it is one."""
        member = self._members.get(client)
        if member is None:
            return False
        self._flush()
        self._fan_out.tell_one(member, [Delivery(publication, None)])
        return True

    def kick(self, client: str, reason: str, *, may_return: bool, code: int | None = None) -> bool:
        """Ends a membership; whether there was one. `code` is the application's own, for wires that have numbers."""
        member = self._members.get(client)
        if member is None:
            return False
        self._remove(client, member.generation, "kicked")
        self._tell(member.connection, Removed(self._name, member.generation, reason, may_return, code))
        return True

    def sender_of(self, client: str, principal: Principal) -> Sender:
        """How a client is shown as the sender of what it publishes here."""
        member = self._members.get(client)
        return Sender(client, principal.id, principal.info, None if member is None else member.info)

    def update(self, client: str, info: bytes | None) -> bool:
        """Changes what the others see of a member; whether it is one of a topic with presence."""
        member = self._members.get(client)
        if member is None or self._presence is None:
            return False
        new_ref = self._node.ids.presence_ref()
        self._flush()
        diff = self._presence.update(client, member.presence_ref, info=info, new_ref=new_ref)
        if diff is not None:
            member.info, member.presence_ref = info, new_ref
            self._change(diff, frozenset())
        return True

    def answer_event(self, event: ClientEvent, result: Result) -> None:
        """The one answer to an event that app code has; later ones are not heard."""
        if event not in self._handed:
            return
        del self._handed[event]
        answer(event.origin, event.reply, result)
        if event.key is not None:
            self._seen.settle(event.key, result, keep=not isinstance(result, Refused))

    def blame(self, client: str, principal: Principal) -> bool:
        """
        Charges a failure of the behaviour to the member whose message it was; whether the room is charged as well.

        What is charged to whom is decided in `blame`.
        """
        charge = self._blame.charge(self._node.now(), client, principal.id)
        if charge.closes_connection:
            self._node.close_connection(client, "rate_limited", "crash")
        return charge.room_pays

    def members(self) -> tuple[Membership, ...]:
        return tuple(self._members)

    def wall(self) -> float:
        return self._node.wall()

    @property
    def name(self) -> str:
        return self._name

    # --- order and fan-out

    def _is_saved(self, save: bool | None) -> bool:
        return self._settings.history.size > 0 if save is None else save

    def _positioned(self, waiting: Waiting, position: Position | Repeated | Refused | None) -> None:
        waiting.position = position
        self._advance()

    def _advance(self) -> None:
        """Delivers the head of the line for as long as it has its position."""
        for delivery in self._line.advance():
            self._fan_out.add(delivery)
            self._ask_for_flush()

    def _ask_for_flush(self) -> None:
        """In a turn of its own the end of it delivers; in anybody else's it tells itself to have one."""
        if not self.actor_ref.is_alive():  # it ends, and what is answered last has nobody left to be delivered to
            return
        if self._fan_out.is_pending and not self._flush_asked and not self._node.is_current(self.actor_ref):
            self._flush_asked = True
            ActorRef.tell(self.actor_ref, Flush())  # past any bound: it is asked for once, and waited for

    @handles(Settle)
    def settled(self, _: Settle) -> None:
        """The end of this turn tells members what is pending; what they are told after that comes after it."""

    @handles(Flush)
    def flush_asked(self, _: Flush) -> None:
        self._flush_asked = False

    def _flush(self) -> None:
        if not self._fan_out.is_pending:
            return
        items = self._fan_out.flush()
        self._joins.note(items)
        if self._node.events.wants(MessagePublished):
            self._count(items)

    def _count(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Delivery):
                fact = MessagePublished(self._name, item.publication.size_bytes, len(self._members))
                self._node.events.publish(fact)

    # --- members

    def _remove(self, client: str, generation: int, reason: str) -> None:
        """Ends the membership of that generation, or an earlier one, which is over with it."""
        member = self._members.get(client)
        if member is None or member.generation > generation:
            return
        self._flush()
        self._members.remove(client, member.generation)
        if self._presence is not None:
            self._change(self._presence.leave(client, member.presence_ref), frozenset())
        if self._behaviour is not None:
            left = self._node.member(self, member)
            self._tell(self._behaviour, MemberLeft(left, reason))
            if not self._members:
                self._tell(self._behaviour, Emptied(left))
        self._node.events.publish(RoomLeft(self._name, client, reason))
        self._idle_if_empty()

    def _change(self, diff: PresenceDiff | None, exclude: frozenset[str]) -> None:
        if diff is not None:
            self._fan_out.add(PresenceChange(self._name, diff, exclude))
            self._ask_for_flush()

    def _remove_all(self, reason: str) -> None:
        for member in self.members():
            self._members.remove(member.client, member.generation)
            self._tell(member.connection, Removed(self._name, member.generation, reason, may_return=True))
            self._node.events.publish(RoomLeft(self._name, member.client, reason))
        self._answer_all(Refused("shutting_down" if reason == "shutdown" else "internal"))

    def _answer_all(self, error: Refused) -> None:
        """Nobody waits for a topic that is gone: what app code or the engine have is answered now."""
        self._questions.give_up(error)
        for ticket in self._joins.tickets():
            self.refuse_join(ticket, error)
        for event in tuple(self._handed):
            self.answer_event(event, error)

    def _start_behaviour(self) -> None:
        if self._behaviour_class is None:
            return
        spec = ChildSpec(restart="permanent", shutdown=5.0)
        self._behaviour = self.spawn(self._behaviour_class, self, self._node, name="behaviour", spec=spec)
        self.watch(self._behaviour)

    def _idle_if_empty(self) -> None:
        if not self._members and not self._joins:
            self.timers.once(Passivate, Passivate(), self._node.passivate_after)

    @handles(Passivate)
    def passivate(self, _: Passivate) -> None:
        """Goes for good if nothing is under way and nothing waits; from this step on the name is free."""
        if self._members or self._joins:
            return
        if self._questions or self._handed or self.actor_ref.counts().queued:
            self._idle_if_empty()
            return
        self._node.topic_ended(self._name, self.actor_ref)
        self.actor_ref.stop_now()

    @staticmethod
    def _tell(ref: ActorRef[Any] | None, message: object) -> bool:
        """Whether it was there to be told; loop thread only."""
        if ref is None or not ref.is_alive():
            return False
        ref.tell(message)
        return True
