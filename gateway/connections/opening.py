"""
From a client's first command to the answer to it: who it is, and where the server joins it. Pure.

Rules: what the client says meanwhile is held, in order; nothing reaches it before the answer. Bounded by the credit of
its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages.commands import Join, Joined, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..messages.commands import Command, Identify, Result


class Opening:
    """One `Identify` under way."""

    def __init__(self, command: Identify) -> None:
        self.command = command
        self.held: list[Command] = []
        """What the client said behind it."""
        self.joined: dict[str, Joined] = {}
        """The topics that the server has joined it to."""
        self._expected: set[Reply] = set()

    def joins(self, topics: Iterable[str]) -> list[Join]:
        """Of the server's, for a client that has said where it was."""
        since = self.command.since
        return [Join(one, Reply("subscribe", topic=one, is_by_server=True), since=since.get(one)) for one in topics]

    def expect(self, joins: Iterable[Join]) -> None:
        """They are on their way, and the answer waits for theirs."""
        self._expected.update(join.reply for join in joins)

    def note(self, reply: Reply, result: Result) -> bool:
        """Whether that was one of them; a topic that refused is left out."""
        if reply not in self._expected:
            return False
        self._expected.remove(reply)
        if isinstance(result, Joined) and reply.topic is not None:
            self.joined[reply.topic] = result
        return True

    @property
    def is_complete(self) -> bool:
        return not self._expected
