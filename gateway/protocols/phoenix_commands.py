"""What clients of Phoenix ask, as commands: four events have a meaning of their own, every other one is a push."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import msgspec

from .. import wire_json
from ..messages.commands import MAX_SESSION, Broken, Invalid, Join, Leave, Ping, Publish, ReadHistory, Reply
from ..reasons import InvalidJSON, Refused
from .json_shapes import Since, limit_of
from .phoenix_frames import JOIN, LEAVE, Message, Said, read
from .phoenix_pushes import KEY, is_reserved

if TYPE_CHECKING:
    from ..messages.commands import Command

HISTORY, HEARTBEAT, PUSH = "gw:history", "heartbeat", "push"
"""What a command is called, beside joins and leaves; every event of an application is a push."""

SOCKET_TOPIC = "phoenix"
"""Under which a heartbeat comes: it is about the socket."""


class Wishes(msgspec.Struct):
    """What a join asks for under our key."""

    meta: bool = False
    since: Since | None = None
    info: Any = None
    session: Annotated[str, msgspec.Meta(max_length=MAX_SESSION)] | None = None


class Pages(msgspec.Struct):
    """The payload of `gw:history`."""

    limit: int | None = None
    since: Since | None = None
    reverse: bool = False


_pages = msgspec.json.Decoder(Pages)


def command_of(data: str | bytes) -> Command:
    """The one command of a frame; `Broken` if it is none, `Invalid` if it is one that cannot be carried out."""
    message = read(data)
    if message is None:
        return Broken("bad_request", Reply(size_bytes=len(data)))
    understand = _EVENTS.get(message.event, _push)
    if (message.topic, message.event) == (SOCKET_TOPIC, HEARTBEAT):
        understand = _ping
    reply = _reply_to(message, len(data))
    try:
        if message.kind == "json" and wire_json.is_too_deep(message.payload):
            raise Refused("bad_request", "not understood: nested too deeply")
        return understand(message, reply)
    except Refused as error:
        join = Join(message.topic, reply, join_ref=_membership(message)) if message.event == JOIN else None
        return Invalid(reply, error, counts=False, join=join)


def _reply_to(message: Message, size: int) -> Reply:
    action = message.event if message.event in _EVENTS else PUSH
    return Reply(action, Said(message.join_ref, message.ref), topic=message.topic, size_bytes=size)


def _join(message: Message, reply: Reply) -> Command:
    params = _params(message)
    wishes = Wishes()
    if isinstance(params, dict) and (asked := params.pop(KEY, None)) is not None:
        wishes = _wishes(asked)
    since = None if wishes.since is None else wishes.since.position()
    said = Said(message.join_ref, message.ref, wishes.meta, wishes.meta or since is not None)
    return Join(
        message.topic,
        attrs.evolve(reply, ref=said),
        since,
        presence=True,
        info=None if wishes.info is None else wire_json.encode(wishes.info),
        params=params,
        join_ref=_membership(message),
        session=wishes.session,
    )


def _params(message: Message) -> Any:
    if message.kind == "binary":
        return message.payload
    try:
        return wire_json.decode(message.payload)
    except InvalidJSON as error:  # a number that is too large
        raise Refused("bad_request", f"not understood: {error.msg}") from None


def _wishes(asked: object) -> Wishes:
    try:
        return msgspec.convert(asked, Wishes)
    except msgspec.ValidationError as error:
        raise Refused("bad_request", f'"{KEY}" is not understood: {error}') from None


def _leave(message: Message, reply: Reply) -> Command:
    return Leave(message.topic, reply, _membership(message))


def _history(message: Message, reply: Reply) -> Command:
    try:
        pages = _pages.decode(message.payload)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused("bad_request", f"not understood: {error}") from None
    since = None if pages.since is None else pages.since.position()
    return ReadHistory(message.topic, reply, since, limit_of(pages.limit), pages.reverse)


def _ping(message: Message, reply: Reply) -> Command:
    return Ping(attrs.evolve(reply, action=HEARTBEAT))


def _push(message: Message, reply: Reply) -> Command:
    """What an event may be called is looked at for every wire alike; here only what Phoenix keeps for the server."""
    topic, event = message.topic, message.event
    if is_reserved(event, by_client=True):
        raise Refused("bad_request", f"could not use the event name {event[:64]!r}: it is the server's; choose another")
    return Publish(topic, reply, message.payload, message.kind, event=event, join_ref=_membership(message))


def _membership(message: Message) -> str | None:
    """What tells one membership from another; a number is compared as the text it is in a binary frame."""
    return None if message.join_ref is None else str(message.join_ref)


_EVENTS: dict[str, Callable[[Message, Reply], Command]] = {JOIN: _join, LEAVE: _leave, HISTORY: _history}
