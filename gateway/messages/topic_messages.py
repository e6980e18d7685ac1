"""What topics are told, and what they tell: by connections, by their app code, by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..quick import quick

if TYPE_CHECKING:
    from actors import ActorRef

    from ..access.identity import Principal
    from ..protocols.base import Variant
    from .commands import Reply, Result, TopicCommand
    from .publications import Publication

# --- connection and topic


@attrs.frozen(eq=False, weakref_slot=False)
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


@attrs.frozen(eq=False)
class Removed:
    """The server ended a membership."""

    topic: str
    generation: int
    reason: str
    may_return: bool
    code: int | None = None
    """An application's own, for wires that have numbers here."""
    has_ended: bool = False
    """Whether the topic itself is over, and nobody has put this member out."""
    is_kicked: bool = False
    """Whether app code has put it out, in a turn of the topic."""


@attrs.frozen(eq=False)
class Settle:
    """Asked before a drain: the answer says that what was told before has been dealt with."""


# --- topic and app code


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


# --- a topic to itself


@attrs.frozen(eq=False)
class JoinsOverdue:
    """App code may have taken too long to decide about a join, or several."""


@attrs.frozen(eq=False)
class LookAtCode:
    """The behaviour had something to do a while ago."""


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
