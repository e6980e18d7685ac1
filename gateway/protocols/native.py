"""
The native wire, `gateway.v1`: JSON objects with an `action`, one per text frame.

Every action gets one reply; with a `ref` the reply carries it, without one it carries none. Names are whole: `join_room
x` and `subscribe x` mean one topic, and a member is answered in the word it used.

What it refuses to know: what stands in a frame (`native_frames`), what it asks (`native_commands`), what is answered
(`native_answers`), and how a topic is shown (`native_events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from .. import wire_json
from ..messages.publications import Delivery
from ..sockets.frames import text_frame
from .base import Variant, Wire
from .json_shapes import Shape, value_of
from .native_answers import answer_to, frame, told_joined
from .native_commands import ACTIONS, command_of
from .native_events import change_of, event_of

if TYPE_CHECKING:
    from ..messages.commands import Command, Face, Join, Joined, Reply, Result
    from ..messages.publications import Item, Kind

SUBPROTOCOL = "gateway.v1"


class NativeVariant(Variant):
    """How a member reads a topic: in the word it used for it, with or without presence."""

    def __init__(self, face: Face, presence: bool) -> None:
        self._face = face
        self._presence = presence

    def frame(self, item: Item) -> bytes:
        if isinstance(item, Delivery):
            return text_frame(wire_json.encode(event_of(item.publication, item.position, self._face)))
        return frame(change_of(item, self._face)) if self._presence else b""


class NativeWire(Wire):
    """
    Args:
        says_hello: Whether the first frame introduces the server: only if the client named the subprotocol, so that
            older clients see nothing they did not ask for.
    """

    name = "native"
    renews = True
    actions = tuple(ACTIONS)
    _VARIANTS: ClassVar[dict[tuple[str, bool], NativeVariant]] = {
        (face, shown): NativeVariant(face, shown) for face in ("room", "channel") for shown in (False, True)
    }

    def __init__(self, *, says_hello: bool) -> None:
        self._says_hello = says_hello

    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        if not self._says_hello:
            return ()
        return (frame({"action": "hello", "client": client, "protocol": SUBPROTOCOL, "ping": ping}),)

    def decode(self, data: str | bytes) -> Iterable[Command]:
        return (command_of(data),)

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        return answer_to(reply, result)

    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        number = code or (2500 if may_return else 2000)
        told: Shape = {"action": "unsubscribed", join.face: join.topic, "code": number}
        return (frame({**told, "reason": reason, "retry": may_return}),)

    def variant(self, join: Join) -> Variant:
        return self._VARIANTS[join.reply.face, join.presence]

    def joined(self, topic: str, result: Joined) -> Sequence[bytes]:
        return told_joined(topic, result)

    def message(self, payload: bytes, kind: Kind) -> bytes:
        return frame({"action": "message", "payload": value_of(payload, kind)})

    def expiring(self, seconds: float) -> Sequence[bytes]:
        return (frame({"action": "expiring", "in": round(seconds)}),)
