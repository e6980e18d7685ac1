"""The tree as it stands: for people, for `hubbub top`, for metrics. Read when asked for; it costs nothing otherwise."""

from __future__ import annotations

from collections import defaultdict
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Literal

import attrs

from .environment import Account, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .cell import ActorRef
    from .info import ActorInfo

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
    """
    All actors of one class: what a label may be, where an instance may not.

    The last three never go down: what actors did that are gone is in them.
    """

    actors: int
    """Living ones."""
    queued: int
    """Messages that wait in the mailboxes of the living, or are in hand."""
    handled: int
    failed: int
    """Messages whose handler raised or was cut short."""
    restarts: int


def tree_of(ref: ActorRef[Any], max_children: int = 1_000) -> TreeNode:
    """A snapshot below `ref`; of more children than that only the first are shown, and how many are not."""
    children = ref.children()
    shown = tuple(tree_of(child, max_children) for child in children[:max_children])
    return TreeNode(ref.info(), shown, len(children) - len(shown))


def top_of(ref: ActorRef[Any], count: int, by: By) -> list[ActorInfo]:
    """The `count` actors below `ref` with the most of it, most first; of equals, those nearer to the root."""
    return [one.info() for one in nlargest(count, ref.walk(), key=_MEASURES[by])]


def metrics_of(refs: Iterable[ActorRef[Any]], ledger: Ledger) -> dict[str, ClassMetrics]:
    """By class name. One pass over the living, which takes about 1 us for each (2026-11, 3.11)."""
    living: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    labels: dict[type, str] = {}
    for ref in refs:
        label = labels.get(ref.actor_class)
        if label is None:
            label = labels[ref.actor_class] = ledger.label(ref.actor_class.__qualname__)
        sums = living[label]
        sums[0] += 1
        sums[1] += ref._queued()
        sums[2] += ref._handled + ref._shortcuts
        sums[3] += ref._failed
        sums[4] += _restarts(ref)
    return {name: _metrics(living[name], account) for name, account in ledger.accounts().items()}


def _metrics(living: list[int], gone: Account) -> ClassMetrics:
    actors, queued, handled, failed, restarts = living
    return ClassMetrics(actors, queued, handled + gone.handled, failed + gone.failed, restarts + gone.restarts)


def _restarts(ref: ActorRef[Any]) -> int:
    return max(0, ref._incarnation - 1)


_MEASURES: dict[By, Callable[[ActorRef[Any]], int]] = {
    "mailbox": lambda ref: ref._queued(),
    "handled": lambda ref: ref._handled + ref._shortcuts,
    "failed": lambda ref: ref._failed,
    "restarts": _restarts,
}
