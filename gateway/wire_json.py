"""JSON on the wire: the one place that knows how values become bytes and back."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from .reasons import InvalidJSON

Raw = msgspec.Raw

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
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise InvalidJSON(str(error), shown, 0) from None
    except RecursionError:
        raise InvalidJSON("nested too deeply", "", 0) from None


def is_finite(value: object) -> bool:
    """Whether no NaN or Infinity hides in it; msgspec would write those as null, which is another value."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(is_finite(part) for part in value.values())
    if isinstance(value, list | tuple):
        return all(is_finite(part) for part in value)
    return True
