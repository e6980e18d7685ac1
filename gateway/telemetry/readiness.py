"""Whether new connections are welcome, and if not, why: what `/ready` says and `hubbub_ready` counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..limits.open_files import are_spent, most_for_clients
from ..settings.parts import PARTS

if TYPE_CHECKING:
    from ..node import Node

ACTORS = tuple(name for name, part in PARTS.items() if part.is_actor)
"""Of the tree: what runs as long as the gateway does."""


def missing_parts(node: Node) -> list[str]:
    """What of the tree is gone or does not run."""
    present = {child._name: child.info() for child in node.system.root.children()}
    problems = [f"/{part} is gone" for part in ACTORS if part not in present]
    return problems + [f"/{name} is {info.phase}" for name, info in present.items() if info.phase != "running"]


def closed_doors(node: Node) -> list[str]:
    """Why the next client would be turned away."""
    problems = ["draining"] if node.is_draining else []
    limit = node.limits.max_connections
    if limit is not None and len(node.directory) >= limit:
        problems.append(f"connection limit of {limit} reached")
    if are_spent():
        problems.append(f"all {most_for_clients():g} files are open that it may open for clients (ulimit -n)")
    return problems


def is_ready(node: Node) -> bool:
    return not (missing_parts(node) or closed_doors(node))
