"""
Shapes of what the Centrifuge protocol says: results of commands and pushes, as dicts under the names of client.proto.

Zero values are left out as in the reference, but for those that its clients read without looking whether they are
there: `message` of an error, `code` and `reason` of an unsubscribe, all of a history and of presence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import wire_json
from ..engines.stream import Position
from ..messages.publications import DEFAULT_EVENT
from ..reasons import Refused
from .json_shapes import Shape, value_of

if TYPE_CHECKING:
    from ..messages.commands import HistoryRead, Identified, Joined, PresenceRead
    from ..messages.presence import PresenceDiff, Present
    from ..messages.publications import Publication

MAX_TTL = 365 * 24 * 3600
"""Seconds; the reference's bound, which keeps clients' 32-bit timers from running over."""

UNSUBSCRIBED: Mapping[str, tuple[int, str]] = {
    "insufficient_state": (2500, "insufficient state"),
    "expired": (2501, "subscription expired"),
    "subscription_expired": (2501, "subscription expired"),
    "state_invalidated": (2502, "state invalidated"),
}
"""Reasons that have codes of their own. From 2500 on a client subscribes again by itself; after 2502 without its token
and its position."""

_SERVER_CODES = range(2000, 3000)


def push(channel: str, kind: str, shape: Shape) -> Shape:
    return {"push": {"channel": channel, kind: shape}}


def message(payload: object) -> Shape:
    """What the server sends to one client outside of channels."""
    return {"push": {"message": {"data": payload}}}


def connected(
    result: Identified, since: Mapping[str, Position], *, version: str, ping: float, expects_pong: bool
) -> Shape:
    """
    The connection, and the subscriptions that the server made for it.

    Args:
        ping: Seconds between two pings of the server, rounded up: clients wait that long and 10 s more. 0: none come.
    """
    subs = {channel: subscribed(joined, since.get(channel)) for channel, joined in result.joined.items()}
    return {
        "client": result.client,
        **_filled(version=version, **expiry(result.expires_in), subs=subs),
        **_filled(ping=math.ceil(ping), pong=expects_pong),
    }


def place(result: Joined) -> Shape:
    """Where a subscription starts; a channel without recovery has no position, as nobody could come back to it."""
    body = _filled(data=None if result.response is None else wire_json.Raw(wire_json.encode(result.response)))
    if not result.recoverable:
        return body
    position = result.position
    return {"recoverable": True, "positioned": True, **_filled(epoch=position.epoch, offset=position.offset), **body}


def subscribed(result: Joined, since: Position | None) -> Shape:
    """
    The answer to a subscribe, with what was missed.

    Recovered, it carries the offset it recovered from: clients set it, and each of the publications moves it on.
    """
    body = {**place(result), **expiry(result.expires_in)}
    if result.recovered is None:
        return body
    body["was_recovering"] = True
    if not result.recovered:
        return body
    body.pop("offset", None)
    epoch = result.position.epoch
    missed = [publication(one.publication, Position(one.offset, epoch)) for one in result.missed]
    asked = 0 if since is None else since.offset
    return {**body, "recovered": True, **_filled(offset=asked, publications=missed)}


def expiry(expires_in: float | None) -> Shape:
    """When a client has to come with a newer token. Rounded down, so that it is not late; 0 would be no timer."""
    if expires_in is None:
        return {}
    return {"expires": True, "ttl": int(min(max(1, expires_in), MAX_TTL))}


def publication(published: Publication, position: Position | None) -> Shape:
    """
    The same live, recovered and in history. Centrifuge has no events: one that is not `message` is a tag.

    No `time`: the reference has the field and does not send it. The epoch goes with a stream's first publication only:
    who subscribed before there was a stream learns it by that.
    """
    shape: Shape = {"data": value_of(published.payload, published.kind)}
    sender = published.sender
    if sender is not None:
        shape["info"] = person(sender.client, sender.user, sender.conn_info, sender.info)
    if position is not None:
        shape["offset"] = position.offset
    if published.event != DEFAULT_EVENT:
        shape["tags"] = {"event": published.event}
    if position is not None and position.offset == 1:
        shape["epoch"] = position.epoch
    return shape


def person(client: str, user: str, conn_info: bytes | None, chan_info: bytes | None) -> Shape:
    shape: Shape = {"user": user, "client": client}
    if conn_info is not None:
        shape["conn_info"] = wire_json.Raw(conn_info)
    if chan_info is not None:
        shape["chan_info"] = wire_json.Raw(chan_info)
    return shape


def comings_and_goings(channel: str, diff: PresenceDiff) -> Iterator[Shape]:
    """First the leaves; somebody whose info changed leaves and joins."""
    for one in diff.leaves:
        yield push(channel, "leave", {"info": _present(one)})
    for one in diff.joins:
        yield push(channel, "join", {"info": _present(one)})


def presence(result: PresenceRead) -> Shape:
    return {"presence": {one.client: _present(one) for one in result.members}}


def presence_stats(result: PresenceRead) -> Shape:
    return {"num_clients": len(result.members), "num_users": result.users}


def history(result: HistoryRead) -> Shape:
    epoch = result.position.epoch
    found = [publication(one.publication, Position(one.offset, epoch)) for one in result.entries]
    return {"publications": found, "epoch": epoch, "offset": result.position.offset}


def unsubscribed(reason: str, *, may_return: bool, code: int | None) -> Shape:
    """Whether it comes back is in the code: an application's own that says the opposite of `may_return` is not sent."""
    own, words = UNSUBSCRIBED.get(reason, (2500, reason)) if may_return else (2000, reason)
    if code is not None and code in _SERVER_CODES and (code >= 2500) == may_return:
        own = code
    return {"code": own, "reason": words}


def error(refused: Refused, *, is_of_channel: bool = False) -> Shape:
    """
    Args:
        is_of_channel: Whether it was asked of a channel. Who may not is told 103 there, also if logging in would help:
            the reference keeps 101 for the connection (centrifugo `client/handler.go`).

    `retry_after` is ours, in seconds; clients of the reference leave alone what they do not know.
    """
    if is_of_channel and refused.reason == "unauthorized":
        refused = Refused("permission_denied")
    shape = {"code": refused.code, "message": refused.message}
    return {**shape, **_filled(temporary=refused.temporary, retry_after=refused.details.get("retry_after"))}


def _present(one: Present) -> Shape:
    return person(one.client, one.user, one.conn_info, one.info)


def _filled(**fields: object) -> Shape:
    return {name: value for name, value in fields.items() if value}
