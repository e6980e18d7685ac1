"""
Who is in a topic: one entry per connection, users counted from them. Pure, and the same on every node.

Rules of this file: an entry is named by its connection and by its ref, which is new for every join and every update
(Phoenix's `phx_ref`). Whoever removes one names both, so that a late leave of an older join removes nobody.

Theory of operation: every change is a diff. Who applies the diffs in order, as clients do, holds the same entries.

What it refuses to know: whether a topic wants presence, how many members it may have, and how a wire shows them.
"""

from __future__ import annotations

import attrs

MAX_INFO = 4_096
"""Bytes that a client may say of itself, encoded. Each member is told those of all: 1,000 members with as much as a
message may have, 64 KiB, would be told 64 GiB."""


@attrs.frozen(weakref_slot=False)
class Present:
    """One connection's presence in a topic."""

    client: str
    """The connection's id."""
    user: str
    """The principal's id; empty for the anonymous, who all count as one user (as in Centrifuge)."""
    ref: str
    """Unique for this join or update (`Ids.presence_ref`)."""
    info: bytes | None
    """Encoded JSON shown to the others, encoded once; None for nothing."""
    conn_info: bytes | None = None
    """Encoded JSON that the others see of the connection wherever it is, from its token (as in Centrifuge)."""


@attrs.frozen
class PresenceDiff:
    """A change: first the leaves, then the joins. A changed entry is in both, under its old and its new ref."""

    joins: tuple[Present, ...]
    leaves: tuple[Present, ...]


class Presence:
    """The entries of one topic, at most one per connection."""

    __slots__ = ("_by_client", "_by_user")

    def __init__(self) -> None:
        self._by_client: dict[str, Present] = {}
        self._by_user: dict[str, int] = {}

    def __len__(self) -> int:
        """How many connections are present."""
        return len(self._by_client)

    @property
    def users(self) -> int:
        """How many different users are present; all anonymous connections together are one."""
        return len(self._by_user)

    def members(self) -> tuple[Present, ...]:
        """Everyone present, in the order of their joins; an update keeps the place."""
        return tuple(self._by_client.values())

    def get(self, client: str) -> Present | None:
        """The entry of a connection, if it is present."""
        return self._by_client.get(client)

    def join(self, present: Present) -> PresenceDiff | None:
        """
        Adds an entry. A connection that is present under another ref leaves with it first (Phoenix's duplicate join).

        Returns:
            The change, or None if this very ref is present already.
        """
        old = self._by_client.get(present.client)
        if old is not None and old.ref == present.ref:
            return None
        if old is not None:
            self._remove(old)
        self._add(present)
        return PresenceDiff((present,), () if old is None else (old,))

    def leave(self, client: str, ref: str) -> PresenceDiff | None:
        """Removes the entry of exactly this join; None if it is gone already, or the connection has joined anew."""
        old = self._find(client, ref)
        if old is None:
            return None
        self._remove(old)
        return PresenceDiff((), (old,))

    def update(self, client: str, ref: str, *, info: bytes | None, new_ref: str) -> PresenceDiff | None:
        """
        Changes what the others see of an entry, which goes on under `new_ref`.

        Returns:
            The change; None if there is no such entry or `info` is what it was: then `ref` stays valid.

        Raises:
            ValueError: `new_ref` is `ref`; clients that merge by ref would drop the update.
        """
        if new_ref == ref:
            raise ValueError(f"could not update presence: ref {ref!r} is in use; pass a new one (Ids.presence_ref())")
        old = self._find(client, ref)
        if old is None or old.info == info:
            return None
        new = attrs.evolve(old, info=info, ref=new_ref)
        self._by_client[client] = new
        return PresenceDiff((new,), (old,))

    def _find(self, client: str, ref: str) -> Present | None:
        found = self._by_client.get(client)
        return found if found is not None and found.ref == ref else None

    def _add(self, present: Present) -> None:
        self._by_client[present.client] = present
        self._by_user[present.user] = self._by_user.get(present.user, 0) + 1

    def _remove(self, present: Present) -> None:
        del self._by_client[present.client]
        left = self._by_user[present.user] - 1
        if left:
            self._by_user[present.user] = left
        else:
            del self._by_user[present.user]
