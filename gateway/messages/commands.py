"""What a client asks for, whatever wire it speaks, and what it is answered. Wires make the one and read the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, overload

import attrs

from ..quick import quick
from ..reasons import Refused
from .publications import DEFAULT_EVENT, Kind

if TYPE_CHECKING:
    from ..access.identity import Principal
    from ..engines.stream import Entry, Position
    from .presence import Present
    from .publications import Publication
    from .receipts import Receipt

Face = Literal["room", "channel"]
"""The word a client used for a topic; it decides nothing but the words of the answers."""

MAX_SESSION = 64
"""Characters of a session that a client names: a UUID has 36."""


@quick(eq=False)
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
    is_by_server: bool = False
    """Whether nobody asked: the server joins the client to a topic, of its own accord or for app code."""

    @property
    def is_of_app(self) -> bool:
        """App code, and the server itself, ask for no permission."""
        return self.receipt is not None or self.is_by_server


@attrs.frozen(eq=False)
class Identify:
    """Who the client is, by its first command; on a wire that allows it again later, with a newer token."""

    reply: Reply
    token: str | None = None
    data: bytes | None = None
    """Encoded JSON for the application's authenticators."""
    since: Mapping[str, Position] = MappingProxyType({})
    """What it has of the topics that the server joins it to."""


@attrs.frozen(eq=False)
class Renew:
    """A newer token, of the connection or of one of its subscriptions."""

    reply: Reply
    token: str
    topic: str | None = None


@attrs.frozen(eq=False, weakref_slot=False)
class Join:
    topic: str
    reply: Reply
    since: Position | None = None
    presence: bool = False
    """Whether it wants to see who comes and goes; its wire's `variant` and `answer` show them."""
    info: bytes | None = None
    """Encoded JSON that others see in presence."""
    params: object = None
    join_ref: object = None
    """Names this membership on wires where a client may have several after one another (Phoenix)."""
    token: str | None = None
    """Stands for the permission to join."""
    reads_history: bool = True
    """Whether it may be told what is kept; who may not recovers only where it has missed nothing."""
    is_once: bool = False
    """Refused with `already_subscribed` where the client is in that topic already, on whatever wire."""
    must_recover: bool = False
    """Refused with `unrecoverable_position` if `since` cannot be served, instead of joined without."""
    expires: float | None = None
    """Wall-clock seconds at which the permission ends."""
    session: str | None = None
    """What the client calls itself across its connections; see `lingering`."""


@attrs.frozen(eq=False)
class Leave:
    topic: str
    reply: Reply
    join_ref: object = None


@quick(eq=False)
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
    join_ref: object = None
    conflate: str | None = None
    """What it is the latest value of; see `Publication`."""


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
class InTurn:
    """What app code has done to a topic, in order with what that is told before and after; no wire has it."""

    topic: str
    reply: Reply
    act: Callable[[Any], object]
    """Gets the topic; what it returns is the answer, or what it raises."""


@attrs.frozen(eq=False)
class Call:
    """Asks the application, not a topic: one of the methods it declared with `@app.rpc`."""

    method: str
    reply: Reply
    payload: bytes = b"null"
    kind: Kind = "json"
    topic: str | None = None
    """The topic on which a client of Phoenix said it."""


@quick(eq=False)
class Ping:
    reply: Reply


@quick(eq=False)
class Nothing:
    """A frame that says only that its sender lives."""

    reply: Reply


@attrs.frozen(eq=False)
class Invalid:
    """A frame that could not be understood. `counts` as one of the few errors a connection may make."""

    reply: Reply
    error: Refused
    counts: bool = True
    join: Join | None = None
    """The join that it would be, without what was not understood."""


@attrs.frozen(eq=False)
class Broken:
    """A frame after which its wire does not go on; what it said before is still done."""

    reason: str = "bad_request"
    """A name of `CLOSE_REASONS`."""
    reply: Reply = attrs.Factory(Reply)


TopicCommand = Join | Leave | Publish | ReadHistory | ReadPresence
Command = TopicCommand | Identify | Renew | Call | Ping | Nothing | Invalid | Broken


@attrs.frozen(eq=False)
class Identified:
    client: str
    principal: Principal
    expires_in: float | None = None
    """Seconds until it has to come with a newer token; None: never."""
    joined: Mapping[str, Joined] = MappingProxyType({})
    """The topics that the server joined it to, where the answer waits for them."""


@attrs.frozen(eq=False)
class Renewed:
    client: str
    expires_in: float | None = None


@attrs.frozen(eq=False)
class Joined:
    position: Position
    recovered: bool | None = None
    """None: it did not ask to recover."""
    missed: tuple[Entry[Publication], ...] = ()
    members: tuple[Present, ...] | None = None
    """Who is there, with itself, if it asked for presence and the topic keeps it."""
    response: object = None
    """What the topic's `on_join` returned."""
    recoverable: bool = False
    """Whether the topic keeps a history to recover from."""
    expires_in: float | None = None
    """Seconds until the permission to be here needs a newer token; None: never."""


@attrs.frozen(eq=False)
class Left:
    """It is no member any more."""

    was_member: bool = True


@quick(eq=False)
class Published:
    position: Position | None


UNPLACED = Published(None)
"""Of everything that is not saved."""


@attrs.frozen(eq=False)
class HistoryRead(Sequence["Publication"]):
    """
    What was published, in the direction that was asked for; of each its `value`, `event`, `sender` and `at`.

    `at` is wall-clock seconds since 1970. That of an entry is not: by it the age of what is kept is reckoned.
    """

    entries: tuple[Entry[Publication], ...]
    """The same, each at its `offset`: `entry.publication`."""
    position: Position
    """The top of the stream: everything up to here was published before this was read."""

    @overload
    def __getitem__(self, place: int) -> Publication: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Publication, ...]: ...
    def __getitem__(self, place: int | slice) -> Publication | tuple[Publication, ...]:
        if isinstance(place, slice):
            return tuple(entry.publication for entry in self.entries[place])
        return self.entries[place].publication

    def __len__(self) -> int:
        return len(self.entries)


@attrs.frozen(eq=False)
class PresenceRead:
    members: tuple[Present, ...]
    users: int


@quick(eq=False)
class Handled:
    """App code took it; `value` is what it returned."""

    value: object = None


@quick(eq=False)
class Pong:
    at: float


@quick(eq=False)
class Done:
    """Nothing to say."""


Result = Identified | Renewed | Joined | Left | Published | HistoryRead | PresenceRead | Handled | Pong | Done | Refused
