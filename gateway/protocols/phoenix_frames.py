"""
The frames of Phoenix's V2 serializer, read and written: text arrays of five elements, and binary ones.

    text    [join_ref, ref, topic, event, payload]
    binary  from clients   00 | sizes of join_ref ref topic event | join_ref ref topic event | data
            to clients     00 | sizes of join_ref topic event     | join_ref topic event     | data     to one member
                           01 | sizes of join_ref ref topic status | join_ref ref topic status | data   a reply
                           02 | sizes of topic event              | topic event              | data     to all

Rules: a size is one byte, of UTF-8. JSON is compact, raw UTF-8, and exactly five elements: a Java client cuts a frame
at its first four commas. Payloads are put in and taken out as the bytes they are (phoenix 1.8.16, `serializer.js`).
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

import attrs
import msgspec

from .. import wire_json
from ..sockets.frames import binary_frame, text_frame

if TYPE_CHECKING:
    from ..messages.publications import Kind

Ref = str | int | None
"""What a client counts its frames and joins with; goes back as it came. Phoenix's own clients send strings."""

MAX_NAME_BYTES = 255
"""Of a topic, an event, a ref: what one byte can say."""

JOIN: Final = "phx_join"
LEAVE: Final = "phx_leave"
CLOSE: Final = "phx_close"
ERROR: Final = "phx_error"
REPLY: Final = "phx_reply"

_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_HEADER_BYTES = 5


@attrs.frozen(eq=False)
class Message:
    """One frame of a client."""

    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: bytes
    kind: Kind


@attrs.frozen(eq=False)
class Said:
    """What an answer repeats of the message it answers; the `ref` of a `Reply`."""

    join_ref: Ref = None
    ref: Ref = None
    meta: bool = False
    """Whether this member's payloads say their position."""
    asked: bool = False
    """Whether the answer to its join says the position of the topic."""


class _Array(msgspec.Struct, array_like=True):
    """A text frame; elements behind the fifth are ignored, as Phoenix does."""

    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: msgspec.Raw


_arrays = msgspec.json.Decoder(_Array)


def read(data: str | bytes) -> Message | None:
    """The message in a text or binary frame; None: it is none, and Phoenix would end the connection."""
    message = _read_text(data) if isinstance(data, str) else _read_binary(data)
    if message is None or not (_fits(message.join_ref) and _fits(message.ref)):
        return None
    return message


def _read_text(text: str) -> Message | None:
    try:
        array = _arrays.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return Message(array.join_ref, array.ref, array.topic, array.event, bytes(array.payload), "json")


def _read_binary(data: bytes) -> Message | None:
    if len(data) < _HEADER_BYTES or data[0] != _PUSH:
        return None
    ends = list(accumulate(data[1:_HEADER_BYTES], initial=_HEADER_BYTES))
    if len(data) < ends[-1]:
        return None
    try:
        join_ref, ref, topic, event = (data[start:end].decode() for start, end in pairwise(ends))
    except UnicodeDecodeError:
        return None
    # an empty text is how null is written here
    return Message(join_ref or None, ref or None, topic, event, data[ends[-1] :], "binary")


def _fits(ref: Ref) -> bool:
    """Whether it could go back in a binary frame too; clients count, so that theirs have a few digits."""
    return ref is None or len(str(ref).encode()) <= MAX_NAME_BYTES


def text(join_ref: Ref, ref: Ref, topic: str, event: str, payload: bytes) -> bytes:
    """Frames one message; `payload` is an encoded object."""
    encode = wire_json.encode
    return text_frame(
        b"[%b,%b,%b,%b,%b]" % (encode(join_ref), encode(ref), encode(topic), encode(event), payload)
    )  # fmt: skip


def reply(join_ref: Ref, ref: Ref, topic: str, status: str, response: bytes) -> bytes:
    """Frames the answer to the message with that ref; `response` is an encoded object."""
    payload = b'{"status":%b,"response":%b}' % (wire_json.encode(status), response)
    return text(join_ref, ref, topic, REPLY, payload)


def binary_reply(join_ref: Ref, ref: Ref, topic: str, status: str, data: bytes) -> bytes | None:
    """As `reply`, with bytes for a response."""
    return _binary(_REPLY, (_plain(join_ref), _plain(ref), topic, status), data)


def binary_push(join_ref: Ref, topic: str, event: str, data: bytes) -> bytes | None:
    """Frames bytes for one member; None: a name is too long for that."""
    return _binary(_PUSH, (_plain(join_ref), topic, event), data)


def binary_broadcast(topic: str, event: str, data: bytes) -> bytes | None:
    """Frames bytes for every member; None: a name is too long for that."""
    return _binary(_BROADCAST, (topic, event), data)


def _plain(ref: Ref) -> str:
    return "" if ref is None else str(ref)


def _binary(kind: int, names: tuple[str, ...], data: bytes) -> bytes | None:
    encoded = [name.encode() for name in names]
    sizes = [len(name) for name in encoded]
    if max(sizes) > MAX_NAME_BYTES:
        return None
    return binary_frame(bytes((kind, *sizes)) + b"".join(encoded) + data)
