"""
What a client of Phoenix reads of a publication: its event, and its payload, which is always an object or bytes.

Payloads are not decoded on their way through: an object is put into the frame as it came, what is none is wrapped. A
member that joined with `"gw":{"meta":true}` finds the position in the payload, under the key `gw`. For such a member
the key is ours alone: what somebody else wrote there would move its position.

Bytes carry no position: who recovers gets those since the last object again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .. import wire_json
from .json_shapes import in_base64
from .phoenix_frames import Ref, binary_broadcast, binary_push, text

if TYPE_CHECKING:
    from ..engines.stream import Position
    from ..messages.publications import Publication

KEY = "gw"
"""The one key of join parameters, replies and payloads that is the gateway's."""

CONTROL_EVENTS = ("phx_", "chan_reply_")
"""How events begin that phoenix.js takes for the server's own: it closes its channel, rejoins, or takes a payload for
the answer to a push (`channel.js` 1.8.16, `CHANNEL_EVENTS` and `replyEventName`)."""

PRESENCE_EVENTS = ("presence_state", "presence_diff")
"""What `Presence` of phoenix.js listens to; an application may say them, its clients may not."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def push(publication: Publication, position: Position | None, join_ref: Ref = None, *, meta: bool = False) -> bytes:
    """
    The publication as a whole frame.

    Args:
        position: None: it is ephemeral.
        join_ref: Of the one member it goes to; None: it goes to all.
        meta: Whether the payload says its position.
    """
    topic, event = publication.topic, shown_event(publication)
    if publication.kind == "binary":
        data = publication.payload
        whole = binary_broadcast(topic, event, data) if join_ref is None else binary_push(join_ref, topic, event, data)
        if whole is not None:
            return whole
    shown = payload_object(publication)
    if meta:
        shown = without_key(shown) if position is None else with_key(shown, wire_json.encode(place(position)))
    return text(join_ref, None, topic, event, shown)


def is_reserved(event: str, *, by_client: bool) -> bool:
    """Whether an event with that name would be taken for something that only the server says."""
    return event.startswith(CONTROL_EVENTS) or (by_client and event in PRESENCE_EVENTS)


def shown_event(publication: Publication) -> str:
    """
    The event's name, behind an underscore if it is reserved.

    Clients of other wires may publish any event: one called `phx_close` must not close the channels of everybody here.
    """
    event = publication.event
    return f"_{event}" if is_reserved(event, by_client=publication.sender is not None) else event


def payload_object(publication: Publication) -> bytes:
    """The payload as an encoded object: as it is, wrapped in `data`, or, if it is bytes, in `base64`."""
    payload = publication.payload
    if publication.kind == "json":
        return as_object(payload, "data")
    if publication.kind == "text":
        return wire_json.encode({"data": payload.decode()})
    return wire_json.encode(in_base64(payload))


def as_object(encoded: bytes, key: str) -> bytes:
    """Encoded JSON that is an object: itself, or an object with it under `key`."""
    return encoded if encoded.lstrip()[:1] == b"{" else b'{"%b":%b}' % (key.encode(), encoded)


def place(position: Position) -> dict[str, object]:
    return {"offset": position.offset, "epoch": position.epoch}


def with_key(encoded: bytes, ours: bytes) -> bytes:
    """The encoded object with our key in it, last, in place of one that was there."""
    encoded = without_key(encoded)
    if b'"' not in encoded:  # an object without a key
        return b'{"gw":%b}' % ours
    return b'%b,"gw":%b}' % (encoded.rstrip()[:-1], ours)


def without_key(encoded: bytes) -> bytes:
    """The encoded object without our key, also if it was written with escapes; the other values stay as they are."""
    if b'gw"' not in encoded and b"\\u" not in encoded:
        return encoded
    values = _objects.decode(encoded)
    if KEY not in values:
        return encoded
    del values[KEY]
    return wire_json.encode(values)
