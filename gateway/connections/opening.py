"""
From a client's first command to the answer to it: who it is, and where the server joins it. Pure.

Rules: what the client says meanwhile is held, in order; nothing reaches it before the answer. Bounded by the credit of
its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages.commands import Joined

if TYPE_CHECKING:
    from ..messages.commands import Command, Identify, Reply, Result


class Opening:
    """One `Identify` under way."""

    def __init__(self, command: Identify) -> None:
        self.command = command
        self.held: list[Command] = []
        """What the client said behind it."""
        self.joined: dict[str, Joined] = {}
        """The topics that the server has joined it to."""
        self._expected: set[Reply] = set()

    def expect(self, reply: Reply) -> None:
        """A join of the server's is on its way, under this reply."""
        self._expected.add(reply)

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
