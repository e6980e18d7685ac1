"""That nothing the documents promise is without a test here."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples" / "seeds"

PROMISES = {"a": 11, "b": 11, "c": 9, "d": 6, "e": 9}
"""Rows of each document."""

LATER = {
    "b10": "messages for clients that are away need a store that outlives a process; the memory engine does not",
    "d5": "a page to try endpoints is made from the documentation of messages, which does not exist yet",
}

ROWS = [f"{document}{row}" for document, count in PROMISES.items() for row in range(1, count + 1)]


def rows_with_a_test() -> set[str]:
    """The rows that stand in the names of this directory's tests."""
    found = (re.findall(r"def test_((?:[a-e]\d+_)+)", file.read_text()) for file in HERE.glob("test_*.py"))
    return {row for names in found for name in names for row in name.strip("_").split("_")}


def test_every_promise_has_a_test() -> None:
    """Of each row, but for those that come later."""
    assert [row for row in ROWS if row not in rows_with_a_test() and row not in LATER] == []


def test_what_comes_later_is_not_pretended() -> None:
    """Who makes one of these rows takes it off the list."""
    assert rows_with_a_test() & LATER.keys() == set()
    assert rows_with_a_test() <= set(ROWS)


def test_the_table_of_the_examples_is_complete() -> None:
    """`examples/seeds/README.md` has a line for each row, and every file it names is there; each file is in it."""
    text = (EXAMPLES / "README.md").read_text()
    assert re.findall(r"^\| ([A-E]\d+) \|", text, re.MULTILINE) == [row.upper() for row in ROWS]
    named = set(re.findall(r"`([\w/]+\.(?:py|js|html))`", text))
    files = {str(one.relative_to(EXAMPLES)) for one in EXAMPLES.rglob("*") if one.suffix in (".py", ".js", ".html")}
    assert {one for one in files if not one.endswith("__init__.py")} <= named
    assert {one for one in named if one.startswith(tuple("abcde"))} <= files
