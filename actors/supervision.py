"""
Supervision, decided pure: specs, budgets and back-off. Facts and the time in, a decision out.

Theory of operation: an actor ends in an `Exit`. Its child spec says whether that kind of exit is mended, its
supervisor's budget whether it may be mended once more, the back-off when. Nobody here knows an actor or a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
from attrs.validators import ge, gt, instance_of, le, optional

from .config.words import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .mail.mailbox import Mailbox

C = TypeVar("C")

RestartType = Literal["permanent", "transient", "temporary"]
"""OTP's words: restarted always, restarted after a failure only, never restarted."""

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic"]
"""OTP's words: the failed child alone; all children; it and those started after it. `dynamic`: children come and go."""

AutoShutdown = Literal["never", "any_significant", "all_significant"]
"""Whether a supervisor ends when a significant child, or the last of them, has ended by itself."""

Scope = Literal["supervisor", "child"]
OnExceeded = Literal["escalate", "stop_child", "exit"]
ExitReason = Literal["stopped", "failed", "killed", "shutdown", "gave_up"]
"""`stopped`: asked to or by itself; `shutdown`: by its supervisor; `gave_up`: its restart budget was spent."""


@attrs.frozen
class ChildSpec:
    """How a supervisor treats one child."""

    restart: RestartType = attrs.field(default="transient", validator=one_of(RestartType))

    shutdown: float | None = attrs.field(default=None, validator=optional(ge(0)))
    """Seconds it may take to stop before its handler is cancelled. None: 5 s for a worker; no limit for a supervisor
    (`Actor.is_supervisor`) or while it waits for its children, who bring their own. 0 kills at once. However it ends,
    each hook of its end, such as `on_stop`, has as long: None is 5 s there, and less than a second is one."""

    significant: bool = False
    """Whether its end by itself may end its supervisor (`auto_shutdown`). A permanent child has no such end."""

    mailbox: Mailbox | None = None
    """Instead of the one its class declares."""

    def __attrs_post_init__(self) -> None:
        if self.significant and self.restart == "permanent":
            raise ValueError("child cannot be specified: significant and permanent contradict each other; drop one")

    def mends(self, reason: ExitReason) -> bool:
        """Whether an exit of this kind calls for a restart at all."""
        if reason in ("shutdown", "gave_up"):
            return False
        return self.restart == "permanent" or (self.restart == "transient" and reason in ("failed", "killed"))


WORKER_SHUTDOWN = 5.0
"""Seconds; OTP's default for a worker."""

KILL_GRACE = 1.0
"""Seconds a cancelled handler or hook may take for its own clean-up before it is abandoned."""

TEMPORARY = ChildSpec(restart="temporary")
TRANSIENT = ChildSpec()


@attrs.frozen
class Backoff:
    """Seconds before a restart: at once the first time, then doubling, forgotten after a while of health."""

    initial: float = attrs.field(default=0.0, validator=ge(0))
    """Seconds before the first restart. A single crash is most often a bad message: mended without delay."""
    min: float = attrs.field(default=0.1, validator=ge(0))
    """Seconds before the second. 100 ms: a dependency that blinked is back, and a person has not noticed."""
    max: float = attrs.field(default=10.0, validator=ge(0))
    """Seconds at most. 10: whoever mends the cause sees the effect at once."""
    factor: float = attrs.field(default=2.0, validator=ge(1))
    """By which each further delay is longer. 2 as everywhere: ten failures reach any limit one wants."""
    jitter: float = attrs.field(default=0.2, validator=[ge(0), le(1)])
    """Fraction by which a delay is spread both ways, so that many children do not come back in step. The longest are
    spread below `max`."""
    reset_after: float = attrs.field(default=30.0, validator=ge(0))
    """Seconds of health after which the next failure counts as the first again; a back-off is none."""

    def delay(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first); `random` is uniform in 0..1."""
        if failures <= 1:
            return self.initial
        steps = min(failures - 2, 64)  # 2**64 is beyond every max; keeps the power from growing without bound
        plain = min(self.max / (1 + self.jitter), self.min * self.factor**steps)
        return plain * (1 + self.jitter * (2 * random() - 1))


def usual_scope(strategy: Strategy) -> Scope:
    """Where nothing is said; in code and in files."""
    return "child" if strategy == "dynamic" else "supervisor"


def usual_end(strategy: Strategy) -> OnExceeded:
    """What a spent budget means where nothing is said."""
    return "stop_child" if strategy == "dynamic" else "escalate"


def _by_strategy(usual: Callable[[Strategy], Any]) -> Any:
    return attrs.Factory(lambda spec: usual(spec.strategy), takes_self=True)


@attrs.frozen
class SupervisorSpec:
    """How an actor supervises its children; a class attribute `supervision` of the parent."""

    strategy: Strategy = attrs.field(default="one_for_one", validator=one_of(Strategy))
    intensity: int = attrs.field(default=5, validator=ge(0))
    """Restarts within `period` that are forgiven; 0 forgives none."""
    period: float = attrs.field(default=30.0, validator=gt(0))
    scope: Scope = attrs.field(default=_by_strategy(usual_scope), validator=one_of(Scope))
    """Whose budget a restart is charged to. `child` for dynamic supervisors: else two crashing children stop all."""
    on_exceeded: OnExceeded = attrs.field(default=_by_strategy(usual_end), validator=one_of(OnExceeded))
    """`stop_child` for dynamic supervisors, for the same reason; `escalate` for others."""
    backoff: Backoff = attrs.field(default=Backoff(), validator=instance_of(Backoff))
    auto_shutdown: AutoShutdown = attrs.field(default="never", validator=one_of(AutoShutdown))


ONE_FOR_ONE = SupervisorSpec()
DYNAMIC = SupervisorSpec(strategy="dynamic")


class Budget:
    """Counts restarts in a sliding window; agrees with a naive count over the whole history (a property test)."""

    __slots__ = ("_spent", "intensity", "period")

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self._spent: list[float] = []
        """Oldest first, at most `intensity`. A list: an empty deque takes 760 bytes, and every supervisor has one."""

    def spend(self, now: float) -> bool:
        """Takes one restart at `now`. False when `intensity` restarts lie within the last `period` seconds already."""
        self._forget(now)
        if len(self._spent) >= self.intensity:
            return False
        self._spent.append(now)
        return True

    def left(self, now: float) -> int:
        """Restarts that would still be granted at `now`. Changes nothing, so any thread may look."""
        return self.intensity - sum(now - at < self.period for at in self._spent.copy())

    def _forget(self, now: float) -> None:
        while self._spent and now - self._spent[0] >= self.period:
            del self._spent[0]


class RestartRecord:
    """What a supervisor remembers of one child that failed: how often in a row, since when it is up, its own budget."""

    __slots__ = ("back_at", "budget", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self.back_at = float("-inf")
        """When it was to be back after its last failure: from then on it is in health, until it fails."""
        self.budget: Budget | None = None

    def note(self, now: float, reset_after: float) -> int:
        """Counts a failure at `now`; returns how many in a row without `reset_after` seconds of health between."""
        self.failures = self.failures + 1 if now - self.back_at < reset_after else 1
        self.back_at = now
        return self.failures

    def begin(self, now: float, delay: float) -> float:
        """A back-off begins; returns it."""
        self.back_at = now + delay
        return delay


@attrs.frozen
class Restart:
    """Build a new instance after `delay` seconds."""

    delay: float
    with_siblings: bool = False
    """Whether its strategy restarts siblings as well (`affected` says which)."""


@attrs.frozen
class Stop:
    """Let it end."""


@attrs.frozen
class GiveUp:
    """It would have been mended, but the budget is spent; `then` says what that means for its supervisor."""

    then: OnExceeded


Decision = Restart | Stop | GiveUp
STOP = Stop()
JOIN = Restart(0.0, with_siblings=True)
"""Come back with siblings that are being restarted already: one restart for all of them, charged once."""


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
    together = supervisor.strategy in ("one_for_all", "rest_for_one")
    if not charged:
        return Restart(0.0, together)
    failures = record.note(now, supervisor.backoff.reset_after)
    if not _budget(supervisor, shared, record).spend(now):
        return GiveUp(supervisor.on_exceeded)
    return Restart(record.begin(now, supervisor.backoff.delay(failures, random)), together)


def affected(strategy: Strategy, children: Sequence[C], failed: C) -> tuple[C, ...]:
    """Who is restarted when `failed` is, in start order; `children` are all of its parent in start order."""
    if strategy == "one_for_all":
        return tuple(children)
    if strategy == "rest_for_one" and failed in children:
        return tuple(children[children.index(failed) :])
    return (failed,)


def ends_supervisor(supervisor: SupervisorSpec, left_significant: int) -> bool:
    """Whether the end of a significant child by itself ends its supervisor; `left_significant` others are alive."""
    if supervisor.auto_shutdown == "all_significant":
        return left_significant == 0
    return supervisor.auto_shutdown == "any_significant"


def worst_case(specs: Sequence[SupervisorSpec]) -> int:
    """
    Restarts of a leaf before the root gives up, when each supervisor on its path, root first, escalates.

    Intensities multiply: a supervisor restarts its child `intensity` times, each time with a new budget of its own.
    """
    total = 1
    for spec in specs:
        total *= spec.intensity + 1
    return total - 1


def _budget(supervisor: SupervisorSpec, shared: Budget, record: RestartRecord) -> Budget:
    if supervisor.scope == "supervisor":
        return shared
    if record.budget is None:
        record.budget = Budget(supervisor.intensity, supervisor.period)
    return record.budget
