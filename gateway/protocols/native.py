"""
The native wire, `gateway.v1`: JSON objects with an `action`, one per text frame.

Every action gets one reply; with a `ref` the reply carries it, without one it carries none. Names are whole: `join_room
x` and `subscribe x` mean one topic, and a member is answered in the word it used.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from .. import wire_json
from ..commands import (
    Call,
    Done,
    Handled,
    HistoryRead,
    Identified,
    Identify,
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
    Renewed,
    Reply,
)
from ..frames import text_frame
from ..lingering import MAX_SESSION
from ..publications import DEFAULT_EVENT, SELF, Delivery, PresenceChange, Publication
from ..reasons import Refused
from ..stream import Position
from .base import Variant, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..commands import Command, Face, Result
    from ..presence import Present
    from ..publications import Item, Kind

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
    session: Annotated[str, msgspec.Meta(max_length=MAX_SESSION)] | None = None
    echo: bool = True
    id: str | None = None
    limit: int | None = None
    reverse: bool = False
    user: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT
    token: str | None = None
    data: msgspec.Raw = _ABSENT


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
    renews = True
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
        return (Call(frame.action, reply, bytes(frame.payload or _NULL), topic=reply.topic),)

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        if isinstance(result, Done):
            return ()
        if isinstance(result, Joined):
            return self._joined(reply, result)
        if isinstance(result, Handled) and isinstance(result.value, msgspec.Raw):
            return (text_frame(_typed(reply, bytes(result.value))),)
        body = _error(reply, result) if isinstance(result, Refused) else _BODIES[type(result)](reply, result)
        return (_frame(_addressed(reply, body)),)

    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        number = code or (2500 if may_return else 2000)
        body: dict[str, object] = {"action": "unsubscribed", join.face: join.topic, "code": number}
        return (_frame({**body, "reason": reason, "retry": may_return}),)

    def variant(self, join: Join) -> Variant:
        return self._VARIANTS[join.reply.face, join.presence]

    def joined(self, topic: str, result: Joined) -> Sequence[bytes]:
        frames = self._joined(Reply("subscribe", topic=topic), result)
        return (_frame({"action": "subscribed", **_join_body(Reply("subscribe", topic=topic), result)}), *frames[1:])

    def message(self, payload: bytes, kind: Kind) -> Sequence[bytes]:
        return (_frame({"action": "message", "payload": _value(payload, kind)}),)

    def expiring(self, seconds: float) -> Sequence[bytes]:
        return (_frame({"action": "expiring", "in": round(seconds)}),)

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
        "payload": _value(publication.payload, publication.kind),
    }
    if position is not None:
        event["offset"], event["epoch"] = position.offset, position.epoch
    event["time"] = publication.at
    if publication.sender is not None:
        event["sender"] = {"client": publication.sender.client, "user": publication.sender.user}
    return event


def _value(payload: bytes, kind: Kind) -> object:
    if kind == "json":
        return msgspec.Raw(payload)
    if kind == "text":
        return payload.decode()
    return {"base64": base64.b64encode(payload).decode()}


def _people(members: Iterable[Present]) -> list[dict[str, object]]:
    return [_person(one) for one in members]


def _person(one: Present) -> dict[str, object]:
    person: dict[str, object] = {"client": one.client, "user": one.user}
    info = one.conn_info if one.info is None else one.info
    if info is not None:
        person["info"] = msgspec.Raw(info)
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
    return Join(topic, reply, since, frame.presence, _bytes(frame.info), session=frame.session)


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


def _auth(frame: Frame, reply: Reply) -> Command:
    return Identify(reply, frame.token, _bytes(frame.data))


_ACTIONS: dict[str, Callable[[Frame, Reply], Command]] = {
    "join_room": _join,
    "leave_room": _leave,
    "subscribe": _join,
    "unsubscribe": _leave,
    "publish": _publish,
    "chat": _chat,
    "history": _history,
    "presence": _presence,
    "auth": _auth,
    "ping": _ping,
    "pong": _pong,
}
NativeWire.actions = tuple(_ACTIONS)


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


def _typed(reply: Reply, message: bytes) -> bytes:
    """A message object goes out as it is; to who gave a `ref`, with it and a status."""
    if reply.ref is None:
        return message
    return wire_json.encode({**msgspec.json.decode(message), "status": "ok", "ref": reply.ref})


def _handled_body(reply: Reply, result: Handled) -> dict[str, object]:
    """An action of the application is answered with its status alone, a publication that it took with its topic."""
    is_own = reply.action not in _ACTIONS
    body: dict[str, object] = {"status": "ok"} if is_own else _published_body(reply, Published(None))
    return body if result.value is None else {**body, "payload": result.value}


def _identified_body(reply: Reply, result: Identified) -> dict[str, object]:
    body: dict[str, object] = {"status": "authenticated", "user": result.principal.id}
    if result.expires_in is not None:
        body["expires_in"] = round(result.expires_in)
    if result.joined:
        joined = result.joined.items()
        body["subscribed"] = {topic: _join_body(Reply("subscribe", topic=topic), one) for topic, one in joined}
    return body


def _renewed_body(reply: Reply, result: Renewed) -> dict[str, object]:
    body: dict[str, object] = {"status": "authenticated"}
    if result.expires_in is not None:
        body["expires_in"] = round(result.expires_in)
    return body


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
    Identified: _identified_body,
    Renewed: _renewed_body,
    Left: _left_body,
    Published: _published_body,
    Handled: _handled_body,
    HistoryRead: _history_body,
    PresenceRead: _presence_body,
    Pong: _pong_body,
}
