"""The relations of an actor: its children, its budget for them, who watches it and whom it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .supervision import Budget

if TYPE_CHECKING:
    from .cell import ActorRef
    from .siblings import Group
    from .supervision import SupervisorSpec


class Family:
    """Made when an actor first has a relation; most have none but their parent."""

    __slots__ = ("budget", "children", "group", "supervision", "watchers", "watching")

    def __init__(self, supervision: SupervisorSpec) -> None:
        self.supervision = supervision
        self.children: dict[object, ActorRef[Any]] = {}
        """By name, or by the ref itself; in start order."""
        self.budget = Budget(supervision.intensity, supervision.period)
        self.watchers: dict[ActorRef[Any], object] = {}
        """Who gets a `Terminated`, or the message given to `watch_with`."""
        self.watching: set[ActorRef[Any]] = set()
        self.group: Group | None = None
        """Children that are being restarted together."""

    def renew(self) -> None:
        """The actor restarts: its next children are new, and so is its budget for them, as in OTP."""
        self.budget = Budget(self.supervision.intensity, self.supervision.period)
        self.group = None
