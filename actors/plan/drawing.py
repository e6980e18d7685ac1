"""A blueprint as a person reads it: the tree with what each supervisor does, and the worst case of restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..config.config import join_path, quote_key
from ..config.units import format_duration
from ..mail.mailbox import UNBOUNDED, Mailbox
from ..supervision import WORKER_SHUTDOWN, ChildSpec, SupervisorSpec
from .blueprint import Blueprint, Planned, PlannedActor, PlannedPart, PlannedSupervisor
from .exhaustion import exhaustion
from .settings import ROOT

HEADINGS = ("", "what", "restart", "stop within", "restarts forgiven", "mailbox", "said by")
EACH = "*"
"""Stands for every child of a dynamic supervisor."""
_THEN = {"exit": "exit", "escalate": "escalate", "stop_child": "stop it"}


@attrs.frozen
class _Row:
    name: str
    what: str = ""
    restart: str = ""
    shutdown: str = ""
    budget: str = ""
    mailbox: str = ""
    said: str = ""


def tree_lines(blueprint: Blueprint, origins: Mapping[str, str]) -> list[str]:
    """
    Returns the tree, aligned in columns.

    Args:
        origins: Where each setting came from, by dotted path; "default" is not worth a mark.
    """
    rows = [HEADINGS, *(attrs.astuple(row) for row in _rows(blueprint.root, "", "", origins))]
    used = [column for column in range(len(HEADINGS)) if any(row[column] for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in used]
    return ["  ".join(f"{row[at]:<{width}}" for at, width in zip(used, widths, strict=True)).rstrip() for row in rows]


def _rows(node: Planned, lead: str, below: str, origins: Mapping[str, str]) -> Iterator[_Row]:
    """`lead` is drawn before this node, `below` before those under it."""
    if isinstance(node, PlannedSupervisor):
        yield _supervisor_row(node, lead, origins)
        yield from _rows_below(node, below, origins)
    elif isinstance(node, PlannedPart):
        obeyed = (node.spec.restart, _stop(node.spec)) if node.part.is_actor else ()
        yield _Row(lead + node.name, node.part.about, *obeyed)
    else:
        yield _actor_row(node, lead, origins)


def _rows_below(node: PlannedSupervisor, below: str, origins: Mapping[str, str]) -> Iterator[_Row]:
    if node.supervision.strategy == "dynamic":
        spec = node.child_spec
        what = node.part.children if node.part else ""
        yield _Row(f"{below}└─ {EACH}", what, spec.restart, _stop(spec), "", _mailbox(spec.mailbox))
    for child in node.children:
        last = child is node.children[-1]
        yield from _rows(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), origins)


def _supervisor_row(node: PlannedSupervisor, lead: str, origins: Mapping[str, str]) -> _Row:
    spec, said = node.supervision, _said("supervisor", node.name, origins)
    what = spec.strategy if spec.auto_shutdown == "never" else f"{spec.strategy}, ends with {spec.auto_shutdown}"
    if node.name == ROOT:
        return _Row("/", what, "", "", _budget(spec), "", said)
    budget = "" if node.child_spec.restart == "temporary" and not node.children else _budget(spec)
    return _Row(lead + node.name, what, node.spec.restart, "no limit", budget, "", said)


def _actor_row(node: PlannedActor, lead: str, origins: Mapping[str, str]) -> _Row:
    kind = node.wanted.actor_class
    restart = node.spec.restart + (", significant" if node.spec.significant else "")
    mailbox = _mailbox(node.spec.mailbox or kind.mailbox)
    what = f"{kind.__module__}:{kind.__qualname__}"
    return _Row(lead + node.name, what, restart, _stop(node.spec), "", mailbox, _said("actor", node.name, origins))


def _stop(spec: ChildSpec) -> str:
    return "killed" if spec.shutdown == 0 else format_duration(spec.shutdown or WORKER_SHUTDOWN)


def _budget(spec: SupervisorSpec) -> str:
    each = " each" if spec.scope == "child" else ""
    return f"{spec.intensity} in {format_duration(spec.period)}{each}, then {_THEN[spec.on_exceeded]}"


def _mailbox(mailbox: Mailbox | None) -> str:
    if mailbox is None or mailbox == UNBOUNDED:
        return ""
    told = "" if mailbox.high_water is None else f"told at {mailbox.high_water:,}"
    bound = "" if mailbox.capacity is None else f"{mailbox.capacity:,}, then {mailbox.overflow}"
    return "; ".join(filter(None, (bound, told)))


def _said(table: str, name: str, origins: Mapping[str, str]) -> str:
    """Which of its keys are not defaults, and who said them."""
    path = join_path(table, quote_key(name)) + "."
    by: dict[str, dict[str, None]] = {}
    for key, origin in origins.items():
        if key.startswith(path) and not origin.startswith("default"):
            by.setdefault(origin, {})[key.removeprefix(path).partition(".")[0]] = None
    return "; ".join(f"{origin}: {', '.join(keys)}" for origin, keys in by.items())


def worst_lines(blueprint: Blueprint) -> list[str]:
    """Returns a sentence for each supervisor about a leaf below it that fails again as soon as it runs."""
    return [
        f"below {'/' if node.name == ROOT else node.name}: {_worst(blueprint, node)}"
        for node in blueprint.walk()
        if isinstance(node, PlannedSupervisor) and _leaves(node)
    ]


def _leaves(node: PlannedSupervisor) -> list[Any]:
    """What is directly below it and can fail by itself: for a dynamic one whatever comes."""
    leaves = [child.spec for child in node.children if not isinstance(child, PlannedSupervisor)]
    return leaves if leaves or (node.supervision.strategy != "dynamic" and node.part is None) else [node.child_spec]


def _worst(blueprint: Blueprint, node: PlannedSupervisor) -> str:
    if all(spec.restart == "temporary" for spec in _leaves(node)):
        return "none is ever restarted"
    path = blueprint.path_to(node.name)
    found = exhaustion([one.supervision for one in path])
    if found is None:
        return "one that keeps failing is restarted for ever: the back-off is slower than the budget"
    times = "once" if found.restarts == 1 else f"{found.restarts} times"
    often = f"one that keeps failing is restarted at most {times} in {format_duration(round(found.seconds, 3))}"
    if found.then == "exit":
        return f"{often}, then all of it ends"
    if found.levels == 1:
        return f"{often}, then it alone is stopped"
    return f"{often}, then {path[-found.levels + 1].name} is stopped, with all below it"
