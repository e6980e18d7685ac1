"""
What waits for a congested peer: bounded by bytes, age and count, in order, with a policy per entry. Pure.

Rules of this file:
- An entry whose policy is `disconnect` is never dropped: it goes out, or the whole connection ends as `slow_consumer`.
- `drop_oldest` entries give way when there is no room, the oldest first, and when they are too old; at last the new
  one itself. For lack of room they never end a connection.
- A `conflate` entry replaces the waiting one of the same topic and key at once and takes its own, later place. It
  does not give way otherwise. Without a key there is nothing to replace.
- A push that overflows changes nothing but what had grown too old before it.

Theory of operation: entries stand in one deque and have running numbers. What leaves from the middle becomes a hole
(None); holes at the front go at once, and more holes than entries are compacted away, so everything is O(1) amortised.
The frames are shared with all other outboxes: a backlog costs pointers.

What it refuses to know: sockets, subscriptions, positions. The caller closes on overflow, and ends a positioned
subscription of which something was dropped with `insufficient_state`.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

import attrs

from ..quick import quick

SlowPolicy: TypeAlias = Literal["disconnect", "drop_oldest", "conflate"]


@quick(unsafe_hash=True)
class Entry:
    """One frame that waits; one object for all the outboxes it is in."""

    frame: bytes
    at: float
    """When it was accepted for delivery, monotonic seconds; entries are pushed in this order."""
    topic: str | None
    """None for a reply or another frame that belongs to no topic."""
    offset: int | None
    """Its place in the topic's stream, None for what takes none."""
    key: str | None
    """What it is the latest value of, for `conflate`."""
    slow: SlowPolicy


@attrs.frozen
class Verdict:
    """What became of a push."""

    kept: bool
    """Whether the new entry waits now."""
    dropped: tuple[Entry, ...] = ()
    """What gave way, oldest first, possibly the new entry itself; replaced ones too."""
    overflow: bool = False
    """No room, and nothing that may give way: the connection must be closed as `slow_consumer`."""


_KEPT = Verdict(kept=True)


class Outbox:
    """
    The queue of one congested connection; made when the transport says pause, gone when it is empty again.

    Args:
        max_bytes: Bytes of all entries; a ping is not counted.
        max_age: Seconds that an entry may wait, from `Entry.at`.
        max_entries: Entries at most.
    """

    __slots__ = (
        "_control",
        "_droppable",
        "_droppable_bytes",
        "_first",
        "_holes",
        "_latest",
        "_queue",
        "leaves_by",
        "max_age",
        "max_bytes",
        "max_entries",
        "size_bytes",
    )

    size_bytes: int
    """Bytes of the entries that wait; to be read only."""

    def __init__(self, max_bytes: int, max_age: float, max_entries: int) -> None:
        self.max_bytes = max_bytes
        self.max_age = max_age
        self.max_entries = max_entries
        self.leaves_by: float | None = None
        """By when all of it has to leave, for nothing more comes; None: each entry has `max_age`."""
        self.size_bytes = 0
        self._queue: deque[Entry | None] = deque()
        self._first = 0  # the running number of _queue[0]
        self._holes = 0
        self._droppable: deque[int] = deque()  # the numbers of all drop_oldest entries, oldest first
        self._droppable_bytes = 0
        self._latest: dict[tuple[str | None, str | None], int] = {}  # the number of the one entry per conflated key
        self._control: bytes | None = None  # a ping; pongs are the socket's own affair

    def __len__(self) -> int:
        """Entries that wait, without a ping."""
        return len(self._queue) - self._holes

    def __bool__(self) -> bool:
        """Whether there is anything to write, a control frame included."""
        return bool(self._queue) or self._control is not None

    @property
    def has_controls(self) -> bool:
        """Whether a control frame waits."""
        return self._control is not None

    @property
    def oldest_at(self) -> float | None:
        """`at` of the oldest entry, None if none waits."""
        front = self._queue[0] if self._queue else None
        return None if front is None else front.at

    def push(self, entry: Entry, now: float) -> Verdict:
        """Puts an entry at the end, if the bounds allow it or others can give way."""
        queue = self._queue
        size = self.size_bytes + len(entry.frame)
        front = queue[0] if queue else None
        if (
            size <= self.max_bytes
            and len(queue) - self._holes < self.max_entries
            and (front is None or now - front.at <= self.max_age)
            and entry.slow != "conflate"
        ):
            self._append(entry, size)
            return _KEPT
        return self._push_over_bounds(entry, now)

    def push_control(self, frame: bytes) -> None:
        """Puts a ping ahead of all entries, in place of one that waits."""
        self._control = frame

    def take(self, max_bytes: int) -> list[bytes]:
        """Removes what to write next: a ping, then entries up to `max_bytes` in all, but at least one frame."""
        control, self._control = self._control, None
        frames = [] if control is None else [control]
        size = sum(map(len, frames))
        queue = self._queue
        while queue:
            entry = queue[0]
            if entry is None:
                self._holes -= 1
            else:
                size += len(entry.frame)
                if size > max_bytes and frames:
                    break
                frames.append(entry.frame)
                self._uncount(entry)
                if entry.slow == "drop_oldest":
                    self._droppable.popleft()
            queue.popleft()
            self._first += 1
        return frames

    def forget(self, topic: str) -> None:
        """Takes out everything that waits of a topic: its reader will come back and recover it."""
        self._rebuild([entry for entry in self._queue if entry is not None and entry.topic != topic])

    def too_old(self, now: float) -> bool:
        """
        Whether an entry that may not be dropped has waited longer than `max_age`, or any beyond `leaves_by`: the
        connection must be closed.
        """
        if self.leaves_by is not None:
            return now >= self.leaves_by
        for entry in self._queue:
            if entry is None:
                continue
            if now - entry.at <= self.max_age:
                return False
            if entry.slow != "drop_oldest":
                return True
        return False

    def _push_over_bounds(self, entry: Entry, now: float) -> Verdict:
        dropped = self._drop_too_old(now)
        replaced = self._latest.get((entry.topic, entry.key)) if _is_latest(entry) else None
        if self._is_stuck(now, replaced):
            return Verdict(kept=False, dropped=tuple(dropped), overflow=True)
        if not self._can_fit(entry, replaced):
            return self._without_room(entry, dropped)
        if replaced is not None:
            dropped.append(self._remove(replaced))
        while self.size_bytes + len(entry.frame) > self.max_bytes or len(self) >= self.max_entries:
            dropped.append(self._remove(self._droppable.popleft()))
        self._append(entry, self.size_bytes + len(entry.frame))
        self._compact_if_sparse()
        return Verdict(kept=True, dropped=tuple(dropped)) if dropped else _KEPT

    def _without_room(self, entry: Entry, dropped: list[Entry]) -> Verdict:
        if entry.slow == "drop_oldest":
            return Verdict(kept=False, dropped=(*dropped, entry))
        return Verdict(kept=False, dropped=tuple(dropped), overflow=True)

    def _can_fit(self, entry: Entry, replaced: int | None) -> bool:
        """Whether there is room once everything has given way that may."""
        freed_bytes, freed = self._droppable_bytes, len(self._droppable)
        if replaced is not None:
            freed_bytes, freed = freed_bytes + len(self._at(replaced).frame), freed + 1
        return (
            self.size_bytes - freed_bytes + len(entry.frame) <= self.max_bytes and len(self) - freed < self.max_entries
        )

    def _is_stuck(self, now: float, replaced: int | None) -> bool:
        """Whether an entry that will not give way is too old; called when those that may are gone."""
        for number, entry in enumerate(self._queue, self._first):
            if entry is not None and number != replaced:
                return now - entry.at > self.max_age
        return False

    def _drop_too_old(self, now: float) -> list[Entry]:
        dropped: list[Entry] = []
        while self._droppable and now - self._at(self._droppable[0]).at > self.max_age:
            dropped.append(self._remove(self._droppable.popleft()))
        return dropped

    def _append(self, entry: Entry, size_bytes: int) -> None:
        self._note(entry, self._first + len(self._queue))
        self._queue.append(entry)
        self.size_bytes = size_bytes

    def _note(self, entry: Entry, number: int) -> None:
        """Remembers where an entry stands if it may leave from the middle."""
        if entry.slow == "drop_oldest":
            self._droppable.append(number)
            self._droppable_bytes += len(entry.frame)
        elif _is_latest(entry):
            self._latest[entry.topic, entry.key] = number

    def _at(self, number: int) -> Entry:
        entry = self._queue[number - self._first]
        assert entry is not None, f"entry {number} has left, but its number is still known"
        return entry

    def _remove(self, number: int) -> Entry:
        """Takes an entry out of the middle; the caller has taken its number from `_droppable`, if it was there."""
        entry = self._at(number)
        self._queue[number - self._first] = None
        self._holes += 1
        self._uncount(entry)
        self._drop_front_holes()
        return entry

    def _uncount(self, entry: Entry) -> None:
        self.size_bytes -= len(entry.frame)
        if entry.slow == "drop_oldest":
            self._droppable_bytes -= len(entry.frame)
        elif _is_latest(entry):
            del self._latest[entry.topic, entry.key]

    def _drop_front_holes(self) -> None:
        while self._queue and self._queue[0] is None:
            self._queue.popleft()
            self._first += 1
            self._holes -= 1

    def _compact_if_sparse(self) -> None:
        if self._holes <= len(self) + 64:
            return
        self._rebuild([entry for entry in self._queue if entry is not None])

    def _rebuild(self, entries: list[Entry]) -> None:
        self._queue = deque(entries)
        self.size_bytes = sum(len(entry.frame) for entry in entries)
        self._first = self._holes = self._droppable_bytes = 0
        self._droppable.clear()
        self._latest.clear()
        for number, entry in enumerate(entries):
            self._note(entry, number)


def _is_latest(entry: Entry) -> bool:
    return entry.slow == "conflate" and entry.key is not None
