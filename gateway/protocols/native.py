"""
The native wire, `gateway.v1`: JSON objects with an `action`, one per text frame.

Every action gets one reply; with a `ref` the reply carries it, without one it carries none. Names are whole: `join_room
x` and `subscribe x` mean one topic, and a member is answered in the word it used.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from actors.config import nearest

from .. import wire_json
from ..commands import (
    Done,
    Handled,
    HistoryRead,
    Invalid,
    Join,
    Joined,
    Leave,
    Left,
    Nothing,
    Ping,
    Pong,
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Reply,
)
from ..frames import text_frame
from ..publications import DEFAULT_EVENT, Delivery, PresenceChange, Publication
from ..reasons import Refused
from ..stream import Position
from .base import Variant, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..commands import Command, Face, Result
    from ..presence import Present
    from ..publications import Item

SUBPROTOCOL = "gateway.v1"
DEFAULT_HISTORY_LIMIT = 50
"""Events in an answer to `history` without a limit: a screenful and its scrollback."""


_ABSENT = msgspec.Raw()
_NULL = msgspec.Raw(b"null")


class Since(msgspec.Struct):
    offset: int
    epoch: str = ""


class Frame(msgspec.Struct):
    """Every key of every action; what is not known is ignored."""

    action: str = ""
    type: str = ""
    ref: str | int | float | None = None
    room: str | None = None
    channel: str | None = None
    event: str = DEFAULT_EVENT
    payload: msgspec.Raw = _ABSENT
    info: msgspec.Raw = _ABSENT
    since: Since | None = None
    presence: bool = False
    echo: bool = True
    id: str | None = None
    limit: int | None = None
    reverse: bool = False
    user: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT


class Head(msgspec.Struct):
    """What an error needs to be answered, of a frame whose other keys are wrong."""

    action: str = ""
    ref: Any = None


_frames = msgspec.json.Decoder(Frame)
_heads = msgspec.json.Decoder(Head)


class NativeVariant(Variant):
    """How a member reads a topic: in the word it used for it, with or without presence."""

    def __init__(self, face: Face, presence: bool) -> None:
        self._face = face
        self._presence = presence

    def frame(self, item: Item) -> bytes:
        if isinstance(item, Delivery):
            return text_frame(wire_json.encode(event_of(item.publication, item.position, self._face)))
        return text_frame(wire_json.encode(self._change(item))) if self._presence else b""

    def _change(self, item: PresenceChange) -> dict[str, object]:
        joins, leaves = map(_people, (item.diff.joins, item.diff.leaves))
        return {"action": "presence", self._face: item.topic, "joins": joins, "leaves": leaves}


class NativeWire(Wire):
    """
    Args:
        says_hello: Whether the first frame introduces the server: only if the client named the subprotocol, so that
            older clients see nothing they did not ask for.
    """

    name = "native"
    _VARIANTS: ClassVar[dict[tuple[str, bool], NativeVariant]] = {
        (face, shown): NativeVariant(face, shown) for face in ("room", "channel") for shown in (False, True)
    }

    def __init__(self, *, says_hello: bool) -> None:
        self._says_hello = says_hello

    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        hello = {"action": "hello", "client": client, "protocol": SUBPROTOCOL, "ping": ping}
        return (_frame(hello),) if self._says_hello else ()

    def decode(self, data: str | bytes) -> Iterable[Command]:
        size = len(data)
        if wire_json.is_too_deep(data):
            return (Invalid(Reply(size_bytes=size), Refused("bad_request", "not understood: nested too deeply")),)
        try:
            # what is skipped as raw JSON was not looked into: bytes that are no UTF-8 would reach every other member
            frame = _frames.decode(data if isinstance(data, str) else data.decode())
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return (_invalid(data, str(error), size),)
        face: Face = "room" if frame.room is not None else "channel"
        reply = Reply(frame.action, frame.ref, face, frame.room if frame.room is not None else frame.channel, size)
        understand = _ACTIONS.get(frame.action)
        if understand is not None:
            return (understand(frame, reply),)
        if frame.type == "pong":
            return (Nothing(reply),)
        if not frame.action:
            return (Invalid(reply, Refused("bad_request", 'the frame has no "action"')),)
        hint = nearest(frame.action, _ACTIONS)
        said = f"there is no action {frame.action[:64]!r}" + (f"; did you mean {hint!r}?" if hint else "")
        return (Invalid(reply, Refused("unknown_action", said), counts=False),)

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        if isinstance(result, Done):
            return ()
        if isinstance(result, Joined):
            return self._joined(reply, result)
        body = _error(reply, result) if isinstance(result, Refused) else _BODIES[type(result)](reply, result)
        return (_frame(_addressed(reply, body)),)

    def removed(self, topic: str, face: Face, reason: str, *, may_return: bool) -> Sequence[bytes]:
        code = 2500 if may_return else 2000
        body = {"action": "unsubscribed", face: topic, "code": code, "reason": reason, "retry": may_return}
        return (_frame(body),)

    def variant(self, face: Face, *, presence: bool) -> Variant:
        return self._VARIANTS[face, presence]

    def _joined(self, reply: Reply, result: Joined) -> list[bytes]:
        frames = [_frame(_addressed(reply, _join_body(reply, result)))]
        if result.members is not None:
            state = _people(result.members)
            frames.append(_frame({"action": "presence", reply.face: reply.topic, "state": state}))
        for entry in result.missed:
            position = Position(entry.offset, result.position.epoch)
            frames.append(_frame(event_of(entry.publication, position, reply.face)))
        return frames


def event_of(publication: Publication, position: Position | None, face: Face) -> dict[str, object]:
    """A publication as the object that clients get, live, replayed and in history alike."""
    event: dict[str, object] = {
        "action": "event",
        face: publication.topic,
        "event": publication.event,
        "payload": _payload(publication),
    }
    if position is not None:
        event["offset"], event["epoch"] = position.offset, position.epoch
    event["time"] = publication.at
    if publication.sender is not None:
        event["sender"] = {"client": publication.sender.client, "user": publication.sender.user}
    return event


def _payload(publication: Publication) -> object:
    if publication.kind == "json":
        return msgspec.Raw(publication.payload)
    if publication.kind == "text":
        return publication.payload.decode()
    return {"base64": base64.b64encode(publication.payload).decode()}


def _people(members: Iterable[Present]) -> list[dict[str, object]]:
    return [_person(one) for one in members]


def _person(one: Present) -> dict[str, object]:
    person: dict[str, object] = {"client": one.client, "user": one.user}
    if one.info is not None:
        person["info"] = msgspec.Raw(one.info)
    return person


def _frame(body: dict[str, object]) -> bytes:
    return text_frame(wire_json.encode(body))


def _addressed(reply: Reply, body: dict[str, object]) -> dict[str, object]:
    """With a `ref` the reply says what it answers; without one it is as short as the oldest clients expect."""
    if reply.ref is None:
        return body
    return {"action": reply.action, **body, "ref": reply.ref}


# --- what is understood


def _topic(reply: Reply) -> str | Invalid:
    if reply.topic is None:
        words = f'{reply.action!r} needs a "room" or a "channel"'
        return Invalid(reply, Refused("bad_request", words), counts=False)
    return reply.topic


def _bytes(raw: msgspec.Raw) -> bytes | None:
    return bytes(raw) or None


def _join(frame: Frame, reply: Reply) -> Command:
    topic = _topic(reply)
    if isinstance(topic, Invalid):
        return topic
    since = None if frame.since is None else Position(max(0, frame.since.offset), frame.since.epoch)
    return Join(topic, reply, since, frame.presence, _bytes(frame.info))


def _leave(frame: Frame, reply: Reply) -> Command:
    topic = _topic(reply)
    return topic if isinstance(topic, Invalid) else Leave(topic, reply)


def _publish(frame: Frame, reply: Reply) -> Command:
    topic = _topic(reply)
    if isinstance(topic, Invalid):
        return topic
    exclude = frozenset() if frame.echo else frozenset((SELF,))
    payload = bytes(frame.payload or _NULL)
    return Publish(topic, reply, payload, event=frame.event, exclude=exclude, key=frame.id)


def _chat(frame: Frame, reply: Reply) -> Command:
    """The oldest clients' word for publishing `message` to the channel `chat`, themselves excluded."""
    said = {"user": frame.user or _NULL, "message": frame.message or _NULL}
    topic = reply.topic or "chat"
    reply = Reply("chat", reply.ref, reply.face, topic, reply.size_bytes)
    return Publish(topic, reply, wire_json.encode(said), exclude=frozenset((SELF,)))


def _history(frame: Frame, reply: Reply) -> Command:
    topic = _topic(reply)
    if isinstance(topic, Invalid):
        return topic
    since = None if frame.since is None else Position(max(0, frame.since.offset), frame.since.epoch)
    limit = DEFAULT_HISTORY_LIMIT if frame.limit is None else max(0, frame.limit)
    return ReadHistory(topic, reply, since, limit, frame.reverse)


def _presence(frame: Frame, reply: Reply) -> Command:
    topic = _topic(reply)
    return topic if isinstance(topic, Invalid) else ReadPresence(topic, reply)


def _ping(frame: Frame, reply: Reply) -> Command:
    return Ping(reply)


def _pong(frame: Frame, reply: Reply) -> Command:
    return Nothing(reply)


SELF = "\0self"
"""Stands for the publishing connection in `exclude`: a wire does not know its id. No id has a NUL in it."""

_ACTIONS: dict[str, Callable[[Frame, Reply], Command]] = {
    "join_room": _join,
    "leave_room": _leave,
    "subscribe": _join,
    "unsubscribe": _leave,
    "publish": _publish,
    "chat": _chat,
    "history": _history,
    "presence": _presence,
    "ping": _ping,
    "pong": _pong,
}


def _invalid(data: str | bytes, problem: str, size: int) -> Invalid:
    """A frame that is no JSON, or whose keys have wrong types; answered with its ref if that can be read."""
    try:
        head = _heads.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Invalid(Reply(size_bytes=size), Refused("bad_request", f"not understood: {problem}"))
    ref = head.ref if isinstance(head.ref, str | int | float) and not isinstance(head.ref, bool) else None
    return Invalid(Reply(head.action, ref, size_bytes=size), Refused("bad_request", f"not understood: {problem}"))


# --- what is answered


def _join_body(reply: Reply, result: Joined) -> dict[str, object]:
    word = "joined" if reply.action == "join_room" else "subscribed"
    position = result.position
    body: dict[str, object] = {"status": word, reply.face: reply.topic}
    body["epoch"], body["offset"] = position.epoch, position.offset
    if result.recovered is not None:
        body["recovered"], body["missed"] = result.recovered, len(result.missed)
    if result.members is not None:
        body["members"] = len(result.members)
    if result.response is not None:
        body["response"] = result.response
    return body


def _left_body(reply: Reply, result: Left) -> dict[str, object]:
    word = "left" if reply.action == "leave_room" else "unsubscribed"
    return {"status": word, reply.face: reply.topic}


def _published_body(reply: Reply, result: Published) -> dict[str, object]:
    if reply.action == "chat":
        return {"status": "message_sent"}
    body: dict[str, object] = {"status": "published", reply.face: reply.topic}
    if result.position is not None:
        body["offset"], body["epoch"] = result.position.offset, result.position.epoch
    return body


def _handled_body(reply: Reply, result: Handled) -> dict[str, object]:
    body = _published_body(reply, Published(None))
    return body if result.value is None else {**body, "payload": result.value}


def _history_body(reply: Reply, result: HistoryRead) -> dict[str, object]:
    epoch = result.position.epoch
    events = [event_of(one.publication, Position(one.offset, epoch), reply.face) for one in result.entries]
    return {
        "status": "ok",
        reply.face: reply.topic,
        "epoch": epoch,
        "offset": result.position.offset,
        "events": events,
    }


def _presence_body(reply: Reply, result: PresenceRead) -> dict[str, object]:
    members = _people(result.members)
    return {
        "status": "ok",
        reply.face: reply.topic,
        "members": members,
        "clients": len(members),
        "users": result.users,
    }


def _pong_body(reply: Reply, result: Pong) -> dict[str, object]:
    return {"action": "pong", "timestamp": result.at}


def _error(reply: Reply, error: Refused) -> dict[str, object]:
    shown = {"code": error.code, "reason": error.reason, "message": error.message, "temporary": error.temporary}
    body: dict[str, object] = {"status": "error", "error": {**shown, **error.details}}
    if reply.action:
        body["action"] = reply.action
    if reply.topic is not None:
        body[reply.face] = reply.topic
    return body


_BODIES: dict[type, Callable[[Reply, Any], dict[str, object]]] = {
    Left: _left_body,
    Published: _published_body,
    Handled: _handled_body,
    HistoryRead: _history_body,
    PresenceRead: _presence_body,
    Pong: _pong_body,
}
