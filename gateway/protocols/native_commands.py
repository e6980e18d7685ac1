"""What clients of the native wire ask, as commands: eleven actions have a meaning here, every other is the app's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import wire_json
from ..messages.commands import (
    Call,
    Identify,
    Invalid,
    Join,
    Leave,
    Nothing,
    Ping,
    Publish,
    ReadHistory,
    ReadPresence,
    Reply,
)
from ..messages.publications import SELF
from ..reasons import InvalidJSON, Refused
from .json_shapes import limit_of
from .native_frames import UNREADABLE, Frame, decode, unread

if TYPE_CHECKING:
    from ..messages.commands import Command

_MYSELF = frozenset((SELF,))
_NOBODY: frozenset[str] = frozenset()


def command_of(data: str | bytes) -> Command:
    """The one command of a frame; `Invalid` if it is none, with its ref if that can be read."""
    size = len(data)
    if wire_json.is_too_deep(data):
        return Invalid(Reply(size_bytes=size), Refused("bad_request", "not understood: nested too deeply"))
    try:
        frame = decode(data if isinstance(data, str) else data.decode())
    except UNREADABLE as error:
        head = unread(data)
        reply = Reply(head.action, head.ref, size_bytes=size)
        return Invalid(reply, Refused("bad_request", f"not understood: {error}"))
    word, room = _WORDS.get(frame.action, frame.action), frame.room
    if room is None:
        reply = Reply(word, frame.ref, "channel", frame.channel, size)
    else:
        reply = Reply(word, frame.ref, "room", room, size)
    return ACTIONS.get(word, _other)(frame, reply)


def _other(frame: Frame, reply: Reply) -> Command:
    """The oldest clients' pong, or an action of the application's own."""
    if frame.type == "pong":
        return Nothing(reply)
    if not frame.action:
        return Invalid(reply, Refused("bad_request", 'the frame has no "action"'))
    return Call(frame.action, reply, _payload(frame), topic=reply.topic)


def _payload(frame: Frame) -> bytes:
    return bytes(frame.payload) or b"null"


def _homeless(reply: Reply) -> Invalid:
    words = f'{reply.action!r} needs a "room" or a "channel"'
    return Invalid(reply, Refused("bad_request", words), counts=False)


def _join(frame: Frame, reply: Reply) -> Command:
    if reply.topic is None:
        return _homeless(reply)
    since = None if frame.since is None else frame.since.position()
    try:
        params = wire_json.decode(bytes(frame.data)) if frame.data else None
    except InvalidJSON as error:  # a number that is too large
        return Invalid(reply, Refused("bad_request", f"not understood: {error.msg}"))
    info = bytes(frame.info) or None
    return Join(reply.topic, reply, since, frame.presence, info, params, token=frame.token, session=frame.session)


def _leave(frame: Frame, reply: Reply) -> Command:
    return _homeless(reply) if reply.topic is None else Leave(reply.topic, reply)


def _publish(frame: Frame, reply: Reply) -> Command:
    if reply.topic is None:
        return _homeless(reply)
    if not frame.payload:  # most likely under another name, which would be published as null to everybody
        words = "'publish' needs a \"payload\"; send null if there is nothing to say"
        return Invalid(reply, Refused("bad_request", words), counts=False)
    exclude = _NOBODY if frame.echo else _MYSELF
    return Publish(reply.topic, reply, bytes(frame.payload), event=frame.event, exclude=exclude, key=frame.id)


def _chat(frame: Frame, reply: Reply) -> Command:
    """The oldest clients' word for publishing `message` to the channel `chat`, themselves excluded."""
    null = wire_json.Raw(b"null")
    said = {"user": frame.user or null, "message": frame.message or null}
    topic = reply.topic or "chat"
    reply = Reply("chat", reply.ref, reply.face, topic, reply.size_bytes)
    return Publish(topic, reply, wire_json.encode(said), exclude=_MYSELF)


def _history(frame: Frame, reply: Reply) -> Command:
    if reply.topic is None:
        return _homeless(reply)
    since = None if frame.since is None else frame.since.position()
    return ReadHistory(reply.topic, reply, since, limit_of(frame.limit), frame.reverse)


def _presence(frame: Frame, reply: Reply) -> Command:
    return _homeless(reply) if reply.topic is None else ReadPresence(reply.topic, reply)


def _ping(frame: Frame, reply: Reply) -> Command:
    return Ping(reply)


def _pong(frame: Frame, reply: Reply) -> Command:
    return Nothing(reply)


def _auth(frame: Frame, reply: Reply) -> Command:
    if not frame.token and not frame.data:  # a page that has lost its token would be told that it is logged in
        return Invalid(reply, Refused("bad_request", "'auth' needs a \"token\""), counts=False)
    return Identify(reply, frame.token, bytes(frame.data) or None)


ACTIONS: Mapping[str, Callable[[Frame, Reply], Command]] = {
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
"""The words of this wire."""

_WORDS = {word: word for word in ACTIONS}
"""One string of each: a membership keeps the reply of its join, and a decoded word would be 58 bytes of its own."""
