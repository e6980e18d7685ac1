"""The topics of one connection, as its client and its topics agree on them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..messages.commands import Join, Joined, Left, Reply, Result
from ..reasons import Refused


@attrs.define(eq=False, weakref_slot=False)
class Subscription:
    """One topic of this connection, live once its join was answered."""

    generation: int
    reply: Reply
    """To the join that began it; the join itself is not kept, with its token and what else only its topic reads."""
    join_ref: object = None
    is_live: bool = False
    leaving: Reply | None = None
    """Of the first leave that was asked for: it may join again at once, what the topic answers comes in that order."""
    expires: float | None = None
    """Wall-clock seconds at which the permission to be here ends."""

    @property
    def is_leaving(self) -> bool:
        return self.leaving is not None

    @property
    def is_by_server(self) -> bool:
        """Whether the client did not ask for it: it would not come back by itself."""
        return self.reply.is_by_server


class Subscriptions:
    """Bounded; each join is a new generation, so that what concerns an earlier one can be told from it."""

    __slots__ = ("_by_topic", "_generation", "_max_topics", "_superseded")

    def __init__(self, max_topics: int) -> None:
        self._max_topics = max_topics
        self._generation = 0
        self._by_topic: dict[str, Subscription] = {}
        self._superseded: tuple[Subscription, ...] = ()

    def get(self, topic: str) -> Subscription | None:
        return self._by_topic.get(topic)

    def items(self) -> Iterator[tuple[str, Subscription]]:
        return iter(self._by_topic.items())

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(self._by_topic)

    def begin(self, topic: str, join: Join) -> int:
        """The generation of a join that is under way. Raises Refused("limit_exceeded")."""
        if topic not in self._by_topic and self._is_full:
            raise Refused("limit_exceeded", f"this connection is in {self._max_topics} topics already; leave one first")
        self._generation += 1
        self._by_topic[topic] = Subscription(self._generation, join.reply, join.join_ref, expires=join.expires)
        return self._generation

    @property
    def _is_full(self) -> bool:
        """Who is about to leave takes no place: how many do is bounded by the commands that may be under way."""
        if len(self._by_topic) < self._max_topics:
            return False
        return sum(not one.is_leaving for one in self._by_topic.values()) >= self._max_topics

    def supersede(self, subscription: Subscription) -> None:
        """Another join of the same topic came before this one was answered."""
        self._superseded = (*self._superseded, subscription)

    def superseded(self, reply: Reply) -> Subscription | None:
        """What is answered now, if that has happened to it; asked once."""
        found = next((one for one in self._superseded if one.reply is reply), None)
        if found is not None:
            self._superseded = tuple(one for one in self._superseded if one is not found)
        return found

    def find(self, reply: Reply) -> Subscription | None:
        """The subscription that this reply's join began, if it is still that one."""
        subscription = self._by_topic.get(reply.topic or "")
        return subscription if subscription is not None and subscription.reply is reply else None

    def overdue(self, wall: float) -> list[tuple[str, Subscription]]:
        """Those whose permission ended at `wall` or before."""
        return [
            (topic, one) for topic, one in self._by_topic.items() if one.expires is not None and one.expires <= wall
        ]

    def next_expiry(self) -> float | None:
        """When the first permission ends; None: none does."""
        return min((one.expires for one in self._by_topic.values() if one.expires is not None), default=None)

    def note(self, reply: Reply, result: Result) -> None:
        """Keeps the list true: a join that was refused is none, a leave that is done is done."""
        topic = reply.topic or ""
        subscription = self._by_topic.get(topic)
        if subscription is None:
            return
        if subscription.reply is reply:
            subscription.is_live = isinstance(result, Joined)
            if isinstance(result, Refused):
                del self._by_topic[topic]
        elif isinstance(result, Left) and subscription.is_live:
            del self._by_topic[topic]

    def end(self, topic: str, generation: int) -> Subscription | None:
        """The subscription that the server ended; None if it is another one by now, or none."""
        subscription = self._by_topic.get(topic)
        if subscription is None or subscription.generation != generation:
            return None
        return self._by_topic.pop(topic)
