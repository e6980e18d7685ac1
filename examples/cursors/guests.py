"""Who is here without being a person: robots, and a reader that is slow on purpose. What visitors want of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from actors import ActorRef

TOPIC = "cursors"


@attrs.frozen
class Changed:
    """Somebody wants something else of the guests."""


class Guests:
    """One per app; the room writes it, the actors obey it. Used on the loop's thread only."""

    def __init__(self) -> None:
        self.robots = False
        """Whether there should be robots."""
        self.slow = False
        """Whether there should be a slow reader."""
        self._actors: list[ActorRef[Any]] = []

    def obeyed_by(self, actor: ActorRef[Any]) -> None:
        """Once per actor; a ref stays valid through restarts."""
        if actor not in self._actors:
            self._actors.append(actor)

    def want(self, *, robots: bool | None = None, slow: bool | None = None) -> None:
        self.robots = self.robots if robots is None else robots
        self.slow = self.slow if slow is None else slow
        for actor in self._actors:
            if actor.is_alive():
                actor.tell(Changed())

    def view(self) -> dict[str, bool]:
        return {"robots": self.robots, "slow": self.slow}
