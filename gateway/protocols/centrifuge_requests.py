"""
What the commands of the Centrifuge protocol ask of our machines, and which of them break the connection.

As in the reference (centrifuge `client.go`, 2026-08): what a client could not have meant ends the connection, what is
merely not to be had here is answered with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from .. import wire_json
from ..engines.stream import Position
from ..messages.commands import (
    Call,
    Identify,
    Invalid,
    Join,
    Leave,
    Ping,
    Publish,
    ReadHistory,
    ReadPresence,
    Renew,
    Reply,
)
from ..reasons import InvalidJSON, Refused
from . import centrifuge_frames as frames

if TYPE_CHECKING:
    from ..messages.commands import Command

_REJECT_UNRECOVERED = 2
"""Bit of a subscribe's `flag`: it wants error 112 rather than a subscription with a hole."""

_DELTAS = (None, "", "fossil")
"""Known, and never granted: a client that asked gets whole publications (as in the reference where none is allowed)."""

_SHARED_POLL = 4
"""The `type` of a subscribe whose channel is polled by the server; 1 to 3 are maps."""

_NOWHERE: Mapping[str, Position] = MappingProxyType({})


@attrs.frozen
class Asked:
    """What an answer needs of its command."""

    id: int
    """0: nobody waits for an answer."""
    since: Mapping[str, Position]
    """By channel, what it wanted to recover from."""


def command_of(name: str, request: Any, id: int, size_bytes: int) -> Command | None:
    """
    A request as a command of ours, whose reply carries an `Asked`.

    Returns:
        None if the connection cannot go on after it.
    """
    channel = None
    if "channel" in request.__struct_fields__:
        channel = request.channel
        if not channel:
            return None
    return _COMMANDS[name](request, Reply(name, Asked(id, _since(request)), topic=channel, size_bytes=size_bytes))


def _since(request: object) -> Mapping[str, Position]:
    if isinstance(request, frames.Connect):
        subs = (request.subs or {}).items()
        return {channel: _position(sub) for channel, sub in subs if sub is not None and sub.recover}
    if isinstance(request, frames.Subscribe) and request.recover:
        return {request.channel or "": _position(request)}
    return _NOWHERE


def _position(sub: frames.Subscribe | frames.Place) -> Position:
    return Position(sub.offset or 0, sub.epoch or "")


# --- one function a request


def _connect(request: frames.Connect, reply: Reply) -> Command | None:
    return Identify(reply, request.token or None, bytes(request.data) or None, _since(request))


def _subscribe(request: frames.Subscribe, reply: Reply) -> Command | None:
    if request.type:
        reason = "not_available" if request.type == _SHARED_POLL else "bad_request"
        return _refuse(reply, reason, f"subscriptions of type {request.type} are not available; leave out the type")
    if request.delta not in _DELTAS:
        return None
    if bytes(request.tf) not in (b"", b"null"):
        return _refuse(reply, "bad_request", "tag filters are not available; leave out tf")
    try:
        params = wire_json.decode(bytes(request.data)) if request.data else None
    except InvalidJSON:
        return None
    return Join(
        request.channel or "",
        reply,
        _position(request) if request.recover else None,
        presence=bool(request.join_leave),
        params=params,
        token=request.token or None,
        must_recover=bool(request.recover and (request.flag or 0) & _REJECT_UNRECOVERED),
    )


def _unsubscribe(request: frames.Channel, reply: Reply) -> Command | None:
    return Leave(request.channel or "", reply)


def _publish(request: frames.Publish, reply: Reply) -> Command | None:
    if request.type:
        return _refuse(reply, "not_available", "map channels are not available; publish without a type")
    return Publish(request.channel or "", reply, _payload(request.data))


def _presence(request: frames.Channel, reply: Reply) -> Command | None:
    return ReadPresence(request.channel or "", reply)


def _history(request: frames.History, reply: Reply) -> Command | None:
    since = None if request.since is None else _position(request.since)
    limit = request.limit or 0
    return ReadHistory(request.channel or "", reply, since, None if limit < 0 else limit, bool(request.reverse))


def _rpc(request: frames.Rpc, reply: Reply) -> Command | None:
    return Call(request.method or "", reply, _payload(request.data))


def _send(request: frames.Send, reply: Reply) -> Command | None:
    return Call("", reply, _payload(request.data))


def _refresh(request: frames.Refresh, reply: Reply) -> Command | None:
    return Renew(reply, request.token) if request.token else None


def _sub_refresh(request: frames.SubRefresh, reply: Reply) -> Command | None:
    if not request.token:
        return _refuse(reply, "bad_request", "a subscription is refreshed with its token; send one")
    return Renew(reply, request.token, request.channel)


def _ping(request: frames.Ping, reply: Reply) -> Command | None:
    return Ping(reply)


_COMMANDS: Mapping[str, Callable[[Any, Reply], Command | None]] = {
    "connect": _connect,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "presence": _presence,
    "presence_stats": _presence,
    "history": _history,
    "ping": _ping,
    "send": _send,
    "rpc": _rpc,
    "refresh": _refresh,
    "sub_refresh": _sub_refresh,
}


def _refuse(reply: Reply, reason: str, words: str) -> Invalid:
    return Invalid(reply, Refused(reason, words), counts=False)


def _payload(data: wire_json.Raw) -> bytes:
    return bytes(data) or b"null"
