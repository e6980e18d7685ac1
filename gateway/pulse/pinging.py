"""Whether one connection is watched, and what its silence means so far. Pure; `heartbeat` has the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .heartbeat import Close, Heartbeat, Ping

if TYPE_CHECKING:
    from .heartbeat import ClientBeats, Decision, HeartbeatConfig, SteadyPings


class Pinging:
    """Of one connection; on unless app code stops it."""

    __slots__ = ("_beats", "_is_new", "_last_ping", "is_on", "missed", "rhythm")

    def __init__(self, beats: Heartbeat | SteadyPings | ClientBeats, rhythm: HeartbeatConfig) -> None:
        self._beats = beats
        self._last_ping: float | None = None
        self._is_new = True
        """Then its ping may be early by half an interval: first looks are spread over so long, and silent clients that
        came together are to be pinged at theirs, not all in one second."""
        self.rhythm = rhythm
        self.is_on = True
        self.missed = 0
        """Pings without an answer since the last sign of life."""

    def switch(self, *, is_on: bool) -> bool:
        """App code stops and starts it; whether that was a change. What came in meanwhile counts."""
        was_on, self.is_on = self.is_on, is_on
        if was_on != is_on:
            self.excuse()
        return was_on != is_on

    def excuse(self) -> None:
        """No silence until now is held against the client."""
        self._last_ping, self._is_new, self.missed = None, False, 0

    def after(self, now: float, last_seen: float) -> Decision:
        """
        What is to be done now; a `Ping` counts as sent.

        Args:
            last_seen: When the peer gave a sign of life: it said something, or took what it was slow to take.
        """
        if self._last_ping is None and isinstance(self._beats, Heartbeat):
            phase = self.rhythm.ping_interval / 2 if self._is_new else 0.0
            decision = self._beats.after(now, last_seen, None, 0, phase=phase)
        else:
            decision = self._beats.after(now, last_seen, self._last_ping, self.missed)
        if isinstance(decision, Ping):
            self._last_ping, self.missed = decision.at, decision.missed
        elif isinstance(decision, Close):
            self.missed += self._last_ping is not None
        return decision
