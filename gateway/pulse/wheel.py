"""The wheel on which deadlines turn: many of them, each rounded up to a slot. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SLOT = 1.0
"""Seconds by which a wheel may be late: 4 % of the shortest interval it serves, and few slots for 100,000 keys."""


class TimerWheel(Generic[K]):
    """
    Deadlines of many keys, one per key, rounded up to slots.

    A key costs one entry in its slot and one in the index, 90 to 140 bytes (tracemalloc, 100,000 keys), and nothing
    per tick however far away it is: only slots in use exist. It comes less than one slot late if `advance` is called
    every `slot` from `now` on, and never early.

    Args:
        slot: Seconds.
        now: The origin of the slots.
    """

    __slots__ = ("_due", "_index", "_origin", "_slot", "_slots")

    def __init__(self, slot: float = SLOT, now: float = 0.0) -> None:
        if slot <= 0:
            raise ValueError(f"could not make a timer wheel: slot is {slot} s; use more than 0")
        self._slot = slot
        self._origin = now
        # Keys in the order they were added; a dict, because a set of this size takes more memory and has no order.
        self._slots: dict[int, dict[K, None]] = {}
        # The number of every slot in `_slots`, also of those that have become empty.
        self._due: list[int] = []
        # Points at the slot itself: an int or a float of its own would add 28 bytes to each key.
        self._index: dict[K, dict[K, None]] = {}

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: K) -> bool:
        return key in self._index

    def add(self, key: K, at: float) -> None:
        """Sets the deadline of a key, in place of the one it had. A time that has passed is due at the next advance."""
        number = self._number(at)
        keys = self._slots.get(number)
        if keys is None:
            keys = self._slots[number] = {}
            heappush(self._due, number)
        previous = self._index.get(key)
        if previous is not keys:
            if previous is not None:
                del previous[key]
            keys[key] = None
            self._index[key] = keys
        # Keys that keep moving leave empty slots behind; twice as many slots as keys is the most that is tolerated.
        if len(self._slots) > 2 * len(self._index) + 64:
            self._drop_empty_slots()

    def cancel(self, key: K) -> None:
        """Forgets a key; one that is not here is no error."""
        keys = self._index.pop(key, None)
        if keys is not None:
            del keys[key]

    def advance(self, now: float) -> list[K]:
        """Removes and returns every key whose slot has ended, earlier slots first, within a slot as they were added."""
        due: list[K] = []
        while self._due and self._end(self._due[0]) <= now:
            due.extend(self._slots.pop(heappop(self._due)))
        for key in due:
            del self._index[key]
        return due

    def _number(self, at: float) -> int:
        number = ceil((at - self._origin) / self._slot)
        # The division may round down by one ulp, and early is the one thing a deadline must not be.
        return number if self._end(number) >= at else number + 1

    def _end(self, number: int) -> float:
        return self._origin + number * self._slot

    def _drop_empty_slots(self) -> None:
        self._slots = {number: keys for number, keys in self._slots.items() if keys}
        self._due = list(self._slots)
        heapify(self._due)
