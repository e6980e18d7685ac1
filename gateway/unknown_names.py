"""What is said of a name that means nothing here: it may be one letter off, so the nearest that does is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.config.config import nearest

from .reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 64
"""Characters of a name that are looked at and repeated: whoever sends a megabyte of it does not get it back."""


def unknown(said: str, name: str, known: Iterable[str]) -> str:
    """`unknown("there is no action", "ehco", actions)`: there is no action 'ehco'; did you mean 'echo'?"""
    shown = name[:SHOWN]
    hint = nearest(shown, known)
    return f"{said} {shown!r}" + (f"; did you mean {hint!r}?" if hint else "")


def unknown_action(said: str, name: str, known: Iterable[str]) -> Refused:
    """The same as a refusal, to be raised or answered."""
    return Refused("unknown_action", unknown(said, name, known))
