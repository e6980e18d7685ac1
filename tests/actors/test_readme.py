"""The runtime's page and its two companions are executed: programs, their output, the defaults, the tests they name."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

import actors.testkit
from actors import events

ROOT = Path(__file__).parent.parent.parent
PAGES = {name: (ROOT / name).read_text() for name in (
    "actors/README.md", "docs/coming-from-pykka.md", "docs/coming-from-akka-or-otp.md",
)}  # fmt: skip
BOUND = 30
"""Seconds for a program to end; a slow machine takes two."""


@attrs.frozen
class Program:
    """A Python block, and the output that is shown below it; None for a file of tests, which pytest runs."""

    place: str
    source: str
    output: str | None


def programs() -> Iterator[Program]:
    blocks = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
    for page, text in PAGES.items():
        for found in blocks.finditer(text):
            line = text[: found.start()].count("\n") + 1
            yield Program(f"{page}:{line}", found[1], found[2])


PROGRAMS = list(programs())

TOOK_LONG = re.compile(r"^Executing <.*> took \d+\.\d+ seconds\n", re.MULTILINE)
"""What asyncio says in development mode of any step above 0.1 s."""


def tables(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table, without their heads."""
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        yield [cell.strip() for cell in row.split(" | ")]


DEFAULTS = [(found[1], row[1]) for row in tables(PAGES["actors/README.md"])
            if (found := re.fullmatch(r"`([a-z][\w.]*\.[A-Z][\w.]*)`", row[0])) is not None]  # fmt: skip

MEANT = "import logging; logging.getLogger('actors').disabled = True"


@pytest.mark.slow
@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.output is not None], ids=lambda one: one.place)
def test_programs_print_what_is_shown_below_them(program: Program) -> None:
    """
    A warning is an error, as in our own tests; that asyncio thinks a slow machine slow is none, nor is what the logger
    `actors` says of failures that are meant.
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", f"{MEANT}\n{program.source}"],
        cwd=ROOT, capture_output=True, text=True, timeout=BOUND, check=False,
    )  # fmt: skip
    assert (done.stdout, TOOK_LONG.sub("", done.stderr), done.returncode) == (program.output, "", 0)


@pytest.mark.slow
@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.output is None], ids=lambda one: one.place)
def test_tests_on_a_page_pass(program: Program, tmp_path: Path) -> None:
    """A block without output is a file of tests that says its name, run with the plugin and nothing else of ours."""
    name = re.match(r"# (test_\w+\.py)\n", program.source)
    assert name is not None, f"{program.place} shows no output and is no file of tests"
    (tmp_path / name[1]).write_text(program.source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=BOUND, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"{program.source.count('def test_')} passed" in done.stdout


def value_of(path: str) -> Any:
    """A module's constant, or the default of a settings class's field, by its path below `actors`."""
    module, _, rest = re.fullmatch(r"([a-z_.]+)(\.)([A-Z].*)", path).groups()  # type: ignore[union-attr]
    owner: Any = importlib.import_module(f"actors.{module}")
    first, _, field = rest.partition(".")
    found = getattr(owner, first)
    if not field:
        return found
    return getattr(attrs.fields(found), field).default if attrs.has(found) else getattr(found, field)


@pytest.mark.parametrize(("path", "shown"), DEFAULTS)
def test_defaults_are_those_of_the_code(path: str, shown: str) -> None:
    """The table is read; a number that was changed in the code must change here."""
    assert value_of(path) == (None if shown == "none" else float(shown.split()[0]))


def test_the_table_of_defaults_is_found() -> None:
    """A table that is not read proves nothing."""
    assert len(DEFAULTS) > 20


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_are_named_exist(page: str) -> None:
    """Who doubts a row can run its test."""
    code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py") if ".cache" not in file.parts)
    named = set(re.findall(r"`(test_\w+)`", PAGES[page]))
    assert {name for name in named if f"def {name}(" not in code} == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Links are relative to the page."""
    targets = [one for one in re.findall(r"\]\(([^)#]+)\)", PAGES[page]) if "://" not in one]
    assert [one for one in targets if not (ROOT / page).parent.joinpath(one).exists()] == []


def test_every_fact_and_every_tool_of_the_testkit_is_mentioned() -> None:
    """The page is the catalogue of what one may subscribe to, and of what a test may use."""
    text = PAGES["actors/README.md"]
    facts = {kind.__name__ for kind in get_args(events.Fact)}
    tools = {"TestProbe", "explore", "crash_on", "fail_start", "hang_on", "delay_each", "assert_conservation"}
    assert tools <= set(actors.testkit.__all__)
    assert {name for name in facts | tools if f"`{name}" not in text and name not in text} == set()
