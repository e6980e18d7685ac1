"""
The Centrifuge wire: the bidirectional protocol, version 2, of Centrifugo and its clients.

Theory of operation. Each connection has its own object, as the protocol has three states: nothing but `connect` is
understood first; then everything else; and nothing any more after a frame that broke it, or after a `connect` that was
refused. Every command but `send` has an id and one answer under it; what the server says of its own is a push.

    new --connect--> asked --a broken frame, connect refused--> over

What it refuses to know: how commands and replies become bytes (`centrifuge_frames`), what is in them
(`centrifuge_requests`, `centrifuge_replies`), and who waits for whom: the machine holds what a client sends behind its
`connect` until that is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..messages.commands import (
    Broken,
    Done,
    Handled,
    HistoryRead,
    Identified,
    Joined,
    Nothing,
    PresenceRead,
    Renewed,
    Reply,
)
from ..messages.publications import Delivery
from ..reasons import Refused
from ..sockets.frames import ping_frame
from . import centrifuge_replies as replies
from .base import Variant, Wire
from .centrifuge_frames import JsonFrames
from .centrifuge_requests import Asked, command_of
from .json_shapes import Shape, in_base64, value_of

if TYPE_CHECKING:
    from ..messages.commands import Command, Join, Result
    from ..messages.publications import Item, Kind
    from ..reasons import CloseReason
    from . import centrifuge_frames as frames

PROTOBUF_SUBPROTOCOL = "centrifuge-protobuf"

CLOSE_TEXTS = {
    "normal": "connection closed",
    "slow_consumer": "slow",
    "heartbeat_lost": "no pong",
    "stale": "stale",
    "disconnected": "force disconnect",
}
"""What the reference says in its close frames where we say something else; its clients show it to people."""

_JSON = JsonFrames()


class CentrifugeVariant(Variant):
    """How a subscriber reads a channel: with or without who joins and leaves, as it asked."""

    def __init__(self, frames: JsonFrames, *, shows_joins: bool) -> None:
        self._frames = frames
        self._shows_joins = shows_joins
        self.shows_own_join = shows_joins

    def frame(self, item: Item) -> bytes:
        if isinstance(item, Delivery):
            published = item.publication
            shape = replies.publication(published, item.position)
            return self._frames.write(replies.push(published.topic, "pub", shape))
        if not self._shows_joins:
            return b""
        pushes = tuple(replies.comings_and_goings(item.topic, item.diff))
        return self._frames.write(*pushes) if pushes else b""


class CentrifugeWire(Wire):
    """
    Args:
        version: What the connect reply calls this server; empty: nothing.
        frame_pings: Whether pings are RFC 6455's instead of empty replies, for tools that know nothing of the protocol;
            clients ask for it with `?cf_ws_frame_ping_pong=true`.
    """

    name = "centrifuge"
    identifies_first = True
    replaces_joins = False
    renews = True
    liveness = "steady"

    _FRAMES: ClassVar = _JSON
    _VARIANTS: ClassVar = {shown: CentrifugeVariant(_JSON, shows_joins=shown) for shown in (False, True)}

    def __init__(self, version: str = "", *, frame_pings: bool = False) -> None:
        self._version = version
        self._frame_pings = frame_pings
        self._ping = 0.0
        self._unanswered_pings = 0
        self._has_asked = False
        self._is_over = False

    # --- the upgrade

    @classmethod
    def subprotocol(cls, offered: Collection[str]) -> str | None:
        """What to answer of the subprotocols a client offers; None, if none, is JSON as well."""
        return cls._FRAMES.subprotocol if cls._FRAMES.subprotocol in offered else None

    @classmethod
    def protobuf_asked(cls, query: Mapping[str, str], offered: Collection[str]) -> bool:
        """Whether the client will speak the Protobuf variant: to be refused before the upgrade, it would not be
        understood after it."""
        if "protobuf" in (query.get("format"), query.get("cf_protocol")):
            return True
        return PROTOBUF_SUBPROTOCOL in offered and cls.subprotocol(offered) is None

    # --- what is understood

    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        self._ping = ping
        return ()

    def decode(self, data: str | bytes) -> Iterable[Command]:
        commands: list[Command] = []
        for command, size_bytes in self._FRAMES.read(data):
            understood = None if command is None else self._understand(command, size_bytes)
            if understood is None:
                self._is_over = True
                return [*commands, Broken(reply=Reply(size_bytes=size_bytes))]
            commands.append(understood)
        return commands

    def _understand(self, command: frames.Command, size_bytes: int) -> Command | None:
        names = command.requests()
        if self._is_over or len(names) > 1:
            return None
        if not names:
            return None if command.id else self._pong(size_bytes)
        (name,) = names
        if (name == "connect") == self._has_asked or not (command.id or name == "send"):
            return None
        self._has_asked = True
        return command_of(name, getattr(command, name), command.id or 0, size_bytes)

    def _pong(self, size_bytes: int) -> Command | None:
        """A client that was slow may answer two pings at once, but none that was not sent."""
        if not self._unanswered_pings:
            return None
        self._unanswered_pings -= 1
        return Nothing(Reply("pong", size_bytes=size_bytes))

    # --- what is said

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        if isinstance(result, Refused) and reply.action == "connect":
            self._is_over = True
        asked = reply.ref
        if not isinstance(asked, Asked) or not asked.id or isinstance(result, Done):
            return ()
        if isinstance(result, Refused):
            shape = replies.error(result, is_of_channel=reply.topic is not None)
            return (self._FRAMES.write({"id": asked.id, "error": shape}),)
        return (self._FRAMES.write({"id": asked.id, reply.action: self._result(reply, asked, result)}),)

    def _result(self, reply: Reply, asked: Asked, result: Result) -> Shape:
        if isinstance(result, Identified):
            expects_pong = not self._frame_pings
            ping = self._ping if expects_pong else 0.0
            return replies.connected(result, asked.since, version=self._version, ping=ping, expects_pong=expects_pong)
        if isinstance(result, Joined):
            return replies.subscribed(result, asked.since.get(reply.topic or ""))
        shape = _RESULTS.get((reply.action, type(result)))
        return {} if shape is None else shape(result)

    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        shape = replies.unsubscribed(reason, may_return=may_return, code=code)
        return (self._FRAMES.write(replies.push(join.topic or "", "unsubscribe", shape)),)

    def joined(self, topic: str, result: Joined) -> Sequence[bytes]:
        return (self._FRAMES.write(replies.push(topic, "subscribe", replies.place(result))),)

    def message(self, payload: bytes, kind: Kind) -> bytes:
        return self._FRAMES.write(replies.message(value_of(payload, kind)))

    def variant(self, join: Join) -> Variant:
        return self._VARIANTS[join.presence]

    def ping(self) -> bytes:
        if self._frame_pings:
            return ping_frame()
        self._unanswered_pings += 1
        return self._FRAMES.ping

    def close_text(self, reason: CloseReason) -> str:
        return CLOSE_TEXTS.get(reason.name, reason.meaning)


def _returned(value: object) -> object:
    return in_base64(value) if isinstance(value, bytes) else value


# --- one shape a result, where the action alone does not say it

_RESULTS: Mapping[tuple[str, type], Callable[[Any], Shape]] = {
    ("history", HistoryRead): replies.history,
    ("presence", PresenceRead): replies.presence,
    ("presence_stats", PresenceRead): replies.presence_stats,
    ("rpc", Handled): lambda result: {"data": _returned(result.value)},
    ("refresh", Renewed): lambda result: {"client": result.client, **replies.expiry(result.expires_in)},
    ("sub_refresh", Renewed): lambda result: replies.expiry(result.expires_in),
}
