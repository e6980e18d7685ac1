"""
What the application has granted one client in its topics, and what waits until the application has answered. Pure.

Theory of operation. A command that needs a grant goes on if there is one. Else it waits, the application is asked, and
whatever the client says to that topic afterwards stands behind it, so that the order of a topic stays as it was said.

    unknown --asked--> waiting --yes--> granted --forget--> unknown
                          |----no-----> refused, for what waited; who comes later is asked about again
                          `--answer of an earlier version--> asked again

Rules: a grant has the version of the client it was given to. The version goes up when that client changes, and nothing
of an earlier one is used any more, neither what is known nor what is on its way. A yes is kept, a no is not: who is
invited a moment later must not have to come with a new connection.

What it refuses to know: who asks the application, and how a command is done. Its host, the connection machine, does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..access.permissions import Action
    from ..messages.commands import Command
    from ..messages.connection_messages import Permitted
    from ..reasons import Refused

ACTIONS_PER_TOPIC = 4
"""Join, publish, history, presence."""


class Unanswered(Exception):
    """Whether this may be done is not known yet: the command has to `wait`. No error, and never told to anybody."""

    def __init__(self, action: Action) -> None:
        super().__init__(action)
        self.action = action


@attrs.frozen
class Question:
    """What the application is to be asked."""

    version: int
    topic: str
    action: Action


@attrs.define(eq=False)
class _Queue:
    """The commands to one topic whose first one waits. Bounded by the credit that each of them holds."""

    asked: Action | None = None
    commands: deque[Command] = attrs.Factory(deque)
    refused: dict[Action, Refused] = attrs.Factory(dict)
    """What the application refused to what waits here; forgotten with the queue."""


class Clearance:
    """
    Of one connection. At most one question per topic is under way.

    Args:
        max_topics: It remembers grants of as many: those of a client that is everywhere it may be. Of more, the oldest
            ones are asked for again.
    """

    __slots__ = ("_granted", "_max_grants", "_queues", "version")

    def __init__(self, max_topics: int) -> None:
        self._max_grants = max_topics * ACTIONS_PER_TOPIC
        self._granted: dict[tuple[str, Action], None] = {}
        self._queues: dict[str, _Queue] = {}
        self.version = 1

    def __len__(self) -> int:
        """Grants that are remembered."""
        return len(self._granted)

    # --- what the client says

    def holds(self, command: Command) -> bool:
        """Whether the command now waits, since something that was said to its topic before does."""
        if not self._queues:
            return False
        queue = self._queues.get(getattr(command, "topic", None) or "")
        if queue is None:
            return False
        queue.commands.append(command)
        return True

    def check(self, topic: str, action: Action) -> None:
        """
        Lets pass what is granted.

        Raises:
            Refused: By the application, to what waited for its answer.
            Unanswered: It has to be asked.
        """
        if (topic, action) in self._granted:
            return
        queue = self._queues.get(topic)
        if queue is not None and action in queue.refused:
            raise queue.refused[action]
        raise Unanswered(action)

    def wait(self, topic: str, command: Command, action: Action) -> Question:
        """Before everything else to its topic, until this is answered."""
        queue = self._queues.setdefault(topic, _Queue())
        queue.commands.appendleft(command)
        queue.asked = action
        return Question(self.version, topic, action)

    # --- what the application says

    def answered(self, permitted: Permitted) -> Question | None:
        """Notes an answer, and `freed` goes on; one of an earlier version counts for nothing and is asked again."""
        queue = self._queues.get(permitted.topic)
        is_awaited = queue is not None and queue.asked == permitted.action
        if permitted.version != self.version:
            return Question(self.version, permitted.topic, permitted.action) if is_awaited else None
        if queue is not None and is_awaited:
            queue.asked = None
            if permitted.error is not None:
                queue.refused[permitted.action] = permitted.error
        if permitted.error is None:
            self._grant(permitted.topic, permitted.action)
        return None

    def freed(self, topic: str) -> Iterator[Command]:
        """
        What may be tried again now, one after the other, until one has to `wait` again.

        Each is to be done, refused, or made to wait before the next is taken.
        """
        queue = self._queues.get(topic)
        if queue is None:
            return
        while queue.commands and queue.asked is None:
            yield queue.commands.popleft()
        if queue.asked is None:
            self._queues.pop(topic, None)

    # --- what makes it void

    def forget(self) -> None:
        """The client is another one, or may other things: all has to be asked again, also what is being asked."""
        self.version += 1
        self._granted.clear()
        for queue in self._queues.values():
            queue.refused.clear()

    def questions(self) -> list[Question]:
        """What is under way, to be answered by somebody else when the application cannot any more."""
        asked = [(topic, queue.asked) for topic, queue in self._queues.items()]
        return [Question(self.version, topic, action) for topic, action in asked if action is not None]

    def give_up(self) -> list[Command]:
        """The client is gone, and nothing of what waits will be done; `freed`, if that is under way, is over."""
        queues, self._queues = self._queues, {}
        waiting = [command for queue in queues.values() for command in queue.commands]
        for queue in queues.values():
            queue.commands.clear()
        return waiting

    def _grant(self, topic: str, action: Action) -> None:
        self._granted[topic, action] = None
        if len(self._granted) > self._max_grants:
            del self._granted[next(iter(self._granted))]
