"""What a client asks for, whatever wire it speaks, and what it is answered. Wires make the one and read the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from .publications import DEFAULT_EVENT, Kind
from .reasons import Refused

if TYPE_CHECKING:
    from .presence import Present
    from .publications import Publication
    from .receipts import Receipt
    from .stream import Entry, Position

Face = Literal["room", "channel"]
"""The word a client used for a topic; it decides nothing but the words of the answers."""


@attrs.frozen(eq=False)
class Reply:
    """
    Where an answer goes: opaque to machines, read by the wire that made it. Answered exactly once.

    `receipt` is set when app code asked instead of a client.
    """

    action: str = ""
    ref: object = None
    face: Face = "channel"
    topic: str | None = None
    size_bytes: int = 0
    """What the command took of the connection's credit."""
    receipt: Receipt[object] | None = None


@attrs.frozen(eq=False)
class Join:
    topic: str
    reply: Reply
    since: Position | None = None
    presence: bool = False
    info: bytes | None = None
    """Encoded JSON that others see in presence."""
    params: object = None
    join_ref: object = None


@attrs.frozen(eq=False)
class Leave:
    topic: str
    reply: Reply


@attrs.frozen(eq=False)
class Publish:
    topic: str
    reply: Reply
    payload: bytes
    kind: Kind = "json"
    event: str = DEFAULT_EVENT
    exclude: frozenset[str] = frozenset()
    save: bool | None = None
    """None: as the topic is set; False: ephemeral."""
    key: str | None = None
    """Publishing the same key again within the engine's memory is answered with the first position."""


@attrs.frozen(eq=False)
class ReadHistory:
    topic: str
    reply: Reply
    since: Position | None = None
    limit: int | None = None
    reverse: bool = False


@attrs.frozen(eq=False)
class ReadPresence:
    topic: str
    reply: Reply


@attrs.frozen(eq=False)
class Ping:
    reply: Reply


@attrs.frozen(eq=False)
class Nothing:
    """A frame that says only that its sender lives."""

    reply: Reply


@attrs.frozen(eq=False)
class Invalid:
    """A frame that could not be understood. `counts` as one of the few errors a connection may make."""

    reply: Reply
    error: Refused
    counts: bool = True


TopicCommand = Join | Leave | Publish | ReadHistory | ReadPresence
Command = TopicCommand | Ping | Nothing | Invalid


@attrs.frozen(eq=False)
class Joined:
    position: Position
    recovered: bool | None = None
    """None: it did not ask to recover."""
    missed: tuple[Entry[Publication], ...] = ()
    members: tuple[Present, ...] | None = None
    """Who is there, with itself, if it asked for presence."""
    response: object = None
    """What the topic's `on_join` returned."""


@attrs.frozen(eq=False)
class Left:
    """It was a member, or not; it is none now."""


@attrs.frozen(eq=False)
class Published:
    position: Position | None


@attrs.frozen(eq=False)
class HistoryRead:
    entries: tuple[Entry[Publication], ...]
    position: Position


@attrs.frozen(eq=False)
class PresenceRead:
    members: tuple[Present, ...]
    users: int


@attrs.frozen(eq=False)
class Handled:
    """App code took the event; `value` is what it returned."""

    value: object = None


@attrs.frozen(eq=False)
class Pong:
    at: float


@attrs.frozen(eq=False)
class Done:
    """Nothing to say."""


Result = Joined | Left | Published | HistoryRead | PresenceRead | Handled | Pong | Done | Refused
