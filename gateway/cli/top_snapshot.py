"""What the admin listener said about a running gateway at one time; read from the JSON of `/tree` and `/top`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Row:
    """One actor. Times in seconds; `mailbox` counts what waits and what is in hand."""

    path: str
    name: str
    """The last part of the path, which may contain slashes itself: it is what follows the parent's path."""
    actor_class: str
    phase: str
    restarts: int
    budget_left: int | None
    mailbox: int
    handled: int
    failed: int
    doing: str | None
    doing_for: float | None
    last_error: str | None
    children_count: int
    children: tuple[Row, ...] = ()
    """Some of them, in start order."""


@attrs.frozen(kw_only=True)
class Numbers:
    """The gateway as a whole. Times in seconds; totals since its start."""

    title: str
    url: str
    uptime: float
    draining: bool
    connections: int
    topics: int
    actors: int
    queued: int
    handled: int
    published: int
    restarts: int
    gave_up: int
    """Actors that failed more often than their supervisor's budget allows."""
    loop_lag: float
    loop_lag_worst: float


@attrs.frozen
class Snapshot:
    at: float
    """Seconds on a clock that never goes back, of whoever asked."""
    gateway: Numbers
    tree: Row
    busiest: tuple[Row, ...]

    @classmethod
    def read(cls, at: float, tree: Mapping[str, Any], *tops: Mapping[str, Any]) -> Snapshot:
        """
        Makes one of an answer of `/tree` and one or more of `/top`; an actor that several name counts once.

        Raises:
            KeyError: The answer lacks a field: it is of another version.
        """
        told = tops[0]["gateway"]
        gateway = Numbers(**{field.name: told[field.name] for field in attrs.fields(Numbers)})
        busiest = {actor["path"]: _row(actor) for top in tops for actor in top["actors"]}
        return cls(at, gateway, _row(tree), tuple(busiest.values()))

    def rows(self) -> Iterator[Row]:
        """Every actor of the tree, parents first."""
        return _walk(self.tree)

    def handled(self) -> dict[str, int]:
        """Messages handled so far, by path."""
        return {row.path: row.handled for row in (*self.busiest, *self.rows())}


def _row(told: Mapping[str, Any], above: str = "") -> Row:
    path: str = told["path"]
    children: Sequence[Mapping[str, Any]] = told.get("children", ())
    return Row(
        path=path,
        name=path.removeprefix(above).lstrip("/") or "/",
        actor_class=told["class"],
        children=tuple(_row(child, path) for child in children),
        **{name: told[name] for name in _SAME},
    )


_SAME = (
    "phase", "restarts", "budget_left", "mailbox", "handled", "failed", "doing", "doing_for", "last_error",
    "children_count",
)  # fmt: skip
"""Fields that are called in the JSON as they are here."""


def _walk(row: Row) -> Iterator[Row]:
    yield row
    for child in row.children:
        yield from _walk(child)
