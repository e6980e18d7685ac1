"""What is published: encoded once when it is accepted, framed once per wire and variant, however many read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import attrs

from .. import wire_json
from ..access.identity import Principal
from ..limits.names import check_event_name
from ..quick import quick
from ..reasons import Refused
from .message_class import action_of

if TYPE_CHECKING:
    from ..engines.stream import Position
    from .presence import PresenceDiff

Kind = Literal["json", "text", "binary"]

DEFAULT_EVENT = "message"

MAX_KEY = 128
"""Characters of an idempotency key: three UUIDs. An engine keeps a thousand per topic, for as long as the topic."""

SELF = "\0self"
"""Stands for the publishing connection in `exclude`: a wire does not know its id. No id has a NUL in it."""


def user_key(user: str) -> str:
    """Stands for all connections of a principal in `exclude`."""
    return f"\0user:{user}"


@quick(unsafe_hash=True)
class Sender:
    """The client a publication came from; app code has none."""

    client: str
    user: str
    conn_info: bytes | None = None
    """Encoded JSON about the connection, from its token."""
    info: bytes | None = None
    """Encoded JSON about its membership in this topic."""


@attrs.define(eq=False)
class Publication:
    """One event of a topic. Its payload never changes, and nothing on its way decodes it."""

    topic: str
    payload: bytes
    """Encoded JSON, or the UTF-8 of a text, or plain bytes, as `kind` says."""
    at: float
    """Wall-clock seconds since 1970 when it was accepted."""
    kind: Kind = "json"
    event: str = DEFAULT_EVENT
    sender: Sender | None = None
    exclude: frozenset[str] = frozenset()
    """Connections, and principals as `user_key`, that do not get it, also not from history; their position moves."""
    conflate: str | None = None
    """What it is the latest value of, in topics whose slow readers get only that; None: what its sender last said."""

    @property
    def value(self) -> Any:
        """What was published, for app code: decoded anew at each call; a `str` of a text, bytes of a binary."""
        if self.kind == "json":
            return wire_json.decode(self.payload)
        return self.payload.decode() if self.kind == "text" else self.payload

    @property
    def size_bytes(self) -> int:
        """What it counts against a history's bytes: the payload and what is kept around it (measured: about 200)."""
        return len(self.payload) + len(self.event) + 200


@quick(unsafe_hash=True)
class Delivery:
    """A publication at its place, on its way to members."""

    publication: Publication
    position: Position | None
    """None: ephemeral; it has an order among the others, and no offset."""


@attrs.frozen
class PresenceChange:
    """Who came and went, in order with the publications around it."""

    topic: str
    diff: PresenceDiff
    exclude: frozenset[str] = frozenset()


Item = Delivery | PresenceChange


NOBODY: frozenset[str] = frozenset()
"""Who does not get it, mostly."""

_BYTES = (bytes, bytearray, memoryview)
"""A tuple: a union would be made anew for each question."""


def encode_payload(payload: object) -> tuple[bytes, Kind]:
    """
    Bytes stay bytes, a `str` is a text, everything else becomes JSON.

    Raises:
        TypeError: JSON cannot carry a part of it, NaN and Infinity included; says which part.
    """
    if isinstance(payload, str):
        return payload.encode(), "text"
    if isinstance(payload, _BYTES):
        return bytes(payload), "binary"
    if not wire_json.is_finite(payload):
        raise TypeError("could not encode the payload: it holds NaN or Infinity, which JSON has not; send null")
    return wire_json.encode(payload, "encode the payload"), "json"


def event_named(event: str | None, payload: object) -> str:
    """
    The event under which a payload is published: as given, else the action of a message, else `message`.

    Raises:
        TypeError: It is no text. ValueError: No wire could carry that name.
    """
    if event is DEFAULT_EVENT:  # of most; so it costs them nothing
        return event
    return checked_event(event) if event else action_of(payload) or DEFAULT_EVENT


def checked_event(event: Any) -> str:
    """The name that app code gave an event. Raises as `event_named`."""
    if not isinstance(event, str):
        raise TypeError(f"could not publish an event of the name {event!r}: it is no text; give a str")
    try:
        return check_event_name(event)
    except Refused as error:
        raise ValueError(f"could not publish an event of the name {event!r}: {error.message}") from None


def checked_reason(reason: Any) -> str:
    """
    Why a membership ends, as its client is told.

    Raises:
        TypeError: It is no text. ValueError: It has half of a surrogate pair, which no frame can carry.
    """
    if not isinstance(reason, str):
        raise TypeError(f"could not end a membership with reason {reason!r}: it is no text; give a str")
    if not wire_json.is_unicode(reason):
        words = "it has half of a surrogate pair; give valid Unicode"
        raise ValueError(f"could not end a membership with reason {reason!r}: {words}")
    return reason


def clients(who: object) -> frozenset[str]:
    """What `exclude` takes, as names: a connection or its id, a member, a principal for all its own, or several."""
    if who == ():
        return NOBODY
    if isinstance(who, str):
        return frozenset((who,))
    if isinstance(who, Principal):
        return frozenset((user_key(who.id),))
    found = getattr(who, "id", None)
    if isinstance(found, str):
        return frozenset((found,))
    if isinstance(who, Iterable):
        return frozenset(client for one in who for client in clients(one))
    raise TypeError(f"could not exclude {who!r}: it is no connection; give a WebSocket, a Member, an id or several")


def is_excluded(publication: Publication, client: str, user: str) -> bool:
    """Whether it is not for this connection."""
    exclude = publication.exclude
    return bool(exclude) and (client in exclude or (bool(user) and user_key(user) in exclude))
