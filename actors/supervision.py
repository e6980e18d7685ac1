"""
Supervision, decided pure: specs, budgets and back-off. Facts and the time in, a decision out.

Theory of operation: an actor ends in an `Exit`. Its child spec says whether that kind of exit is mended, its
supervisor's budget whether it may be mended once more, the back-off when. Nobody here knows an actor or a loop.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

RestartType = Literal["permanent", "transient", "temporary"]
"""OTP's words: restarted always, restarted after a failure only, never restarted."""

Strategy = Literal["one_for_one", "dynamic"]
Scope = Literal["supervisor", "child"]
OnExceeded = Literal["escalate", "stop_child", "exit"]
ExitReason = Literal["stopped", "failed", "killed", "shutdown", "gave_up"]
"""`stopped`: asked to or by itself; `shutdown`: by its supervisor; `gave_up`: its restart budget was spent."""


@attrs.frozen
class ChildSpec:
    """How a supervisor treats one child."""

    restart: RestartType = "transient"

    shutdown: float | None = None
    """Seconds it may take to stop before its handler is cancelled. None: 5 s for a worker, no limit for a supervisor
    (its children bring their own). 0 kills at once."""

    def mends(self, reason: ExitReason) -> bool:
        """Whether an exit of this kind calls for a restart at all."""
        if reason in ("shutdown", "gave_up"):
            return False
        return self.restart == "permanent" or (self.restart == "transient" and reason in ("failed", "killed"))


WORKER_SHUTDOWN = 5.0
"""Seconds; OTP's default for a worker."""

TEMPORARY = ChildSpec(restart="temporary")
TRANSIENT = ChildSpec()


@attrs.frozen
class Backoff:
    """Seconds before a restart: at once the first time, then doubling, forgotten after a while of health."""

    initial: float = 0.0
    """A single crash is most often a bad message: mended without delay."""
    min: float = 0.1
    max: float = 10.0
    factor: float = 2.0
    jitter: float = 0.2
    """Fraction by which a delay is spread both ways, so that many children do not come back in step."""
    reset_after: float = 30.0
    """Seconds of health after which the next failure counts as the first again."""

    def delay(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first); `random` is uniform in 0..1."""
        if failures <= 1:
            return self.initial
        steps = min(failures - 2, 64)  # 2**64 is beyond every max; keeps the power from growing without bound
        plain = min(self.max, self.min * self.factor**steps)
        return plain * (1 + self.jitter * (2 * random() - 1))


@attrs.frozen
class SupervisorSpec:
    """How an actor supervises its children; a class attribute `supervision` of the parent."""

    strategy: Strategy = "one_for_one"
    intensity: int = 5
    """Restarts within `period` that are forgiven; 0 forgives none."""
    period: float = 30.0
    scope: Scope = "supervisor"
    """Whose budget a restart is charged to. `child` for dynamic supervisors: else two crashing children stop all."""
    on_exceeded: OnExceeded = "escalate"
    backoff: Backoff = Backoff()


ONE_FOR_ONE = SupervisorSpec()
DYNAMIC = SupervisorSpec(strategy="dynamic", scope="child", on_exceeded="stop_child")


class Budget:
    """Counts restarts in a sliding window; agrees with a naive count over the whole history (a property test)."""

    __slots__ = ("_spent", "intensity", "period")

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self._spent: deque[float] = deque()

    def spend(self, now: float) -> bool:
        """Takes one restart at `now`. False when `intensity` restarts lie within the last `period` seconds already."""
        self._forget(now)
        if len(self._spent) >= self.intensity:
            return False
        self._spent.append(now)
        return True

    def left(self, now: float) -> int:
        """Restarts that would still be granted at `now`."""
        self._forget(now)
        return self.intensity - len(self._spent)

    def _forget(self, now: float) -> None:
        while self._spent and now - self._spent[0] >= self.period:
            self._spent.popleft()


class RestartRecord:
    """What a supervisor remembers of one child that failed: how often in a row, when last, and its own budget."""

    __slots__ = ("budget", "failed_at", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self.failed_at = float("-inf")
        self.budget: Budget | None = None

    def note(self, now: float, reset_after: float) -> int:
        """Counts a failure at `now`; returns how many in a row without `reset_after` seconds of health between."""
        self.failures = self.failures + 1 if now - self.failed_at < reset_after else 1
        self.failed_at = now
        return self.failures


@attrs.frozen
class Restart:
    """Build a new instance after `delay` seconds."""

    delay: float


@attrs.frozen
class Stop:
    """Let it end."""


@attrs.frozen
class GiveUp:
    """It would have been mended, but the budget is spent; `then` says what that means for its supervisor."""

    then: OnExceeded


Decision = Restart | Stop | GiveUp
STOP = Stop()


def decide(
    supervisor: SupervisorSpec,
    shared: Budget,
    child: ChildSpec,
    record: RestartRecord,
    reason: ExitReason,
    now: float,
    random: Callable[[], float],
    *,
    charged: bool = True,
) -> Decision:
    """
    What becomes of a child that ended with `reason` at `now`.

    Args:
        shared: The supervisor's own budget; charged when the scope is `supervisor`.
        record: What is remembered of this child; updated here, and charged when the scope is `child`.
        charged: Whether this one counts; if not, neither budget nor back-off is touched.
    """
    if not child.mends(reason):
        return STOP
    if not charged:
        return Restart(0.0)
    failures = record.note(now, supervisor.backoff.reset_after)
    if not _budget(supervisor, shared, record).spend(now):
        return GiveUp(supervisor.on_exceeded)
    return Restart(supervisor.backoff.delay(failures, random))


def _budget(supervisor: SupervisorSpec, shared: Budget, record: RestartRecord) -> Budget:
    if supervisor.scope == "supervisor":
        return shared
    if record.budget is None:
        record.budget = Budget(supervisor.intensity, supervisor.period)
    return record.budget
