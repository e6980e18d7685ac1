"""What a program that serves begins with: its settings from all sources, its tree as planned, its letters if wrong."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from actors.config.config import ConfigError

from .sources import with_origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.plan.blueprint import Blueprint

    from .sources import Loaded

DEFAULT_FILE = "hubbub.toml"

BAD_INPUT = 2
"""The exit code for what the person who called can mend; the same that click uses for a wrong flag."""


def default_file() -> Path | None:
    """Returns `hubbub.toml` if the working directory has one: who wrote it does not expect to be ignored."""
    file = Path(DEFAULT_FILE)
    return file if file.exists() else None


def planned(loaded: Loaded) -> Blueprint:
    """Plans the tree, so that whatever is wrong with it is a letter and not a failed start. Raises ConfigError."""
    from .parts import plan_tree

    try:
        return plan_tree(loaded.settings)
    except ConfigError as error:
        raise with_origin(error, loaded.origins) from None


def end_with(letters: Iterable[Exception]) -> NoReturn:
    """Writes them to standard error, if that takes them, and ends the program: there is nothing to be served."""
    with suppress(OSError):
        sys.stderr.write("".join(f"{letter}\n" for letter in letters))
    sys.exit(BAD_INPUT)
