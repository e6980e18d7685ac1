"""
When to ping a silent peer, and when to give it up. Pure.

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

from typing import TypeAlias

import attrs

from ..amounts import seconds, truth, whole
from .wheel import SLOT


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


CLIENT_BEATS_WITHIN = 60.0
"""Seconds without a byte after which a client that sends heartbeats itself is gone. Phoenix waits as long for clients
that beat every 30 s (measured: 60.1 s); a wheel adds one slot."""


class ClientBeats:
    """
    The client sends the heartbeats; the server only listens.

    Args:
        patience: Seconds without a byte after which the peer is gone.
    """

    __slots__ = ("_patience",)

    def __init__(self, patience: float = CLIENT_BEATS_WITHIN) -> None:
        self._patience = patience

    def after(self, now: float, last_seen: float, last_ping: float | None, missed: int) -> Decision:
        """As `Heartbeat.after`; never a ping."""
        due = last_seen + self._patience
        return Wait(due) if now < due else _CLOSE
