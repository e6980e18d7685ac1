"""What code says of the settings of topics, each value at its word, as those of a file are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.config.config import ConfigError, shapes_of, shown
from actors.config.converter import strict_converter

from ..engines.stream import History
from .topic import TopicSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


def topic_options(place: str, given: Mapping[str, object]) -> dict[str, Any]:
    """
    Those that were given: None is as if it was not.

    Args:
        place: What a letter calls the call.

    Raises:
        ConfigError: A value is of another type, or out of its range.
    """
    converter = strict_converter()
    shapes = {**shapes_of(TopicSettings), "presence_grace": float}  # in code a time is a number of seconds
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            found[name] = checked_history(value) if name == "history" else converter.structure(value, shapes[name])
        except ConfigError as error:
            if name != "history" and not isinstance(value, str | int | float):  # no file has such a value
                error = ConfigError("", f"it is of type {type(value).__name__}", error.hint)
            raise error.within(name).within(place) from None
    try:
        TopicSettings(**found)
    except ConfigError as error:
        raise error.within(place) from None
    return found


def checked_history(value: object) -> History:
    """Raises ConfigError for anything else."""
    if isinstance(value, History):
        return value
    said = f"{shown(value)} is" if isinstance(value, int | float | str) else f"it is a {type(value).__name__} and"
    size = value if type(value) is int and value >= 0 else 100
    raise ConfigError("", f"{said} no History", f"write History(size={size}, ttl=3600.0)")
