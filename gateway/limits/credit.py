"""How much of one connection may be under way at once, before its socket is not read any further."""

from __future__ import annotations


class Credit:
    """
    Counts commands and bytes that were read and not yet dealt with.

    When either reaches its limit, reading stops; it goes on at half of both, so that it does not flap with each
    command. One frame may overshoot: it was read before it could be counted.
    """

    __slots__ = ("_max_bytes", "_max_commands", "bytes", "commands", "is_held")

    def __init__(self, max_commands: int, max_bytes: int) -> None:
        self._max_commands = max_commands
        self._max_bytes = max_bytes
        self.commands = 0
        self.bytes = 0
        self.is_held = False
        """Whether it was spent, and is not plenty again: nothing more is read."""

    def take(self, size_bytes: int) -> None:
        self.commands += 1
        self.bytes += size_bytes
        if self.commands >= self._max_commands or self.bytes >= self._max_bytes:
            self.is_held = True

    def give(self, size_bytes: int) -> bool:
        """One was dealt with; whether reading may go on that had stopped."""
        self.commands -= 1
        self.bytes -= size_bytes
        if self.is_held and self.commands <= self._max_commands // 2 and self.bytes <= self._max_bytes // 2:
            self.is_held = False
            return True
        return False
