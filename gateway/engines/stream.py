"""
A topic's stream: positions, bounded history, recovery. Pure: the time is an argument.

Rules of this file:
- Offsets are 1, 2, 3... without a hole; 0 is the position before the first publication. An epoch names one life of
  the numbering: a position means something only together with its epoch.
- Entries leave only at the old end. So what is kept is always contiguous up to the top, and whether somebody can
  recover is one comparison.
- `now` never runs backwards between calls.

Theory of operation: every bound (count, bytes, age) is applied after each append and before each read, so nobody can
see an entry that is over a bound. An append evicts what it displaced; each entry is evicted once, hence O(1) amortised.

What it refuses to know: what a publication is (only how large), who reads, who was excluded, and what to do with
somebody who cannot recover. Where nothing is recoverable the caller starts that reader at `Recovery.position`.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Generic, Literal, Protocol, TypeVar

import attrs

from ..amounts import seconds, whole
from ..quick import quick
from ..reasons import Refused

MAX_OFFSET = 2**53
"""The largest offset that a client may name: up to it JavaScript counts in whole numbers. No stream comes that far."""


class Sized(Protocol):
    """All the stream asks of a publication."""

    @property
    def size_bytes(self) -> int:
        """What it counts against `History.max_bytes`; must not change while it is stored."""


P = TypeVar("P", bound=Sized)

Unrecovered = Literal["too_old", "epoch_changed", "limit", "no_history"]


@quick(unsafe_hash=True)
class Position:
    """A place in a stream: everything up to and including `offset` was seen. An empty epoch stands for any."""

    offset: int
    epoch: str


@attrs.frozen
class History:
    """How much of a stream is kept: the oldest goes as soon as any of the three bounds is exceeded."""

    size: int = attrs.field(default=100, validator=whole(0))
    """Entries. 100 covers a reconnect within a minute of a lively chat; 0 keeps nothing and recovers nobody."""
    ttl: float = attrs.field(default=3600.0, validator=seconds)
    """Seconds. An hour outlasts a train's tunnel and a laptop's lunch; older news are better read from a database."""
    max_bytes: int = attrs.field(default=1024 * 1024, validator=whole(0))
    """Bytes. 1 MiB: 100 publications of the largest accepted size (64 KiB) would otherwise be 6 MiB per topic."""

    @classmethod
    def none(cls) -> History:
        """No history: positions still count, nothing is kept."""
        return cls(size=0)


@quick(unsafe_hash=True)
class Entry(Generic[P]):
    """One publication at its place."""

    offset: int
    at: float
    """When it was appended, on the clock the caller passes as `now`; its age counts from here."""
    publication: P


@attrs.frozen
class Recovery(Generic[P]):
    """What somebody who comes back is owed."""

    recovered: bool
    entries: tuple[Entry[P], ...]
    """Exactly what was missed, oldest first; empty unless `recovered`."""
    position: Position
    """The top of the stream, also when recovered: what a reader has after `entries`."""
    reason: Unrecovered | None
    """Why not; None if recovered, or if nobody wanted to."""


@attrs.frozen
class Page(Generic[P]):
    """One answer to a question about the history."""

    entries: tuple[Entry[P], ...]
    """In the direction asked for."""
    position: Position
    """The top of the stream."""


class Stream(Generic[P]):
    """
    The kept end of one topic's publications.

    Args:
        epoch: New for every stream, as its offsets start again (`Ids.epoch`); not empty.
        history: The bounds.
        max_page: Entries in one page at most. 1,000: a page is built within one turn and must not hold up the topic.
    """

    __slots__ = ("_entries", "_offset", "_size_bytes", "epoch", "history", "max_page")

    def __init__(self, epoch: str, history: History, *, max_page: int = 1_000) -> None:
        if not epoch:
            raise ValueError("could not start a stream: its epoch is empty, which means any; pass Ids.epoch()")
        self.epoch = epoch
        self.history = history
        self.max_page = max_page
        self._offset = 0
        self._size_bytes = 0
        self._entries: deque[Entry[P]] = deque()

    @property
    def position(self) -> Position:
        """The top: the offset of the last publication, kept or not."""
        return Position(self._offset, self.epoch)

    @property
    def size_bytes(self) -> int:
        """Bytes kept."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, publication: P, now: float) -> Position:
        """
        Gives a publication the next offset and keeps it within the bounds.

        It takes an offset even if it is too large to be kept, or nothing is: a caller that wants no offset (an
        ephemeral publication) does not append.
        """
        self._offset = offset = self._offset + 1
        self._entries.append(Entry(offset, now, publication))
        self._size_bytes += publication.size_bytes
        self.trim(now)
        return Position(offset, self.epoch)

    def trim(self, now: float) -> None:
        """Evicts what is over a bound. Reads do it themselves; call it to free the memory of an idle topic."""
        history, entries = self.history, self._entries
        while entries and (
            len(entries) > history.size or self._size_bytes > history.max_bytes or now - entries[0].at >= history.ttl
        ):
            self._size_bytes -= entries.popleft().publication.size_bytes

    def clear(self) -> None:
        """Drops every entry and keeps the position, so that who comes back from before learns `too_old`."""
        self._entries.clear()
        self._size_bytes = 0

    def recover(self, since: Position, now: float, *, limit: int | None = None) -> Recovery[P]:
        """
        Finds exactly what was published after `since`, or says why that is not possible.

        An offset above the top is `epoch_changed` whatever its epoch: this life of the stream never gave it out.

        Args:
            limit: At most this many missed entries; more is not recovered (`limit`) rather than cut. None: no limit.

        Raises:
            Refused: `bad_request`, the offset is negative.
        """
        _check_offset(since)
        self.trim(now)
        reason = self._why_not(since, limit)
        if reason is not None:
            return Recovery(False, (), self.position, reason)
        return Recovery(True, self._newest(self._offset - since.offset), self.position, None)

    def page(self, *, since: Position | None, limit: int | None, reverse: bool, now: float) -> Page[P]:
        """
        Reads a part of what is kept. Any whole number is an offset and a limit, also one that is larger than all.

        Args:
            since: Where to start, itself left out; None starts at the oldest, or at the newest if `reverse`. Forwards
                from a position whose next entries were evicted, the page starts at the oldest kept.
            limit: Entries at most; 0 asks only for the position, None for all; never more than `max_page`.
            reverse: Newest first.

        Raises:
            Refused: `unrecoverable_position` if `since` is of another epoch; `bad_request` if a number is negative.
        """
        self.trim(now)
        count = self._page_size(limit)
        if since is None:
            since = Position(self._offset + 1 if reverse else 0, self.epoch)
        _check_offset(since)
        if since.epoch and since.epoch != self.epoch:
            raise Refused("unrecoverable_position")
        return Page(self._before(since.offset, count) if reverse else self._after(since.offset, count), self.position)

    def _why_not(self, since: Position, limit: int | None) -> Unrecovered | None:
        if self.history.size == 0:
            return "no_history"
        if (since.epoch and since.epoch != self.epoch) or since.offset > self._offset:
            return "epoch_changed"
        missed = self._offset - since.offset
        if missed > len(self._entries):
            return "too_old"
        if limit is not None and missed > limit:
            return "limit"
        return None

    def _newest(self, count: int) -> tuple[Entry[P], ...]:
        # From the right: a short absence must not cost a walk over a long history.
        return tuple(islice(reversed(self._entries), count))[::-1]

    def _after(self, offset: int, count: int) -> tuple[Entry[P], ...]:
        # Above the top there is nothing, however far above: `islice` counts to 2^63 - 1 and raises beyond that.
        skipped = min(max(0, offset - self._evicted_to()), len(self._entries))
        return tuple(islice(self._entries, skipped, skipped + count))

    def _before(self, offset: int, count: int) -> tuple[Entry[P], ...]:
        skipped = max(0, self._offset - offset + 1)
        return tuple(islice(reversed(self._entries), skipped, skipped + count))

    def _evicted_to(self) -> int:
        """The offset just below the oldest kept entry."""
        return self._offset - len(self._entries)

    def _page_size(self, limit: int | None) -> int:
        if limit is not None and limit < 0:
            raise Refused("bad_request", f"could not read history: limit is {limit}; use 0 or more")
        return self.max_page if limit is None else min(limit, self.max_page)


def _check_offset(since: Position) -> None:
    if since.offset < 0:
        raise Refused("bad_request", f"could not read history: offset is {since.offset}; use 0 or more")
