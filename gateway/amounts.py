"""
Numbers, truth values and words that app code gives, as validators of attrs: what cannot be meant is refused by letter.

In code a time is a number of seconds; texts such as "1h" are for files.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from actors.config.config import ConfigError, shown
from actors.config.units import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    import attrs

    Validator = Callable[[Any, attrs.Attribute[Any], Any], None]


class BadAmount(ConfigError, ValueError):
    """A value that a class of settings does not take. From a file it is one letter more about that file."""

    def __init__(self, owner: str, path: str, problem: str, hint: str) -> None:
        super().__init__(path, problem, hint)
        self.owner = owner

    def __str__(self) -> str:
        return f"cannot read {self.owner}.{self.path}: {self.problem}; {self.hint}"


def whole(least: int) -> Validator:
    """Whole numbers from `least` on; True is none."""

    def validate(made: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if type(value) is not int:
            raise _bad(made, field, f"{shown(value)} is no whole number", f"write one from {least} on")
        if value < least:
            raise _bad(made, field, f"{value} is less than {least}", f"write a whole number from {least} on")

    return validate


def seconds(made: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """A validator: finite seconds above 0."""
    if isinstance(value, str):
        raise _bad(made, field, f"{shown(value)} is a text", f"write a number of seconds{seconds_meant(value)}")
    if not is_time(value):
        raise _bad(made, field, f"{shown(value)} is refused", "write a number of seconds above 0")


def truth(made: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """A validator: a bool."""
    if not isinstance(value, bool):
        raise _bad(made, field, f"{shown(value)} is refused", "write True or False")


def check_flag(name: str, value: object) -> None:
    """Raises TypeError for what is no bool: any other text counts as true, "no" and "false" among them."""
    if value is not True and value is not False:
        raise TypeError(f"could not use {name}={value!r}: it is no bool; write True or False")


def choice(*words: str) -> Validator:
    """One of a few words."""

    def validate(made: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value not in words:
            said = ", ".join(map(shown, words))
            raise _bad(made, field, f"{shown(value)} is no choice here", f"write one of {said}")

    return validate


def is_time(value: object) -> bool:
    """Whether it is seconds, finite and above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def seconds_meant(text: str) -> str:
    """What to write in place of a duration as files have it, `": 3600.0"`; empty for any other text."""
    try:
        return f": {duration(text)}"
    except ValueError:
        return ""


def _bad(made: Any, field: attrs.Attribute[Any], problem: str, hint: str) -> BadAmount:
    return BadAmount(type(made).__name__, field.name, problem, hint)
