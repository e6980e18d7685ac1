"""JSON on the wire: the one place that knows how values become bytes and back."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Iterable, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from .reasons import InvalidJSON, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

Raw = msgspec.Raw

MAX_DEPTH = 100
"""Levels of lists and objects in what a client sends. Python code that walks a value stops at 1,000 frames, and every
part of it, ours and the application's, must be able to walk what was let in."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""One that never ends goes to the end of the text: each quote begins a match, so that no byte is looked at twice. Else
64 KiB of quotes behind backslashes, which are looked through from each of them, would hold up everybody for 20 s."""
_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS = {ord(one): 1 if one in "[{" else -1 for one in "[]{}"}
MAX_PLACE = 100
"""Characters of the place of a part, in the letter about it: a letter stays one that can be read."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: object, act: str = "write as JSON") -> bytes:
    """
    Compact JSON of anything msgspec knows: builtins, attrs classes, dataclasses, dates, and `Raw` for what is encoded.

    Args:
        act: What the letter says could not be done.

    Raises:
        TypeError: The value has a part that JSON cannot carry; says where, of which type it is, and what to do.
        UnicodeEncodeError: A text in it has half of a surrogate pair.
    """
    try:
        return _encoder.encode(value)
    except TypeError as error:
        raise TypeError(f"could not {act}: {_misfit(value) or error}") from None


def check_refusal(error: Refused) -> None:
    """
    What app code has put into a refusal goes out as it is, on any wire.

    Raises:
        TypeError: A detail of it is nothing that JSON can carry. ValueError: A text in it is no valid Unicode.
    """
    encode((error.reason, error.message, error.details), f"refuse with {error.reason!r}")


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


def is_unicode(text: str) -> bool:
    """Whether a frame can carry it: not half of a surrogate pair, which Python has in names of files, and JSON may."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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


# --- what does not fit


def _misfit(value: object) -> str | None:
    """The first part that msgspec stumbles over. A list of what is left in place of recursion: it may be deep."""
    left: list[tuple[str, object]] = [("", value)]
    while left:
        place, part = left.pop()
        letter = _wrong_with(place, part)
        if letter is not None:
            return letter
        left.extend(reversed(list(_parts_of(place, part))))
    return None


def _wrong_with(place: str, part: object) -> str | None:
    """What is said of a part that is wrong itself, whatever its own parts are."""
    shown = place.removeprefix(".")
    at = f"the value at {shown[:MAX_PLACE]}{'...' * (len(shown) > MAX_PLACE)}" if shown else "the value"
    if isinstance(part, dict):
        wrong = [key for key in part if not _fits({key: None})]
        return f"{at} has a key of type {type(wrong[0]).__name__}, which JSON has not; use str" if wrong else None
    if _is_whole(part) or _fits(part):
        return None
    return f"{at} is of type {type(part).__name__}, which JSON has not; {_advice(part)}"


def _is_whole(part: object) -> bool:
    """Whether it is written as JSON if its parts can be."""
    return isinstance(part, list | tuple | set | frozenset) or bool(_fields_of(type(part)))


def _parts_of(place: str, part: object) -> Iterator[tuple[str, object]]:
    """In the order in which they are written. Keys may be data: those that are no plain names are not shown."""
    for step, item in _steps_of(part):
        yield (place + step if len(place) <= MAX_PLACE else place), item


def _steps_of(part: object) -> Iterator[tuple[str, object]]:
    if isinstance(part, dict):
        for key, item in part.items():
            yield f".{key}" if isinstance(key, str) and key.isidentifier() else "[...]", item
    elif isinstance(part, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(part))
    elif isinstance(part, set | frozenset):
        yield from (("[...]", item) for item in part)
    else:
        yield from ((f".{name}", getattr(part, name, None)) for name in _fields_of(type(part)))


def _fits(value: object) -> bool:
    try:
        _encoder.encode(value)
    except TypeError:
        return False
    return True


def _advice(part: object) -> str:
    if isinstance(part, Awaitable):
        return "await it first"
    if isinstance(part, Iterable):
        return f"send {'dict' if isinstance(part, Mapping) else 'list'}(...) of it"
    return "send text, a number, a list, a dict or a message"
