"""ARCHITECTURE.md is held to its word: layers, doors, dependencies, and the tests it names."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGES = ("actors", "gateway")


def block(name: str) -> list[list[str]]:
    """The rows of the fenced block called `name`, each split into words; what stands in brackets is for people."""
    found = re.search(rf"^```{name}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"ARCHITECTURE.md has no block ```{name}"
    rows = [re.sub(r"\(.*?\)", "", line).split() for line in found[1].splitlines()]
    return [row for row in rows if row]


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layers() -> list[list[str]]:
    """The layers from the ground up: each row of the block is a folder and, between bars, its modules."""
    return [
        [folder if name == "__init__" else f"{folder}.{name}" for name in layer.split()]
        for folder, *words in block("layers")
        for layer in " ".join(words).split("|")
    ]


FILES = {
    module_name(file): file
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
    if file.name != "__init__.py" or len(ast.parse(file.read_text()).body) > 1  # else it only says what the folder is
}
LAYERS = layers()
DOORS = {row[0]: row[1:] for row in block("doors")}


def imports_of(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """The dotted names that this source imports when it runs, in functions too; `a.b` for `from a import b`."""
    home = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in _running(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if not name.startswith("__future__.")}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING:`: what only a type checker reads makes no arrow."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


@cache
def imported(module: str) -> set[str]:
    file = FILES[module]
    return imports_of(file.read_text(), module, is_package=file.name == "__init__.py")


def ours(name: str) -> str | None:
    """The module of ours that an imported name is, or is in."""
    return name if name in FILES else next((base for base in [name.rpartition(".")[0]] if base in FILES), None)


@cache
def rows_of(module: str) -> list[int]:
    """The layers that name this module."""
    return [number for number, row in enumerate(LAYERS) if module in row]


def door_of(name: str) -> str | None:
    """The row of the doors that guards an imported name: a private name of pykka has a door of its own."""
    package, *rest = name.split(".")
    if f"{package}._" in DOORS and any(part.startswith("_") for part in rest):
        return f"{package}._"
    return package if package in DOORS else None


def test_every_module_has_one_place_in_the_table() -> None:
    """A module that is in no row, or in two, has nobody who thought about it."""
    places = {module: rows_of(module) for module in FILES}
    assert {module: rows for module, rows in places.items() if len(rows) != 1} == {}


def test_the_table_names_nothing_that_is_gone() -> None:
    """The table is of today."""
    assert [module for row in LAYERS for module in row if module not in FILES] == []


def test_arrows_point_at_rows_above() -> None:
    """A module imports what stands in the rows above its own, and nothing beside or below it."""
    row = {module: max(rows_of(module), default=0) for module in FILES}
    arrows = [(module, target) for module in FILES for name in imported(module) if (target := ours(name)) is not None]
    assert sorted({(module, target) for module, target in arrows if row[target] >= row[module]}) == []


def test_third_parties_come_in_by_their_door() -> None:
    """What is swapped, mocked or measured one day is imported in one place; another imports what wraps it."""
    guarded = [(module, door) for module in FILES for name in imported(module) if (door := door_of(name)) is not None]
    assert sorted({pair for pair in guarded if not any(fnmatchcase(pair[0], word) for word in DOORS[pair[1]])}) == []


def test_the_gateway_uses_the_front_door_of_actors() -> None:
    """What the runtime is made of can change without the service."""
    allowed = [name for row in block("front-door") for name in row]
    used = {
        (module, target)
        for module in FILES
        if module.startswith("gateway")
        for name in imported(module)
        if (target := ours(name)) is not None and target.startswith("actors")
    }
    assert sorted(pair for pair in used if not any(fnmatchcase(pair[1], word) for word in allowed)) == []


def test_no_test_module_is_imported_by_another() -> None:
    """What tests share stands in `tests/support` or a conftest: then a test moves, and no other one breaks."""
    found = {
        f"{file.relative_to(ROOT)}: {line}"
        for file in (ROOT / "tests").rglob("*.py")
        for line in re.findall(r"^from tests\.(?:\w+\.)*test_\w+ import", file.read_text(), re.MULTILINE)
    }
    assert sorted(found) == []


def test_a_planted_import_is_seen() -> None:
    """The reader finds imports in functions and relative ones, and leaves out what only a type checker reads."""
    source = (
        "from __future__ import annotations\nimport time\nfrom . import wire_json\nfrom ..actors import x\n"
        "if TYPE_CHECKING:\n    from .node import Node\n"
        "def late():\n    from .web.server import WebServer\n"
    )
    assert imports_of(source, "gateway.topic") == {
        "time", "gateway.wire_json", "actors.x", "gateway.web.server.WebServer",
    }  # fmt: skip
    assert imports_of("from .app import Gateway", "gateway", is_package=True) == {"gateway.app.Gateway"}


def test_every_dependency_has_a_reason() -> None:
    """Whoever updates a dependency finds out why it is there."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    required = settings["options"]["install_requires"] + settings["options.extras_require"]["fast"]
    names = re.findall(r"^([A-Za-z][\w-]*)", required, re.MULTILINE)
    reasons = set(re.findall(r"^\| `([\w-]+)`", PAGE, re.MULTILINE))
    assert [name for name in names if name not in reasons] == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "THREAT_MODEL.md"])
def test_what_a_page_names_exists(page: str) -> None:
    """Tests and files that our pages point at are there."""
    text = (ROOT / page).read_text()
    code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py") if ".cache" not in file.parts)
    tests = {name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in code}
    paths = set(re.findall(r"`((?:actors|gateway|tests|examples|bench)/[\w./-]*)`", text))
    links = {target for target in re.findall(r"\]\(([^)#:]+)\)", text) if ":" not in target}
    gone = {path for path in paths | links if not (ROOT / path).exists()}
    assert (tests, gone) == (set(), set())
