"""The relations of an actor: its children, its budget for them, who watches it and whom it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .supervision import Budget

if TYPE_CHECKING:
    from .cell import ActorRef
    from .supervision import SupervisorSpec


class Family:
    """Made when an actor first has a relation; most have none but their parent."""

    __slots__ = ("budget", "children", "supervision", "watchers", "watching")

    def __init__(self, supervision: SupervisorSpec) -> None:
        self.supervision = supervision
        self.children: dict[object, ActorRef[Any]] = {}
        """By name, or by the ref itself; in start order."""
        self.budget = Budget(supervision.intensity, supervision.period)
        self.watchers: dict[ActorRef[Any], object] = {}
        """Who gets a `Terminated`, or the message given to `watch_with`."""
        self.watching: set[ActorRef[Any]] = set()
