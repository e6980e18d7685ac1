"""What machines, sessions and behaviours of the gateway tell each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from .quick import quick

if TYPE_CHECKING:
    from actors import ActorRef

    from .commands import Face, Identify, Reply, Result, TopicCommand
    from .identity import Principal
    from .outbox import Entry
    from .permissions import Action
    from .protocols.base import Variant
    from .publications import Kind, Publication
    from .reasons import InvalidToken, Refused
    from .receipts import Receipt
    from .sockets import Socket

# --- a topic to itself


@attrs.frozen(eq=False)
class JoinOverdue:
    """App code has taken too long to decide about a join."""

    ticket: int


@attrs.frozen(eq=False)
class LingerOver:
    """Somebody who was cut off has not come back in time."""

    key: str
    client: str


@attrs.frozen(eq=False)
class Flush:
    """Somebody else's turn left something to deliver."""


@attrs.frozen(eq=False)
class Passivate:
    """Nobody has been here for a while."""


# --- socket to connection


@attrs.frozen(eq=False)
class Opened:
    """The 101 is out; the machine has its socket."""

    socket: Socket


@attrs.define(eq=False)
class Received:
    """One whole message of the client."""

    data: str | bytes


@attrs.frozen(eq=False)
class Writable:
    """The transport has room again."""


@attrs.frozen(eq=False)
class SocketClosed:
    """The transport is gone; the last message of a socket."""

    code: int
    reason: str
    clean: bool


@attrs.frozen(eq=False)
class Due:
    """The wheel says that a deadline of this connection has come."""

    what: str


# --- connection and topic


@attrs.frozen(eq=False)
class Origin:
    """Who submits: one object per connection, shared by all its commands."""

    connection: ActorRef[Any] | None
    """None: app code, which has a receipt instead."""
    client: str
    principal: Principal

    @property
    def user(self) -> str:
        return self.principal.id


@quick(eq=False)
class Submit:
    """A client's command, at the topic it concerns."""

    origin: Origin
    command: TopicCommand
    generation: int = 0
    """
    Of the subscription, for joins and leaves: removal is by connection and generation, never by name alone. Of a
    publication: the membership without which it is refused; 0: none is needed.
    """
    variant: Variant | None = None


@attrs.frozen(eq=False)
class Depart:
    """A connection's last word to a topic: everything it submitted before has arrived."""

    client: str
    generation: int
    reason: str
    lives_on: bool = False
    """Whether the connection stays: then it is told `Removed`, behind everything that was on its way to it."""
    may_return: bool = True
    """Whether its client should join again by itself."""
    code: int | None = None


@quick(eq=False)
class Answer:
    """The one answer to a command."""

    reply: Reply
    result: Result


@attrs.define(eq=False)
class Deliver:
    """What a topic has for one of its members since the last turn."""

    joined: bytes
    """All frames in order, for a member whose socket takes them."""
    entries: tuple[Entry, ...]
    """The same one by one, for the outbox of one whose socket does not."""


@attrs.frozen(eq=False)
class Removed:
    """The server ended a membership."""

    topic: str
    generation: int
    reason: str
    may_return: bool
    code: int | None = None
    """An application's own, for wires that have numbers here."""


@attrs.frozen(eq=False)
class Settle:
    """Asked before a drain: the answer says that what was told before has been dealt with."""


# --- session and connection


@attrs.frozen(eq=False)
class Kick:
    """App code ends a membership of its own client."""

    topic: str
    reason: str
    may_return: bool
    code: int | None


@attrs.frozen(eq=False)
class Accept:
    subprotocol: str | None
    receipt: Receipt[None]


@attrs.frozen(eq=False)
class Refuse:
    status: int
    text: str


@quick(eq=False)
class Send:
    """App code speaks to its own client, outside any topic; its wire frames it."""

    payload: bytes
    kind: Kind
    receipt: Receipt[None]


@attrs.frozen(eq=False)
class Close:
    """Ends the connection. `reason` is a name of the table; else `code` and `text` pass through as given."""

    reason: str | None = None
    code: int = 1000
    text: str = ""
    ended_by: str = "app"


@attrs.frozen(eq=False)
class Adopt:
    """From app code of an endpoint: who this client is, from now on."""

    principal: Principal


@attrs.frozen(eq=False)
class Beat:
    """App code has the heartbeat of this connection stopped, or going on."""

    is_on: bool


@attrs.frozen(eq=False)
class LeaveAll:
    """App code leaves all rooms, or all channels, of this connection."""

    face: Face
    receipt: Receipt[None]


@attrs.frozen(eq=False)
class HookFailed:
    """To the session: an `on_connect` of the app has raised."""

    error: BaseException


@attrs.frozen(eq=False)
class Ended:
    """To the session: the socket is gone."""

    code: int
    reason: str


@attrs.frozen(eq=False)
class SessionDone:
    """From the session: app code has had its last word."""

    error: BaseException | None = None


@attrs.frozen(eq=False)
class AskIdentity:
    """To the session: what do the application's authenticators say to this client?"""

    command: Identify | None


@attrs.frozen(eq=False)
class Known:
    """From the session: what the application's authenticators found."""

    command: Identify | None
    """What asked for it; None: the upgrade request."""
    principal: Principal | Refused | InvalidToken | None
    """None: nobody knows this client."""


@attrs.frozen(eq=False)
class AskPermit:
    """To the session: may this client do that?"""

    principal: Principal
    version: int
    """Of what the client has been granted; see `clearance`."""
    topic: str
    action: Action


@attrs.frozen(eq=False)
class Permitted:
    """From the session: what the application says to it."""

    version: int
    topic: str
    action: Action
    error: Refused | None = None
    """None: yes."""


@attrs.frozen(eq=False)
class ForgetPermissions:
    """From app code: what was granted to this client has to be asked again."""


# --- topic and behaviour


@attrs.frozen(eq=False)
class ClientEvent:
    """A client's event for app code; answered through the machine."""

    member: Any
    event: str
    publication: Publication
    origin: Origin
    reply: Reply
    key: str | None = None
    """Under which its answer is remembered."""


@attrs.frozen(eq=False)
class MemberJoining:
    """App code says whether it may."""

    member: Any
    params: object
    ticket: int


@attrs.frozen(eq=False)
class MemberLeft:
    member: Any
    reason: str


@attrs.frozen(eq=False)
class Emptied:
    """The last member has left: that one."""

    member: Any


@attrs.frozen(eq=False)
class EngineAnswer:
    """A late engine's answer to what was asked with this token."""

    token: int
    result: Any
