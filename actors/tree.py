"""The tree as it stands: for people, for `hubbub top`, for metrics. Read when asked for; it costs nothing otherwise."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .cell import ActorInfo, ActorRef

By = Literal["mailbox", "handled", "failed", "restarts"]


@attrs.frozen
class TreeNode:
    """One actor and those below it, in start order."""

    info: ActorInfo
    children: tuple[TreeNode, ...]
    hidden: int = 0
    """Children that were left out, because there are too many to show."""


@attrs.frozen
class ClassMetrics:
    """All living actors of one class: what a label may be, where an instance may not."""

    actors: int
    queued: int
    handled: int
    failed: int
    restarts: int


def tree_of(ref: ActorRef[Any], max_children: int = 1_000) -> TreeNode:
    """A snapshot below `ref`; of more children than that only the first are shown, and how many are not."""
    children = ref.children()
    shown = tuple(tree_of(child, max_children) for child in children[:max_children])
    return TreeNode(ref.info(), shown, len(children) - len(shown))


def top_of(ref: ActorRef[Any], count: int, by: By) -> list[ActorInfo]:
    """The `count` actors below `ref` with the most of it, most first."""
    infos = [one.info() for one in ref.walk()]
    return sorted(infos, key=lambda info: _measure(info, by), reverse=True)[:count]


def metrics_of(refs: Iterable[ActorRef[Any]]) -> dict[str, ClassMetrics]:
    """By class name."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for ref in refs:
        info = ref.info()
        counts = info.counts
        for place, value in enumerate((1, counts.queued, counts.handled, counts.failed, info.restarts)):
            sums[info.actor_class][place] += value
    return {name: ClassMetrics(*values) for name, values in sums.items()}


def _measure(info: ActorInfo, by: By) -> int:
    if by == "restarts":
        return info.restarts
    counts = info.counts
    return {"mailbox": counts.queued, "handled": counts.handled, "failed": counts.failed}[by]
