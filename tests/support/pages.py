"""A page of documentation as tests see it: its fenced blocks, the files it shows, the commands and what they print."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

BOUND = 30
"""Seconds for a program to say what it should; a slow machine takes two."""
ANYTHING = "…"
"""Where a page shows this, any text will do."""

_FENCED = re.compile(r"^```(\w+) ?(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"(?:# |// |/\* |<!-- )([\w./]+\.(?:py|toml|html|js|css))(?: \*/| -->)?\n")


@attrs.frozen
class Command:
    """What one types, and what is printed."""

    line: str
    output: str

    @property
    def serves(self) -> bool:
        """Whether it runs until it is told to end."""
        return self.line.startswith("hubbub serve")


@attrs.frozen
class Block:
    """A fenced block: `kind` is its language, `about` what stands behind that: for a console the server it needs."""

    kind: str
    about: str
    body: str

    @property
    def file(self) -> str | None:
        """The name in its first line."""
        found = _NAMED.match(self.body)
        return None if found is None else found[1]

    @property
    def commands(self) -> list[Command]:
        """Of a console."""
        parts = re.split(r"^\$ ", self.body, flags=re.MULTILINE)[1:]
        return [Command(line, output) for line, _, output in (part.partition("\n") for part in parts)]


@attrs.frozen
class Page:
    name: str
    text: str

    def blocks(self, kind: str) -> list[Block]:
        return [block for block in self._all() if block.kind == kind]

    @property
    def files(self) -> dict[str, str]:
        return {block.file: block.body for block in self._all() if block.file is not None}

    def write_files(self, directory: Path, *, settings: bool) -> None:
        """
        Args:
            settings: Whether TOML files, too: a `hubbub serve` reads the one it finds.
        """
        for name, body in self.files.items():
            if settings or not name.endswith(".toml"):
                (directory / name).parent.mkdir(exist_ok=True)
                (directory / name).write_text(body)

    def _all(self) -> list[Block]:
        return [Block(*found) for found in _FENCED.findall(self.text)]


@attrs.frozen
class Served:
    """A running `hubbub serve`: what it greeted with, and where it is."""

    greeting: str
    url: str
    admin: str

    def at(self, path: str) -> str:
        """The address of a WebSocket."""
        return self.url.replace("http", "ws", 1) + path

    def here(self, line: str) -> str:
        """A command of a page, with our addresses in place of the default ones."""
        return line.replace("http://127.0.0.1:8000", self.url).replace("http://127.0.0.1:8001", self.admin)


@contextmanager
def serving(line: str, directory: Path) -> Iterator[Served]:
    """Runs `[NAME=value] hubbub serve ...` on free ports. It must end well when it is told to."""
    words = shlex.split(line)
    variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    process = subprocess.Popen(
        [*words[len(variables) :], "--port", "0", "--log-format", "console"],
        cwd=directory, env={**environment(), **variables}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    too_late = threading.Timer(BOUND, process.kill)
    too_late.start()
    try:
        said = list(_until_greeted(process.stderr))
        too_late.cancel()
        yield _served(said)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=BOUND)
        assert process.returncode == 0
    finally:
        too_late.cancel()
        process.kill()
        process.communicate()


def _served(said: list[str]) -> Served:
    greeting = said[-1]
    found = re.search(r" is listening at (\S+): .* at (\S+)$", greeting)
    assert found is not None, "".join(said)
    return Served(greeting, found[1], found[2])


def _until_greeted(lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the greeting; all of them if there is none."""
    for line in lines:
        yield line
        if " is listening at " in line:
            return


def environment() -> dict[str, str]:
    """As in a shell where the virtual environment is active, and nothing of ours or of pytest's is configured."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "PYTEST_", "COV_"))}
    return {**plain, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{plain['PATH']}"}


def is_like(found: str, shown: str) -> bool:
    """Whether it is what the page shows, to the letter but for what the page leaves open."""
    return re.fullmatch(".*?".join(map(re.escape, shown.split(ANYTHING))), found) is not None
