"""
Presence that outlives its connection for a moment, so that a page that is loaded again has neither left nor come. Pure.

Theory of operation: a connection that ends, however it ended, leaves its entry behind under a key that its next one
will have too. Whoever joins under that key in time takes the entry's place, which is one change, not two; else the
entry goes when its time is up. Who leaves on purpose, or is sent away, goes at once.

A key is the session that the client named, for itself alone: one principal cannot take the place of another. Without
one it is the principal. The anonymous who name no session cannot be told apart, so they have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..messages.presence import Present

MAX_LINGERING = 1_000
"""Entries of one topic. Beyond, people go at once: when that many are cut off together, nobody reloaded a page."""


def key_of(user: str, session: str | None) -> str | None:
    """The name under which somebody comes back; None: nobody can tell that it is the same."""
    if session:
        return f"{user}\0{session}"
    return user or None


class Lingering:
    """The entries of one topic whose connections are gone, each until it is taken or its time is up."""

    __slots__ = ("_by_key", "_count", "_max")

    def __init__(self, max_entries: int = MAX_LINGERING) -> None:
        self._by_key: dict[str, dict[str, Present]] = {}
        self._count = 0
        self._max = max_entries

    def __len__(self) -> int:
        return self._count

    def keep(self, key: str, present: Present) -> bool:
        """Whether there was room; several of one key may linger, as of somebody who closed a browser with two tabs."""
        if self._count >= self._max:
            return False
        self._by_key.setdefault(key, {})[present.client] = present
        self._count += 1
        return True

    def take(self, key: str) -> Present | None:
        """The entry whose place is taken by who comes back under this key: the one that has waited longest."""
        waiting = self._by_key.get(key)
        return None if not waiting else self.end(key, next(iter(waiting)))

    def end(self, key: str, client: str) -> Present | None:
        """The entry whose time is up; None if its place was taken."""
        waiting = self._by_key.get(key)
        if waiting is None or client not in waiting:
            return None
        found = waiting.pop(client)
        self._count -= 1
        if not waiting:
            del self._by_key[key]
        return found
