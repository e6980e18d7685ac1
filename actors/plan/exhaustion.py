"""How much a failing leaf costs before somebody gives up: restarts multiply up the tree. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..supervision import worst_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..supervision import OnExceeded, SupervisorSpec


@attrs.frozen
class Exhaustion:
    """What happens to a leaf that fails again as soon as it runs."""

    restarts: int
    """Of the leaf, at most; those of supervisors on its path included, since they begin it anew."""
    seconds: float
    """Until then: the back-offs, each in the middle of what its jitter makes of it."""
    levels: int
    """How many supervisors, from its own upwards, run out of restarts."""
    then: OnExceeded
    """What the last of them does: `stop_child` or `exit`."""


def exhaustion(path: Sequence[SupervisorSpec]) -> Exhaustion | None:
    """
    Returns the worst case below the supervisors of a path, root first.

    None: it is restarted for ever, because some back-off is slower than the budget it is to exhaust.
    """
    seconds, concerned = 0.0, _concerned(path)
    for spec in reversed(concerned):
        delays = sum(spec.backoff.delay(count, lambda: 0.5) for count in range(1, spec.intensity + 1))
        if spec.intensity and delays + spec.intensity * seconds >= spec.period:
            return None
        seconds = delays + (spec.intensity + 1) * seconds
    then = concerned[0].on_exceeded
    return Exhaustion(worst_case(concerned), seconds, len(concerned), "exit" if then == "escalate" else then)


def _concerned(path: Sequence[SupervisorSpec]) -> Sequence[SupervisorSpec]:
    """The end of the path from the last one that does not pass it on."""
    stops = [index for index, spec in enumerate(path) if spec.on_exceeded != "escalate"]
    return path[max(stops, default=0) :]
