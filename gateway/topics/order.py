"""
The order of a topic: what is accepted gets its position, then its place in the turn, then its way to the members.

An engine that answers late is asked at once and not waited for: publications stand in a line until the one before them
has its position. What a turn accepted is framed once per variant at its end, joined, and each member is told once; who
comes or goes meanwhile is told apart, and whatever reads history or presence flushes first. So turns of publish, join,
leave and crash, in any order, equal one message per turn.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from actors import ActorRef

from ..engines.base import Pending
from ..engines.stream import History, Page, Position, Recovery
from ..events import MessagePublished
from ..messages.commands import UNPLACED, Published
from ..messages.publications import Delivery, PresenceChange
from ..messages.topic_messages import Flush
from ..reasons import Refused
from .fan_out import FanOut
from .line import Answer, Line, Place, Waiting
from .questions import Questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engines.base import Repeated
    from ..messages.commands import ReadHistory, Result
    from ..messages.presence import PresenceDiff
    from ..messages.publications import Item, Publication
    from ..node import Node
    from ..settings.topic import TopicSettings
    from .members import Membership
    from .pending_joins import PendingJoins
    from .seen import Seen

ADDED_HISTORY = History(size=100, ttl=3600.0)
"""What a topic without history keeps when a publication asks to be saved: to be read, never to recover by."""


class Order:
    """
    Of one topic, in its turns.

    Args:
        ref: The topic itself: it is told when somebody else's turn left something to deliver.
        joins: Those under way collect what is delivered meanwhile.
        seen: Keys of what is not saved; the engine knows the others.
    """

    def __init__(
        self, node: Node, name: str, settings: TopicSettings, ref: ActorRef[Any], joins: PendingJoins, seen: Seen
    ) -> None:
        self._node = node
        self._name = name
        self._ref = ref
        self._joins = joins
        self._seen = seen
        self._keeps = settings.history.size > 0
        self._fan_out = FanOut(name, settings.slow, node.clock.now)
        self.members = self._fan_out.members
        self._line = Line()
        self._questions = Questions(name, settings.history if self._keeps else ADDED_HISTORY, ref, node.numbers)
        self._flush_asked = False

    @property
    def pending(self) -> int:
        """Items of which no member was told yet."""
        return self._fan_out.pending

    @property
    def is_waiting(self) -> bool:
        """Whether the engine owes an answer."""
        return bool(self._questions)

    # --- what comes in

    def accept(
        self, publication: Publication, save: bool | None, key: str | None, answer: Callable[[Result], None]
    ) -> None:
        """Takes a publication: asks for its position if it is saved, delivers it in order, answers with it."""
        is_saved = self._keeps if save is None else save
        if key is not None and not is_saved:  # the engine, which remembers keys, will not see it
            if not self._seen.is_new(key, answer):
                return
            answer = partial(self._settle_key, key, answer)
        if is_saved:
            self._place(publication, key, answer)
        else:
            self._put(publication, answer, None)

    def change(self, diff: PresenceDiff | None, exclude: frozenset[str] = frozenset()) -> None:
        """Who came or went, at its place among the publications."""
        if diff is not None:
            self._fan_out.add(PresenceChange(self._name, diff, exclude))
            self.ask_for_flush()

    def enter(self, member: Membership) -> None:
        """Somebody is a member from now on, behind what was accepted."""
        self._flush_if_long()
        self._fan_out.enter(member)

    def leave(self, member: Membership) -> None:
        """Somebody is a member no longer, and hears of what was accepted before that."""
        self._flush_if_long()
        self._fan_out.leave(member)

    def _flush_if_long(self) -> None:
        if self._fan_out.is_long:
            self.flush()

    def tell_one(self, member: Membership, items: list[Item]) -> None:
        """To one member alone, behind what everybody was sent before."""
        self.flush()
        self._fan_out.tell_one(member, items)

    # --- what the engine is asked

    def recover(self, since: Position | None, then: Callable[[Recovery[Publication] | Refused], None]) -> None:
        """
        Where the stream is, and what was missed since then.

        A topic without history recovers nobody. What it did not keep has no position, so that two who stand at the same
        one need not have seen the same; and of what was saved expressly nobody knows what was said in between.
        """
        if since is not None and not self._keeps:
            since, then = None, partial(_without_history, then)
        self._questions.ask(lambda call: self._node.engine.recover(call, since), then)

    def page(self, command: ReadHistory, then: Callable[[Page[Publication] | Refused], None]) -> None:
        self.flush()
        engine, since, limit, reverse = self._node.engine, command.since, command.limit, command.reverse
        self._questions.ask(lambda call: engine.page(call, since, limit, reverse=reverse), then)

    def answered(self, token: int, result: Any) -> None:
        """The engine's late answer."""
        if self._joins.has_let_in:  # who enters by it has what was told meanwhile, and the others have it by then
            self.flush()
        self._questions.answered(token, result)

    def give_up(self, error: Refused) -> None:
        """The topic ends: nobody waits for the engine any longer."""
        self._questions.give_up(error)

    def _place(self, publication: Publication, key: str | None, answer: Answer) -> None:
        call = self._questions.call()
        try:
            position = self._node.engine.publish(call, publication, key)
        except Refused as error:
            self._put(publication, answer, error)
        except BaseException:
            self._questions.expect(call, answer)  # a bug: the topic fails, and tells all who wait
            raise
        else:
            waiting = self._put(publication, answer, position)
            if waiting is not None and isinstance(position, Pending):
                self._questions.expect(call, partial(self._positioned, waiting))

    def _put(self, publication: Publication, answer: Answer, position: Place) -> Waiting | None:
        """Into the line, unless nobody stands there and it has its position already."""
        if not self._line.waiting and (position is None or type(position) is Position):
            self._fan_out.add(Delivery(publication, position))
            self.ask_for_flush()
            answer(UNPLACED if position is None else Published(position))
            return None
        waiting = Waiting(publication, answer, position)
        self._line.push(waiting)
        self._advance()
        return waiting

    def _positioned(self, waiting: Waiting, position: Position | Repeated | Refused) -> None:
        waiting.position = position
        self._advance()

    def _advance(self) -> None:
        """Delivers the head of the line for as long as it has its position."""
        for delivery in self._line.advance():
            self._fan_out.add(delivery)
            self.ask_for_flush()

    def _settle_key(self, key: str, answer: Callable[[Result], None], result: Result) -> None:
        answer(result)
        self._seen.settle(key, result, keep=not isinstance(result, Refused))

    # --- what goes out

    def flush(self) -> None:
        """Tells the members what is pending, all of them: what reads or changes membership or position may follow."""
        if self._fan_out.is_pending:
            self._note(self._fan_out.flush())

    def end_turn(self) -> None:
        """As `flush`, but a large room is told over several turns, with those of others in between."""
        fan_out = self._fan_out
        items = fan_out.flush_slice()
        if items:
            self._note(items)
        if fan_out.unfinished:
            self._ask()

    def _note(self, items: list[Item]) -> None:
        self._joins.note(items)
        node = self._node
        for item in items:
            if type(item) is Delivery:
                node.publications += 1
        if node.events.wants(MessagePublished):
            self._count(items)

    def ask_for_flush(self) -> None:
        """In a turn of its own the end of it delivers; in anybody else's the topic tells itself to have one."""
        if self._node.dispatcher.current is not self._ref and self._fan_out.is_pending:
            self._ask()

    def _ask(self) -> None:
        """For a turn, at the end of which the rest is told. One that ends has nobody left to deliver to."""
        if not self._flush_asked and self._ref.is_alive():
            self._flush_asked = True
            ActorRef.tell(self._ref, Flush())  # past any bound: it is asked for once, and waited for

    def flush_comes(self) -> None:
        """The turn that was asked for is running."""
        self._flush_asked = False

    def _count(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Delivery):
                fact = MessagePublished(self._name, item.publication.size_bytes, len(self.members))
                self._node.events.publish(fact)


def _without_history(
    then: Callable[[Recovery[Publication] | Refused], None], found: Recovery[Publication] | Refused
) -> None:
    """The engine was asked for the position alone, and somebody wanted to recover."""
    then(found if isinstance(found, Refused) else attrs.evolve(found, reason="no_history"))
