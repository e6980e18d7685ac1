"""JSON on the wire: the one place that knows how values become bytes and back."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from .reasons import InvalidJSON

if TYPE_CHECKING:
    from collections.abc import Iterable

Raw = msgspec.Raw

MAX_DEPTH = 100
"""Levels of lists and objects in what a client sends. Python code that walks a value stops at 1,000 frames, and every
part of it, ours and the application's, must be able to walk what was let in."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS = {ord(one): 1 if one in "[{" else -1 for one in "[]{}"}
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: object) -> bytes:
    """
    Compact JSON of anything msgspec knows: builtins, attrs classes, dataclasses, dates, and `Raw` for what is encoded.

    Raises:
        TypeError: The value has a part that JSON cannot carry; the message names its type.
    """
    return _encoder.encode(value)


def decode(text: str | bytes) -> Any:
    """
    The value of a JSON text. NaN and Infinity are no JSON and are refused.

    Raises:
        InvalidJSON: Not JSON; says where.
    """
    if is_too_deep(text):
        raise InvalidJSON("nested too deeply", "", 0)
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise InvalidJSON(str(error), shown, 0) from None
    except RecursionError:
        raise InvalidJSON("nested too deeply", "", 0) from None


def is_too_deep(text: str | bytes) -> bool:
    """Whether it nests deeper than `MAX_DEPTH`; two counts for almost every text (64 KiB of brackets take 4 ms)."""
    if isinstance(text, str):
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return False
        text = text.encode("utf-8", "replace")
    elif text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def is_finite(value: object) -> bool:
    """Whether no NaN or Infinity hides in it; msgspec would write those as null, which is another value."""
    if isinstance(value, str | bytes | int | None):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(is_finite(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_finite(part) for part in value)
    if isinstance(value, Decimal):
        return value.is_finite()
    return all(is_finite(getattr(value, name, None)) for name in _fields_of(type(value)))


def _fields_of(kind: Any) -> Iterable[str]:
    """The fields of a struct, a dataclass or an attrs class; of anything else none."""
    if hasattr(kind, "__struct_fields__"):
        return kind.__struct_fields__  # type: ignore[no-any-return]
    if hasattr(kind, "__attrs_attrs__"):
        return [field.name for field in kind.__attrs_attrs__]
    return getattr(kind, "__dataclass_fields__", ())
