"""
What clients of the native wire are answered: one object to a command, and after a join what belongs to it.

With a `ref` an answer carries it and says which action it answers; without one it is as short as the oldest clients
expect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .. import wire_json
from ..engines.stream import Position
from ..messages.commands import (
    UNPLACED,
    Done,
    Handled,
    HistoryRead,
    Identified,
    Joined,
    Left,
    Pong,
    PresenceRead,
    Published,
    Renewed,
    Reply,
)
from ..reasons import Refused
from ..sockets.frames import text_frame
from .json_shapes import Shape, refusal
from .native_events import event_of, people_of

if TYPE_CHECKING:
    from ..messages.commands import Result

_PUBLISHING = ("publish", "chat")
"""Actions that application code may take in place of the topic."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def answer_to(reply: Reply, result: Result) -> Sequence[bytes]:
    """The frames that answer a command; none for what has no answer."""
    if isinstance(result, Done):
        return ()
    if isinstance(result, Joined):
        return joined(reply, _addressed(reply, _join_body(reply, result)), result)
    if isinstance(result, Handled) and isinstance(result.value, wire_json.Raw):
        return (text_frame(_typed(reply, bytes(result.value))),)
    body = _error(reply, result) if isinstance(result, Refused) else _BODIES[type(result)](reply, result)
    return (frame(_addressed(reply, body)),)


def told_joined(topic: str, result: Joined) -> Sequence[bytes]:
    """As the answer to a join, for who did not ask: the server made it a member."""
    reply = Reply("subscribe", topic=topic)
    return joined(reply, {"action": "subscribed", **_join_body(reply, result)}, result)


def joined(reply: Reply, first: Shape, result: Joined) -> list[bytes]:
    """The answer, who is there, and what was missed: in this order, before anything live."""
    frames = [frame(first)]
    if result.members is not None:
        frames.append(frame({"action": "presence", reply.face: reply.topic, "state": people_of(result.members)}))
    for entry in result.missed:
        position = Position(entry.offset, result.position.epoch)
        frames.append(frame(event_of(entry.publication, position, reply.face)))
    return frames


def frame(body: Shape) -> bytes:
    """An object as the frame that carries it."""
    return text_frame(wire_json.encode(body))


def _addressed(reply: Reply, body: Shape) -> Shape:
    return body if reply.ref is None else {"action": reply.action, **body, "ref": reply.ref}


def _typed(reply: Reply, message: bytes) -> bytes:
    """
    A message object goes out as it is; to who gave a `ref`, with it and a status, or as the payload of a reply that has
    them if the message has fields of these names itself.
    """
    if reply.ref is None:
        return message
    fields = _decode_object(message)
    if "ref" in fields or "status" in fields:
        return wire_json.encode(_addressed(reply, _handled_body(reply, Handled(wire_json.Raw(message)))))
    return wire_json.encode({**fields, "status": "ok", "ref": reply.ref})


# --- one body a result


def _join_body(reply: Reply, result: Joined) -> Shape:
    word = "joined" if reply.action == "join_room" else "subscribed"
    position = result.position
    body: Shape = {"status": word, reply.face: reply.topic}
    body["epoch"], body["offset"] = position.epoch, position.offset
    if result.recovered is not None:
        body["recovered"], body["missed"] = result.recovered, len(result.missed)
    if result.members is not None:
        body["members"] = len(result.members)
    if result.response is not None:
        body["response"] = result.response
    return body


def _left_body(reply: Reply, result: Left) -> Shape:
    word = "left" if reply.action == "leave_room" else "unsubscribed"
    return {"status": word, reply.face: reply.topic}


def _published_body(reply: Reply, result: Published) -> Shape:
    if reply.action == "chat":
        return {"status": "message_sent"}
    body: Shape = {"status": "published", reply.face: reply.topic}
    if result.position is not None:
        body["offset"], body["epoch"] = result.position.offset, result.position.epoch
    return body


def _handled_body(reply: Reply, result: Handled) -> Shape:
    """An action of the application is answered with its status alone, a publication that it took with its topic."""
    body: Shape = {"status": "ok"}
    if reply.action in _PUBLISHING:
        body = _published_body(reply, UNPLACED)
    return body if result.value is None else {**body, "payload": result.value}


def _identified_body(reply: Reply, result: Identified) -> Shape:
    return {"status": "authenticated", "user": result.principal.id, **_expiry(result.expires_in)}


def _renewed_body(reply: Reply, result: Renewed) -> Shape:
    return {"status": "authenticated", **_expiry(result.expires_in)}


def _expiry(expires_in: float | None) -> Shape:
    return {} if expires_in is None else {"expires_in": round(expires_in)}


def _history_body(reply: Reply, result: HistoryRead) -> Shape:
    epoch = result.position.epoch
    events = [event_of(one.publication, Position(one.offset, epoch), reply.face) for one in result.entries]
    position = {"epoch": epoch, "offset": result.position.offset}
    return {"status": "ok", reply.face: reply.topic, **position, "events": events}


def _presence_body(reply: Reply, result: PresenceRead) -> Shape:
    members = people_of(result.members)
    counts = {"clients": len(members), "users": result.users}
    return {"status": "ok", reply.face: reply.topic, "members": members, **counts}


def _pong_body(reply: Reply, result: Pong) -> Shape:
    return {"action": "pong", "timestamp": result.at}


def _error(reply: Reply, error: Refused) -> Shape:
    body = refusal(error)
    if reply.action:
        body["action"] = reply.action
    if reply.topic is not None:
        body[reply.face] = reply.topic
    return body


_BODIES: dict[type, Callable[[Reply, Any], Shape]] = {
    Identified: _identified_body,
    Renewed: _renewed_body,
    Left: _left_body,
    Published: _published_body,
    Handled: _handled_body,
    HistoryRead: _history_body,
    PresenceRead: _presence_body,
    Pong: _pong_body,
}
