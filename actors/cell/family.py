"""The relations of an actor: its children, its budget for them, who watches it and whom it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..supervision import Budget

if TYPE_CHECKING:
    from ..life.siblings import Group
    from ..supervision import SupervisorSpec
    from .cell import ActorRef


class Family:
    """Made when an actor first has a relation; most have none but their parent."""

    __slots__ = ("_budget", "children", "group", "supervision", "watchers", "watching")

    def __init__(self, supervision: SupervisorSpec) -> None:
        self.supervision = supervision
        self.children: dict[object, ActorRef[Any]] = {}
        """By name, or by the ref itself; in start order."""
        self._budget: Budget | None = None
        self.watchers: dict[ActorRef[Any], object] | None = None
        """Who gets a `Terminated`, or the message given to `watch_with`; a parent that only wants to know is not among
        them (see `death_watch`)."""
        self.watching: set[ActorRef[Any]] | None = None
        """Whom it is a watcher of. An empty set takes 216 bytes, and most actors never need one."""
        self.group: Group | None = None
        """Children that are being restarted together."""

    @property
    def budget(self) -> Budget:
        """For its children; made when the first of them fails, or somebody looks."""
        if self._budget is None:
            self._budget = Budget(self.supervision.intensity, self.supervision.period)
        return self._budget

    def renew(self) -> None:
        """The actor restarts: its next children are new, and so is its budget for them, as in OTP."""
        self._budget = None
        self.group = None
