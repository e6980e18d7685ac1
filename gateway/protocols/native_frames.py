"""
What a client of the native wire writes: one JSON object with an `action`.

What is skipped here as raw JSON is not looked into, so bytes have to be UTF-8 before they are decoded: they would reach
every other member as they are.
"""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import msgspec

from ..messages.commands import MAX_SESSION
from ..messages.publications import DEFAULT_EVENT, MAX_KEY
from .json_shapes import Since

_ABSENT = msgspec.Raw()

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
"""What `decode` raises for a frame that is no JSON, or whose keys have wrong types."""


class Frame(msgspec.Struct):
    """Every key of every action; what is not known is ignored. Raw JSON that is absent is empty."""

    action: str = ""
    type: str = ""
    ref: str | int | float | None = None
    room: str | None = None
    channel: str | None = None
    event: str = DEFAULT_EVENT
    payload: msgspec.Raw = _ABSENT
    info: msgspec.Raw = _ABSENT
    since: Since | None = None
    presence: bool = False
    session: Annotated[str, msgspec.Meta(max_length=MAX_SESSION)] | None = None
    echo: bool = True
    id: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | None = None
    limit: int | None = None
    reverse: bool = False
    user: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT
    token: str | None = None
    data: msgspec.Raw = _ABSENT


class _Head(msgspec.Struct):
    action: str = ""
    ref: Any = None


@attrs.frozen
class Unread:
    """What an error needs to be answered, of a frame that could not be decoded; empty if not even that is there."""

    action: str = ""
    ref: str | int | float | None = None


decode = msgspec.json.Decoder(Frame).decode
"""A frame; raises what is `UNREADABLE`."""

_decode_head = msgspec.json.Decoder(_Head).decode


def unread(data: str | bytes) -> Unread:
    """What can be read of a frame whose other keys are wrong."""
    try:
        head = _decode_head(data)
    except UNREADABLE:
        return Unread()
    is_ref = isinstance(head.ref, str | int | float) and not isinstance(head.ref, bool)
    return Unread(head.action, head.ref if is_ref else None)
