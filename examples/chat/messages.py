"""
Everything that is said on the socket, as classes: a message that does not fit is answered before a handler sees it.

The imperative ones come from people, and their room decides. The others come from rooms alone.
"""

from __future__ import annotations

import attrs
from attrs.validators import matches_re, max_len

from gateway import message

MAX_TEXT = 1_000
"""Characters of one message: a chat, not a mailing list."""


def is_sayable(_: object, field: attrs.Attribute[str], value: str) -> None:
    """What is raised is what the client is told; the quoted name lets its answer name the field."""
    if not 0 < len(value.strip()) <= len(value) <= MAX_TEXT:
        raise ValueError(f"'{field.name}' must have 1 to {MAX_TEXT} characters that are not all blank")


# --- from people


@message
class Say:
    text: str = attrs.field(validator=is_sayable)


@message
class Typing:
    """Sent by a client at most every few seconds while somebody types."""


@message
class PutOut:
    """An admin's: everybody called `user` leaves the room, and may not come back for a minute."""

    user: str
    reason: str = attrs.field(default="", validator=max_len(80))


@message
class OpenRoom:
    name: str = attrs.field(validator=matches_re(r"[a-z0-9][a-z0-9-]{0,29}"))


# --- from rooms


@message
class Said:
    user: str
    text: str
    is_act: bool = False
    """`/me waves` is the act "waves" of its user."""


@message
class IsTyping:
    user: str


@message
class WasPutOut:
    user: str
    by: str
    reason: str


@message
class RoomOpened:
    name: str


@message
class RoomMoved:
    """Something was said there."""

    name: str
    offset: int
    epoch: str


@attrs.frozen(kw_only=True)
class RoomShown:
    """One line of the list that who joins the lobby is answered with."""

    name: str
    offset: int
    epoch: str
