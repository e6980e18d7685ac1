"""What the wires that speak JSON write and read alike: payloads, refusals, positions."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

import msgspec

from .. import wire_json
from ..engines.stream import MAX_OFFSET, Position

if TYPE_CHECKING:
    from ..messages.publications import Kind
    from ..reasons import Refused

Shape = dict[str, object]

DEFAULT_HISTORY_LIMIT = 50
"""Publications in an answer about history that was asked for without a limit: a screenful and its scrollback."""


class Since(msgspec.Struct):
    """A position as clients write it; a negative offset is the beginning, an epoch that is missing any."""

    offset: Annotated[int, msgspec.Meta(le=MAX_OFFSET)]
    epoch: str | None = None

    def position(self) -> Position:
        return Position(max(0, self.offset), self.epoch or "")


def limit_of(asked: int | None) -> int:
    """Publications at most; what is less than none asks for the position alone, as 0 does."""
    return DEFAULT_HISTORY_LIMIT if asked is None else max(0, asked)


def value_of(payload: bytes, kind: Kind) -> object:
    """As it is if it is JSON; a text becomes a string, bytes an object, as JSON has no word for them."""
    if kind == "json":
        return wire_json.Raw(payload)
    return payload.decode() if kind == "text" else in_base64(payload)


def in_base64(data: bytes) -> Shape:
    return {"base64": base64.b64encode(data).decode()}


def refusal(error: Refused) -> Shape:
    """The answer to who was refused, on the native and the raw wire; its details stand beside what is always there."""
    shown = {"code": error.code, "reason": error.reason, "message": error.message, "temporary": error.temporary}
    return {"status": "error", "error": {**shown, **error.details}}
