"""Durations and sizes as people write them, and back: `"30s"`, `"64KiB"`. Exact both ways."""

from __future__ import annotations

import decimal
import math
import re
from typing import Annotated

Duration = Annotated[float, "duration"]
"""Float seconds; in a file also text such as `"30s"`."""
Size = Annotated[int, "size"]
"""Whole bytes; in a file also text such as `"64KiB"`."""

DURATION_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
SIZE_UNITS = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "B": 1}

_DURATION = re.compile(r"(\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,3})?)(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,20})(B|KiB|MiB|GiB|TiB)", re.ASCII)


def duration(value: object) -> float:
    """
    Returns float seconds for `"1ms"`, `"30s"`, `"2m"`, `"24h"`, `"1d"`, or a number of seconds.

    Raises:
        ValueError: Anything else: no unit, two units, a negative or infinite number, a bool.
    """
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{value!r} is no duration")
    return seconds + 0.0  # -0.0 would print as "-0s"


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return _seconds_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an int of more than 308 digits
        return None


def _seconds_of_text(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    number, unit = decimal.Decimal(found[1]), found[2]
    return float(number / 1_000 if unit == "ms" else number * DURATION_UNITS[unit])  # Decimal: 1.1 m is 66 s exactly


def format_duration(seconds: float) -> str:
    """Returns the shortest text that `duration` reads back as exactly `seconds`, which must be finite and >= 0."""
    for unit, length in DURATION_UNITS.items():
        if seconds and seconds % length == 0 and seconds < 1e9 * length:
            return f"{int(seconds / length)}{unit}"
    if 0 < seconds < 1 and round(seconds * 1_000) / 1_000 == seconds:
        return f"{round(seconds * 1_000)}ms"
    return f"{seconds!r}s" if seconds else "0s"


def size(value: object) -> int:
    """
    Returns whole bytes for `"512B"`, `"64KiB"`, `"1MiB"`, `"2GiB"`, `"1TiB"`, or a whole number of bytes.

    Raises:
        ValueError: Anything else. `"64KB"` too: it means 64,000 to some and 65,536 to others.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no size")
    return int(found[1]) * SIZE_UNITS[found[2]]


def format_size(count: int) -> str:
    """Returns the shortest text that `size` reads back as exactly `count` bytes, which must be >= 0."""
    for unit, length in SIZE_UNITS.items():
        if count and count % length == 0:
            return f"{count // length}{unit}"
    return "0B"
