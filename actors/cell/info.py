"""What one actor says of itself to who looks from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .environment import Counts


@attrs.frozen
class ActorInfo:
    """
    What `ref.info()` says; a snapshot.

    How long the oldest message has waited is not known: it would cost a timestamp per message. How many wait is in
    `counts.queued`, and how long the one in hand has taken in `doing_for`.
    """

    path: str
    actor_class: str
    phase: str
    incarnation: int
    restarts: int
    counts: Counts
    children: int
    watchers: int
    """Of its own loop; who watches from another keeps that to itself (see `death_watch`)."""
    doing: str | None
    """The type of the message whose handler is suspended."""
    doing_for: float | None
    """Seconds since that handler first had to wait."""
    budget_left: int | None
    """Restarts its supervisor would grant now, to it or to it and its siblings (`SupervisorSpec.scope`). None if it is
    never restarted: the root, and what is temporary."""
    last_error: str | None
    """Type and text of what made it fail last, in this incarnation or an earlier one, on one line of at most 200
    characters; an error that only answered an ask is not among them. None if it never failed."""
