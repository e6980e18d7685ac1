"""
A wire: bytes in, commands out, and back. Sans-I/O: no socket, no loop, no state that a topic would have to know.

A wire never raises for what a client sent: what it cannot understand is an `Invalid` command. What it returns for
writing is framed already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from ..reasons import CloseReason, Refused
from ..sockets.frames import ping_frame

if TYPE_CHECKING:
    from ..messages.commands import Command, Join, Joined, Reply, Result
    from ..messages.publications import Item, Kind

Liveness = Literal["silence", "steady", "client"]
"""`silence`: pinged when nothing came for a while. `steady`: pinged all the same, as its clients wait for pings.
`client`: the client sends the heartbeats."""


class Variant(ABC):
    """
    One way of writing a topic's items: they are encoded once per variant, however many members read it.

    Compared by identity: a wire hands out the same object for the same way.
    """

    shows_own_join: bool = False
    """Whether a member is told of its own join; else it is in the state that comes with the answer."""

    @abstractmethod
    def frame(self, item: Item) -> bytes:
        """The item as a whole frame; empty if this variant does not show it."""


class Wire(ABC):
    """
    One connection's protocol. A wire without state may serve all connections with one object.

    The class attributes are what machines ask instead of which wire it is.
    """

    name: ClassVar[str]

    uses_app_frames: ClassVar[bool] = False
    """Whether frames go to the session as they are, instead of being decoded."""
    identifies_first: ClassVar[bool] = False
    """Whether nothing is done before the client has said who it is (`Identify`), in time."""
    replaces_joins: ClassVar[bool] = True
    """Whether joining a topic again ends the earlier membership; else it is refused as `already_subscribed`."""
    needs_membership: ClassVar[bool] = False
    """Whether only members may publish; others are refused as `not_joined`."""
    needs_declared: ClassVar[bool] = False
    """Whether a topic that no pattern declares does not exist, also where other names are open."""
    shows_positions: ClassVar[bool] = True
    """Whether its members know where they stand in a topic, so that a hole ends their membership: they recover it."""
    can_be_joined: ClassVar[bool] = True
    """Whether its clients understand being joined to a topic by the server."""
    calls_by_event: ClassVar[bool] = False
    """Whether an event named like one of the application's calls is one, as the wire has no other word for them."""
    logs_in: ClassVar[bool] = True
    """Whether it can be said after the upgrade who a client is; else those who may not be unknown are refused then."""
    renews: ClassVar[bool] = False
    """Whether a client can bring a newer token without a new connection."""
    liveness: ClassVar[Liveness] = "silence"
    """How it is told that the other side is still there; see `gateway.pulse.heartbeat`."""
    actions: ClassVar[tuple[str, ...]] = ()
    """The words it knows, to name the nearest when one is unknown."""

    @abstractmethod
    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        """What the server says first; `ping` is the seconds after which it pings."""

    @abstractmethod
    def decode(self, data: str | bytes) -> Iterable[Command]:
        """The commands in one message, in order; each carries the reply handle that its answer needs."""

    @abstractmethod
    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        """The frames that answer a command."""

    @abstractmethod
    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        """
        What a member is told when the server ended its membership.

        Args:
            join: Of the join that made it a member.
            code: The application's own, for wires that have numbers here; None: what the wire has for `may_return`.
        """

    @abstractmethod
    def variant(self, join: Join) -> Variant:
        """How a member that joined so reads its topic."""

    def joined(self, topic: str, result: Joined) -> Sequence[bytes]:
        """What a client is told that the server made a member; only where `can_be_joined`."""
        return ()

    def replaced(self, join: Reply) -> Sequence[bytes]:
        """What a member is told when it has joined again; `join` is of the earlier join."""
        return ()

    def message(self, payload: bytes, kind: Kind) -> bytes:
        """
        What application code sends to this client alone, outside any topic: one frame.

        Raises:
            Refused: `not_available`, if the wire has no word for it.
        """
        raise Refused("not_available", f"the {self.name} wire carries no messages outside of topics")

    def expiring(self, seconds: float) -> Sequence[bytes]:
        """What a client is told before its token ends, if the wire has a word for that."""
        return ()

    def ping(self) -> bytes:
        """The frame that asks the other side for a sign of life; made only to be written, for a wire may count them."""
        return ping_frame()

    def close_code(self, reason: CloseReason) -> int:
        """The number this wire gives to an end that the server chose."""
        return reason.code

    def close_text(self, reason: CloseReason) -> str:
        """The words of its close frame."""
        return reason.meaning
