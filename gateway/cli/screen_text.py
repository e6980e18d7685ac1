"""Pure: texts and numbers as a screen takes them: one line, so many columns, no command for the terminal among them."""

from __future__ import annotations

from unicodedata import east_asian_width


def printable(text: str) -> str:
    """Control characters, and those that turn the direction of writing, as question marks."""
    return "".join(one if one.isprintable() else "?" for one in text)


def cells(text: str) -> int:
    """Columns that a terminal gives to `text`: two for each wide character."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def fit(text: str, width: int) -> str:
    """The text, or as much of its beginning as `width` columns hold, with a mark that there is more."""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return f"{text}~" if width > 0 else ""


def number(value: int) -> str:
    """At most seven characters: `999,999`, `12.3M`."""
    if abs(value) < 1_000_000:
        return f"{value:,}"
    return f"{value / 1e6:.1f}M" if abs(value) < 1_000_000_000 else f"{value / 1e9:.1f}G"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m05s`, `2h03m`, `5d04h`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    whole = int(seconds)
    for size, name, rest, rest_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{name}{whole % size // rest:02d}{rest_name}"
    return f"{whole}s"


def plural(value: int, noun: str) -> str:
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"
