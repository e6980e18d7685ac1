"""
The tree as it stands: for people, for `hubbub top`, for metrics. Read when asked for; it costs nothing otherwise.

Theory of operation: a tree may have 100,000 actors, and to look at one takes 1 to 3 us. So who can wait looks at them
in portions, with turns of others in between (`survey_of`). What ends meanwhile moves its counts to the ledger: those
that were looked at before are taken out again, and so nothing counts twice, and no sum goes down.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from heapq import nlargest
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import attrs

from .cell.cell import DEAD
from .cell.environment import Account, Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from .cell.cell import ActorRef
    from .cell.info import ActorInfo

By = Literal["mailbox", "handled", "failed", "restarts"]

PORTION = 400
"""Actors looked at between two turns of everybody else: about a millisecond, as long as a slice of the dispatcher."""

Looked = tuple[int, int, int, int, int]
"""What one actor counts for `ClassMetrics`, in the order of its fields."""


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


async def portions_of(root: ActorRef[Any]) -> AsyncIterator[list[ActorRef[Any]]]:
    """`root` and everything below it, parents first; between two portions everybody else has a turn."""
    waiting = [root]
    while waiting:
        portion: list[ActorRef[Any]] = []
        while waiting and len(portion) < PORTION:
            ref = waiting.pop()
            portion.append(ref)
            waiting.extend(reversed(ref.children()))
        yield portion
        if waiting:
            await asyncio.sleep(0)


def top_of(root: ActorRef[Any], count: int, by: By) -> list[ActorInfo]:
    """The `count` actors at or below `root` with the most of it, most first; of equals, those nearer to the root."""
    return [one.info() for one in nlargest(count, root.walk(), key=_MEASURES[by])]


async def survey_top_of(root: ActorRef[Any], count: int, by: By) -> list[ActorInfo]:
    """As `top_of`, in portions."""
    most: list[ActorRef[Any]] = []
    async for portion in portions_of(root):
        most = nlargest(count, chain(most, portion), key=_MEASURES[by])
    return [one.info() for one in most]


async def survey_of(root: ActorRef[Any], ledger: Ledger) -> dict[str, ClassMetrics]:
    """As `metrics_of`, in portions."""
    seen: list[tuple[ActorRef[Any], Looked]] = []
    living = Living(ledger)
    async for portion in portions_of(root):
        for ref in portion:
            looked = _look(ref)
            seen.append((ref, looked))
            living.add(ref, looked)
    for ref, looked in [one for one in seen if one[0]._phase == DEAD]:
        living.add(ref, (-looked[0], -looked[1], -looked[2], -looked[3], -looked[4]))
    return living.metrics()


def metrics_of(refs: Iterable[ActorRef[Any]], ledger: Ledger) -> dict[str, ClassMetrics]:
    """By class name. One pass over the living, which takes 1 to 3 us for each (2026-11, 3.11)."""
    living = Living(ledger)
    for ref in refs:
        living.add(ref, _look(ref))
    return living.metrics()


class Living:
    """Sums by class of what was looked at."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._sums: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
        self._labels: dict[type, str] = {}

    def add(self, ref: ActorRef[Any], looked: Looked) -> None:
        label = self._labels.get(ref.actor_class)
        if label is None:
            label = self._labels[ref.actor_class] = self._ledger.label(ref.actor_class.__qualname__)
        sums = self._sums[label]
        for place, count in enumerate(looked):
            if count:
                sums[place] += count

    def metrics(self) -> dict[str, ClassMetrics]:
        """With what those did that are gone."""
        return {name: _metrics(self._sums[name], account) for name, account in self._ledger.accounts().items()}


def _look(ref: ActorRef[Any]) -> Looked:
    return (1, ref._queued(), ref._handled + ref._shortcuts, ref._failed, _restarts(ref))


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
