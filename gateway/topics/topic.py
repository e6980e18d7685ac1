"""
The machine of a topic: a single writer for members, the order of what is published, presence, and fan-out.

Theory of operation. Clients' commands, app code's calls and the engine's answers come in one at a time. Joining is the
affair of `admissions`, who is here that of `roster`, and what is published, in which order, that of `order`; app code
is a child of its own, which may crash and come back, and nothing of this machine changes.

Rules: synchronous only; it never awaits app code and never asks. At the end of a turn everything that the turn brought
is delivered.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from actors import Actor, SupervisorSpec, Terminated, handles

from ..events import TopicClosed, TopicOpened
from ..limits.blame import Blame
from ..messages.commands import HistoryRead, InTurn, Join, Leave, Left, Publish, ReadHistory, Result
from ..messages.publications import SELF, Publication
from ..messages.topic_messages import (
    ClientEvent,
    Depart,
    EngineAnswer,
    Flush,
    JoinsOverdue,
    LingerOver,
    LookAtCode,
    Origin,
    Passivate,
    Removed,
    Settle,
    Submit,
)
from ..reasons import Refused
from .admissions import Admissions
from .answers import answer
from .app_code import AppCode
from .member import Member
from .order import Order
from .pending_joins import PendingJoins
from .roster import Roster
from .seen import Seen
from .state import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorRef

    from ..access.identity import Principal
    from ..engines.stream import Page
    from ..messages.publications import Sender
    from ..node import Node
    from ..settings.topic import TopicSettings
    from .behaviour import Behaviour
    from .members import Membership


class TopicActor(Actor):
    """One per live topic, under /topics. `behaviour` makes its child, if the name has app code."""

    supervision = SupervisorSpec(intensity=5, period=30.0, on_exceeded="stop_child")

    def __init__(self, node: Node, name: str, settings: TopicSettings, behaviour: type[Behaviour] | None) -> None:
        super().__init__()
        self._node = node
        self._name = name
        seen, joins = Seen(), PendingJoins()
        this: TopicActor = weakref.proxy(self)  # its parts end with it: no cycle that somebody has to look for
        self._code = AppCode(behaviour, seen, lambda seconds: this.look_at_code_after(seconds))
        self._order = Order(node, name, settings, self.actor_ref, joins, seen)
        self._roster = Roster(this, node, self._order, self._code, settings)
        self._admissions = Admissions(this, node, settings, (joins, self._order, self._code, self._roster))
        self._blame = Blame()
        self._ended_by = "stopped"
        self.kept = Kept()

    # --- its life

    def on_start(self) -> None:
        self._node.events.publish(TopicOpened(self._name))
        if self._code.begin(self, self._node):
            self.idle_if_empty()
        else:
            self._ended_by = "not_begun"
            self.actor_ref.stop_now()

    def on_stop(self) -> None:
        self._order.flush()
        self._end("shutdown")
        self._node.live.ended(self._name, self.actor_ref)
        self._node.events.publish(TopicClosed(self._name, self._ended_by))

    def pre_restart(self, reason: BaseException | None) -> None:
        """
        The ref lives on, and with it the name: what waits in the mailbox stays in order with what comes.

        Members cannot be carried over. Who was killed has had no `on_failure`, and its members learn it here.
        """
        self._end("internal")
        self._node.events.publish(TopicClosed(self._name, "failed"))

    def on_failure(self, *_: object) -> None:
        """A bug of ours: members cannot be carried over; each is told to come back, and recovers by its position."""
        self._end("internal")

    def on_signal(self, signal: object) -> None:
        """The behaviour was given up: without its app code the topic ends, and the next join begins it anew."""
        if isinstance(signal, Terminated) and signal.ref is self._code.ref:
            self._code.ref = None
            self._order.flush()
            self._end("internal")
            self._ended_by = "gave_up"
            self.actor_ref.stop_now()

    def on_turn_end(self) -> None:
        self._order.end_turn()

    def on_undelivered(self, messages: list[object]) -> None:
        """Told while it ended: the next topic of that name gets what members asked, in order, unless it never began."""
        if self._code.refuses_all(messages):
            return
        theirs = [message for message in messages if isinstance(message, Submit | Depart)]
        self._node.live.hand_over(self._name, theirs)

    def _end(self, reason: str) -> None:
        """Nobody is a member any longer, and nobody waits for an answer."""
        error = Refused("shutting_down" if reason == "shutdown" else "internal")
        self._roster.remove_all(reason)
        self._order.give_up(error)
        self._admissions.give_up(error)
        self._code.give_up(error)

    # --- what clients ask

    @handles(Submit)
    def submit(self, submit: Submit) -> None:
        command = submit.command
        if isinstance(command, Publish):
            if not (submit.generation and self._admissions.keep_if_early(submit)):
                self._publish(submit.origin, command)
        elif isinstance(command, Join):
            self._admissions.ask(submit)
        elif isinstance(command, Leave):
            self._leave(submit, command)
        elif isinstance(command, ReadHistory):
            self._history(submit.origin, command)
        elif isinstance(command, InTurn):
            self._do(command)
        else:
            answer(submit.origin, command.reply, self._roster.who())

    @handles(Depart)
    def depart(self, depart: Depart) -> None:
        self._leaves(depart.client, depart.generation, depart.reason, lingers=not depart.lives_on)
        connection = self._node.directory.get(depart.client) if depart.lives_on else None
        if connection is not None and connection.is_alive():  # it hears by this that nothing older is on its way
            connection.tell(Removed(self._name, depart.generation, depart.reason, depart.may_return, depart.code))

    def _publish(self, origin: Origin, command: Publish) -> None:
        exclude = command.exclude
        if exclude:
            exclude = frozenset(origin.client if one == SELF else one for one in exclude)
        sender = self._roster.sender_of(origin.client, origin.principal) if origin.client else None
        publication = Publication(
            self._name, command.payload, self._node.wall(), command.kind, command.event, sender, exclude,
            command.conflate,
        )  # fmt: skip
        key = None if command.key is None else self._key_of(origin, command, command.key)
        if self._code.behaviour is None or not self._code_takes(origin, command, publication, key):
            self._order.accept(publication, command.save, key, partial(answer, origin, command.reply))

    def _code_takes(self, origin: Origin, command: Publish, publication: Publication, key: str | None) -> bool:
        """Whether app code handles what a client publishes, or lets nothing past itself: then that is answered."""
        if self._code.takes(origin, command.event):
            there = self._roster.get(origin.client)
            member = self.asking(origin) if there is None else self.member(there)
            self._code.hand_over(ClientEvent(member, command.event, publication, origin, command.reply, key))
            return True
        try:
            self._code.check_passes_on(origin, command.event)
        except Refused as error:
            answer(origin, command.reply, error)
            return True
        return False

    def _key_of(self, origin: Origin, command: Publish, key: str) -> str:
        """
        The key that a publication is remembered by: its own, in a space of those who may repeat it.

        App code has one space, and a principal its own. The anonymous are no one principal: each has that of its
        session, so that it may come back, or else of its connection. The kinds are told apart, because everybody sees
        the ids of connections, and a session or a user may be named like one.
        """
        if command.reply.receipt is not None:
            return key
        if origin.user:
            return f"user:{origin.user}\0{key}"
        member = self._roster.get(origin.client)
        session = None if member is None else member.presence_key
        return f"session:{session}\0{key}" if session else f"client:{origin.client}\0{key}"

    def _leave(self, submit: Submit, command: Leave) -> None:
        client = submit.origin.client
        was_member = self._roster.get(client) is not None
        self._leaves(client, submit.generation, "left")
        answer(submit.origin, command.reply, Left(was_member))

    def _leaves(self, client: str, generation: int, reason: str, *, lingers: bool = False) -> None:
        self.remove(client, generation, reason, lingers=lingers)
        self._admissions.forget(client, generation, reason)

    def _do(self, command: InTurn) -> None:
        """What app code wants done; if that fails, it is who asked that learns it."""
        assert command.reply.receipt is not None
        try:
            command.reply.receipt.resolve(command.act(self))
        except Exception as error:
            command.reply.receipt.fail(error)

    def _history(self, origin: Origin, command: ReadHistory) -> None:
        def read(page: Page[Publication] | Refused) -> None:
            result = page if isinstance(page, Refused) else HistoryRead(page.entries, page.position)
            answer(origin, command.reply, result)

        self._order.page(command, read)

    # --- what it tells itself, and what the engine and the node do

    @handles(EngineAnswer)
    def engine_answered(self, answer: EngineAnswer) -> None:
        self._order.answered(answer.token, answer.result)

    @handles(JoinsOverdue)
    def joins_overdue(self, _: JoinsOverdue) -> None:
        self._admissions.look_for_overdue()

    @handles(LingerOver)
    def linger_over(self, over: LingerOver) -> None:
        self._roster.linger_over(over.key, over.client)

    @handles(LookAtCode)
    def look_at_code(self, _: LookAtCode) -> None:
        self._code.look()

    def look_at_code_after(self, seconds: float) -> None:
        self.timers.once(LookAtCode, LookAtCode(), seconds)

    @handles(Settle)
    def settled(self, _: Settle) -> None:
        """Members have been told what is pending; what they are told after that comes after it."""
        self._order.flush()

    @handles(Flush)
    def flush_asked(self, _: Flush) -> None:
        self._order.flush_comes()

    # --- what the behaviour and app code do; direct calls, on the loop's thread

    @property
    def name(self) -> str:
        return self._name

    def wall(self) -> float:
        return self._node.wall()

    def member(self, one: Membership) -> Member:
        """Somebody who is here, as app code sees it."""
        return Member.of(self, one)

    def asking(self, origin: Origin, join: Join | None = None) -> Member:
        """Somebody who is not here, as app code sees it."""
        return Member.asking(self, origin, join)

    def members(self) -> tuple[Membership, ...]:
        return self._roster.all()

    def accept(
        self, publication: Publication, save: bool | None, key: str | None, answer: Callable[[Result], None]
    ) -> None:
        """Takes what app code publishes; see `Order.accept`."""
        self._order.accept(publication, save, key, answer)

    def allow_join(self, ticket: int, response: object) -> None:
        self._admissions.allow(ticket, response)

    def refuse_join(self, ticket: int, error: Refused) -> None:
        self._admissions.refuse(ticket, error)

    def answer_event(self, event: ClientEvent, result: Result) -> None:
        self._code.answer(event, result)

    def code(self) -> ActorRef[Any]:
        """Its behaviour, to be told something. Who is told is not idle yet. Raises Refused, as `AppCode.reach`."""
        ref = self._code.reach()
        self.idle_if_empty()
        return ref

    def send_to(self, client: str, publication: Publication) -> bool:
        return self._roster.send_to(client, publication)

    def update(self, client: str, info: bytes | None) -> bool:
        return self._roster.update(client, info)

    def kick(self, client: str, reason: str, *, may_return: bool, code: int | None = None) -> bool:
        was_member = self._roster.kick(client, reason, may_return=may_return, code=code)
        self.idle_if_empty()
        return was_member

    def sender_of(self, client: str, principal: Principal) -> Sender:
        return self._roster.sender_of(client, principal)

    def blame(self, client: str, principal: Principal) -> bool:
        """
        Charges a failure of the behaviour to the member whose message it was; whether the room is charged as well.

        What is charged to whom is decided in `blame`.
        """
        charge = self._blame.charge(self._node.now(), client, principal.id)
        if charge.closes_connection:
            self._node.directory.close(client, "too_many_crashes", "crash")
        return charge.room_pays

    # --- empty

    def remove(self, client: str, generation: int, reason: str, *, lingers: bool = False) -> None:
        """Ends the membership of that generation, or an earlier one."""
        if self._roster.remove(client, generation, reason, lingers=lingers):
            self.idle_if_empty()

    def stay(self) -> None:
        """Somebody is about to be here."""
        self.timers.cancel(Passivate)

    def idle_if_empty(self) -> None:
        """A topic that stays empty for a while goes."""
        if not self._roster and not self._admissions:
            self.timers.once(Passivate, Passivate(), self._node.passivate_after)

    @handles(Passivate)
    def passivate(self, _: Passivate) -> None:
        """Goes for good if nothing is under way and nothing waits."""
        if self._roster or self._admissions:
            return
        if self._order.is_waiting or self._code.has_work or self.actor_ref.counts().queued:
            self.idle_if_empty()
            return
        self.actor_ref.stop_now()  # what it is told until then goes to the next one
