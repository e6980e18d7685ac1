"""
When to ping a silent peer, when to give it up, and the one wheel on which all such deadlines turn. Pure.

Rules of this file: any inbound byte counts as an answer, not only a pong; the clock is monotonic; nothing is due early.

Theory of operation: after `ping_interval` of silence a ping goes out and has `ping_timeout` to be answered; as many
times as `max_missed_pings`, then the connection is half-open and closes. With the defaults that is 25 + 2 * 10 = 45 s
after the last inbound byte. A wheel with slots of 1 s is up to one slot late at each of the three steps; so that this
does not add up to 48 s, a ping counts as sent when it was due (`Ping.at`), by at most one slot. The whole is then at
most 46 s, and one ping has at least `ping_timeout` less one slot for its answer. A loop that stalls for longer than
a slot shifts the rest instead: a peer is not closed because we were slow.

What it refuses to know: how a ping looks on a wire, and whom it goes to. The caller keeps three values per connection
(last inbound, last ping, pings missed) and asks again when the answer says so.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Generic, TypeAlias, TypeVar

import attrs

from ..amounts import seconds, truth, whole

K = TypeVar("K", bound=Hashable)

SLOT = 1.0
"""Seconds by which a wheel may be late: 4 % of the shortest interval it serves, and few slots for 100,000 keys."""


@attrs.frozen
class HeartbeatConfig:
    """How long silence lasts before it means a lost peer."""

    ping_interval: float = attrs.field(default=25.0, validator=seconds)
    """Seconds of silence before a ping. 25 stays below the 60 s idle timeout of common proxies."""
    ping_timeout: float = attrs.field(default=10.0, validator=seconds)
    """Seconds for an answer. 10 is more than the worst round trip of a phone that wakes its radio."""
    max_missed_pings: int = attrs.field(default=2, validator=whole(1))
    """Unanswered pings before the close. 2: one lost packet is retransmitted, two timeouts are no accident."""

    app_ping: bool = attrs.field(default=False, validator=truth)
    """Whether endpoints with raw frames also get `{"type":"ping"}`: pages cannot see protocol pings. Off: not every
    page expects a message that its server did not send."""

    @property
    def detects_within(self) -> float:
        """Seconds of silence until the close, at most, on an exact clock; a wheel adds one slot."""
        return self.ping_interval + self.max_missed_pings * self.ping_timeout


@attrs.frozen
class Wait:
    """Nothing to do before `until`."""

    until: float


@attrs.frozen
class Ping:
    """Send a ping; keep `missed` and `at` (as the last ping), and ask again at `until`."""

    missed: int
    """Pings that went unanswered before this one."""
    at: float
    """What counts as the time of this ping: when it was due, or one slot ago if that was earlier."""
    until: float


@attrs.frozen
class Close:
    """The peer is gone: close as `heartbeat_lost`."""


Decision: TypeAlias = Wait | Ping | Close

_CLOSE = Close()


class Heartbeat:
    """
    The decision, shared by all connections of one configuration.

    Args:
        config: The times.
        slot: Seconds by which the caller's wheel may be late; 0 for an exact clock. Less than `ping_timeout`, or a
            ping could be judged before it was sent.
    """

    __slots__ = ("_config", "_slot")

    def __init__(self, config: HeartbeatConfig, *, slot: float = SLOT) -> None:
        if not 0 <= slot < config.ping_timeout:
            raise ValueError(
                f"could not keep a heartbeat: slot is {slot} s and ping_timeout {config.ping_timeout} s; "
                f"use a timeout longer than a slot"
            )
        self._config = config
        self._slot = slot

    def after(
        self, now: float, last_seen: float, last_ping: float | None, missed: int, *, phase: float = 0.0
    ) -> Decision:
        """
        Decides what a connection needs now.

        Args:
            last_seen: When the last inbound byte came; the accept counts as one.
            last_ping: `Ping.at` of the last ping, None before the first.
            missed: `Ping.missed` of the last ping, 0 before the first; not looked at once something came after it.
            phase: Seconds by which this connection is pinged earlier than `ping_interval`, so that a thousand that
                came at once are not pinged at once; see `pinging`.
        """
        if last_ping is None or last_seen >= last_ping:
            due, missed = last_seen + self._config.ping_interval - phase, 0
        else:
            due, missed = last_ping + self._config.ping_timeout, missed + 1
        if now < due:
            return Wait(due)
        if missed >= self._config.max_missed_pings:
            return _CLOSE
        at = max(due, now - self._slot)
        return Ping(missed, at, at + self._config.ping_timeout)


class SteadyPings:
    """
    Pings in fixed steps, whatever comes in: for clients that take the server for lost when they hear nothing.

    Centrifuge's wait for `ping` + 10 s. Any inbound byte answers; one ping that nothing follows may be missed fewer
    times than `max_missed_pings`, as with `Heartbeat`, so that a peer is given up after the same time.
    """

    __slots__ = ("_config", "_slot")

    def __init__(self, config: HeartbeatConfig, *, slot: float = SLOT) -> None:
        self._config = config
        self._slot = slot

    def after(self, now: float, last_seen: float, last_ping: float | None, missed: int) -> Decision:
        """As `Heartbeat.after`."""
        config = self._config
        if last_ping is None:
            due, missed = now, 0
        elif last_seen >= last_ping:
            due, missed = last_ping + config.ping_interval, 0
        else:
            due, missed = last_ping + config.ping_timeout, missed + 1
        if now < due:
            return Wait(due)
        if missed >= config.max_missed_pings:
            return _CLOSE
        at = max(due, now - self._slot)
        return Ping(missed, at, at + min(config.ping_timeout, config.ping_interval))


class ClientBeats:
    """
    The client sends the heartbeats; the server only listens.

    Args:
        patience: Seconds without a byte after which the peer is gone. Phoenix waits 60 s for clients that beat every
            30 s (measured: 60.1 s); a wheel adds one slot.
    """

    __slots__ = ("_patience",)

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience

    def after(self, now: float, last_seen: float, last_ping: float | None, missed: int) -> Decision:
        """As `Heartbeat.after`; never a ping."""
        due = last_seen + self._patience
        return Wait(due) if now < due else _CLOSE


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
