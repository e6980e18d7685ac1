"""What an app imports comes from `gateway` itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gateway

ROOT = Path(__file__).parents[2]
BESIDE = {
    "gateway.events",  # facts, for who watches
    "gateway.testing",  # for tests alone
}
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


def test_the_door_lists_what_it_has() -> None:
    """`__all__` is exactly what the module imports, so that no name is only there by accident."""
    tree = ast.parse(Path(gateway.__file__).read_text())
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }  # fmt: skip
    assert set(gateway.__all__) == imported


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_programs_of_our_pages_use_the_front_door(path: Path) -> None:
    """A module below it may change its name; what an app needs from one of these is missing at the door."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    used = {line.split()[1] for line in lines if line.startswith("from gateway.") and " import " in line}
    assert used - BESIDE == set()
