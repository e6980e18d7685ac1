"""
What a topic has for its members at the end of a turn: framed once per variant, joined, told once.

Rules: items leave in the order in which they came; whoever reads them, or who is here, flushes first. A member that an
item excludes gets its own selection, everybody else of its group the same bytes. Who goes is told alone what is
pending, who comes only what comes after it: of all who come or go in one turn the others are told together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from actors import ActorRef, tell_many, tell_some

from ..messages.publications import NOBODY, Delivery, Item, is_excluded, user_key
from ..sockets.deliver import Deliver, offset_of
from .members import Members, Membership, excluded

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engines.stream import Position
    from ..protocols.base import Variant
    from ..sockets.outbox import SlowPolicy


MOST_APART = 64
"""Items that somebody who comes or goes is told apart, or is not told; all are told first when there are more."""
PRICE = 8
"""Members that are told what is pending for the price of telling one item apart: in a small room all are told first."""


@attrs.define(eq=False)
class Unfinished:
    """What a slice was too short for: these are told before anything newer."""

    refs: tuple[ActorRef[Any], ...]
    deliver: Deliver
    told: int


class FanOut:
    """
    The members of a topic and what is pending for them.

    Args:
        slow: What a congested member's outbox may do with these items.
        now: Monotonic seconds; an item's age in an outbox counts from its flush.
    """

    def __init__(self, name: str, slow: SlowPolicy, now: Callable[[], float]) -> None:
        self._name = name
        self._slow = slow
        self._now = now
        self._pending: list[Item] = []
        self._newcomers: dict[str, int] = {}
        """Members that came behind some of these, and behind how many."""
        self.unfinished: list[Unfinished] = []
        """What some members were told and others are still to be told."""
        self.members = Members()

    def add(self, item: Item) -> None:
        self._pending.append(item)

    @property
    def is_pending(self) -> bool:
        return bool(self._pending or self.unfinished)

    @property
    def pending(self) -> int:
        """Items of which no member was told yet."""
        return len(self._pending)

    @property
    def is_long(self) -> bool:
        """Whether to tell everybody what is pending costs less than to tell apart who comes or goes now."""
        return len(self._pending) >= min(MOST_APART, len(self.members) // PRICE)

    def enter(self, member: Membership) -> None:
        """A member from now on: what is pending is not for it."""
        self.members.add(member)
        if self._pending:
            self._newcomers[member.client] = len(self._pending)

    def leave(self, member: Membership) -> None:
        """A member no longer: what is pending is still for it, unless nobody is there to read it."""
        if self.is_pending and member.connection.is_alive():
            self._finish()
            self._tell_alone(member, self._pending, [member.variant.frame(item) for item in self._pending])
        self.members.remove(member.client, member.generation)
        self._newcomers.pop(member.client, None)

    def flush(self) -> list[Item]:
        """Tells every member what is pending; returns it."""
        items = self.flush_slice()
        self._finish()
        return items

    def _finish(self) -> None:
        for rest in self.unfinished:
            tell_many(rest.refs[rest.told :], rest.deliver, rest.deliver.joined)
        self.unfinished.clear()

    def flush_slice(self) -> list[Item]:
        """
        As `flush`, at the end of a turn and within its slice: a room of thousands is told over several turns.

        Until it is told whole, nothing newer is begun. Returns what was begun.
        """
        while self.unfinished:
            rest = self.unfinished[0]
            rest.told = tell_some(rest.refs, rest.deliver, rest.told, rest.deliver.joined)
            if rest.told < len(rest.refs):
                return []
            del self.unfinished[0]
        items, self._pending = self._pending, []
        groups = self.members.groups
        if items and groups:
            but = self._excluded(items)
            for variant, group in groups.items():
                apart = [client for client in but if client in group.members] if but else []
                self._tell(variant, group.refs, items, apart)
        self._newcomers.clear()
        return items

    def _excluded(self, items: list[Item]) -> frozenset[str]:
        """The members that one of these is not for."""
        if len(items) == 1 and not self._newcomers:
            named = excluded(items[0])
        else:
            named = NOBODY.union(self._newcomers, *map(excluded, items))
        if not named or not any(name.startswith("\0") for name in named):
            return named
        return named | {one.client for one in self.members if user_key(one.principal.id) in named}

    def tell_one(self, member: Membership, items: list[Item]) -> None:
        """To one member alone, in order with what the others get."""
        deliver = self._deliver(items, [member.variant.frame(item) for item in items])
        if deliver.joined:
            tell_many((member.connection,), deliver, deliver.joined)

    def _tell(self, variant: Variant, refs: tuple[ActorRef[Any], ...], items: list[Item], apart: list[str]) -> None:
        frames = [variant.frame(items[0])] if len(items) == 1 else [variant.frame(item) for item in items]
        if apart:
            refs = self._tell_apart(refs, items, frames, apart)
        deliver = Deliver(self._name, items, frames, self._now(), self._slow)
        if deliver.joined:
            told = tell_some(refs, deliver, carried=deliver.joined)
            if told < len(refs):
                self.unfinished.append(Unfinished(refs, deliver, told))

    def _tell_apart(
        self, refs: tuple[ActorRef[Any], ...], items: list[Item], frames: list[bytes], apart: list[str]
    ) -> tuple[ActorRef[Any], ...]:
        """Those who are excluded from some get the rest; returns everybody else."""
        theirs = set()
        for client in apart:
            member = self.members.get(client)
            if member is None:
                continue
            theirs.add(member.connection)
            self._tell_alone(member, items, frames)
        return tuple(ref for ref in refs if ref not in theirs)

    def _tell_alone(self, member: Membership, items: list[Item], frames: list[bytes]) -> None:
        """What of these is for it."""
        start = self._newcomers.get(member.client, 0)
        both = zip(items[start:], frames[start:], strict=True)
        kept = [(item, frame) for item, frame in both if not _is_not_for(item, member)]
        deliver = self._deliver([item for item, _ in kept], [frame for _, frame in kept])
        if deliver.joined:
            tell_many((member.connection,), deliver, deliver.joined)

    def _deliver(self, items: list[Item], frames: list[bytes]) -> Deliver:
        return Deliver(self._name, items, frames, self._now(), self._slow)


def _is_not_for(item: Item, member: Membership) -> bool:
    if isinstance(item, Delivery):
        return is_excluded(item.publication, member.client, member.principal.id)
    return member.client in item.exclude


def beyond(items: list[Item], position: Position, client: str, user: str) -> list[Item]:
    """
    What somebody who has everything up to `position` lacks of these, in their order.

    What was delivered before the last one that it has is over for it, also the ephemeral: put behind, it would be in
    another order than the others saw. Who came and went meanwhile is in the state that it is told with its join.
    """
    known = [number for number, item in enumerate(items) if (offset_of(item) or position.offset + 1) <= position.offset]
    start = known[-1] + 1 if known else 0
    return [
        item for item in items[start:] if isinstance(item, Delivery) and not is_excluded(item.publication, client, user)
    ]
