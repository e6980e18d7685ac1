"""
The answer to "why was this user disconnected?", in sentences: what `hubbub why` prints.

Pure: the admin listener's JSON in, lines out. What a client may have chosen is printed without control characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ..reasons import CLOSE_REASONS
from .screen_text import printable

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "client": "its client closed it: look there, or at the page that was left",
        "heartbeat": "it did not answer pings: a network that went away, a sleeping phone, or a client that is stuck; "
        "it comes back by itself",
        "slow_consumer": "it read more slowly than its topics write: publish less to it, or raise "
        "gateway.limits.outbox_bytes and outbox_age, or let its topics drop (topics.*.slow)",
        "rate_limit": "it sent too fast and did not heed retry_after: mend the client, or raise "
        "gateway.limits.messages_per_second and burst",
        "expired": "its token ended and no newer one came: have the client renew it in time",
        "auth": "it could not prove who it is: check what signs its tokens, and gateway.auth",
        "app": "the application closed it, or ended its place in a topic: look for the code and reason there",
        "crash": "code failed while it served this connection: look for actor.failed in the log, at the same time",
        "shutdown": "this gateway was stopped: clients come back by themselves, to this one or another",
        "transport": "the network ended it without a goodbye: a lost connection, a killed client, or a proxy in "
        "between with a time limit of its own",
    }
)
"""A sentence for each `ended_by` of `ConnectionClosed`."""

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "message_too_big": "one of its messages was above gateway.limits.max_message: send less at once, or raise that",
        "too_many_errors": "it sent what nobody could understand, again and again: mend the client",
        "bad_request": "it sent what its wire does not allow: mend the client",
        "invalid_data": "it sent a text that is no UTF-8: mend the client, or send bytes",
        "protocol_error": "it broke the rules of WebSockets (RFC 6455): mend the client, or the proxy in between",
    }
)
"""What a client did whom we closed for it, by the name of the reason."""

CRASHED_A_TOPIC = (
    "its messages made the code of a topic fail three times in 30 s: look for actor.failed in the log, just before; "
    "mend that code, and the client if it should not send that"
)
"""Of whom `blame` found; other crashes say nothing about the client of their connection."""

NEVER_CONNECTED = (
    "no `connect` of its client was accepted within gateway.auth.authenticate_within: it sent none, as who speaks "
    "another protocol; or it was refused; or an authenticator took that long"
)
"""Of a Centrifuge client that had no identity in time; it begins with `connect`, with a token or without."""

NEVER_LOGGED_IN = (
    "it did not prove who it is within gateway.auth.authenticate_within, and gateway.auth.anonymous is off: have its "
    "client send a token at once"
)
"""Of any other client that had no identity in time."""

SHOWN_TOPICS = 10
"""Names of topics in a letter; the rest is counted."""

SHOWN_CHARACTERS = 200
"""Of any text that a client may have chosen."""

UNKNOWN = (
    "nothing is known of connection {id}: it never was here, belongs to another gateway, or was not among the last "
    "1,000 that left; look for it in the log (connection.closed)"
)


def letter(found: Mapping[str, Any]) -> list[str]:
    """One connection, as `/connections/{id}` tells it. Raises KeyError if that is no such answer."""
    return _open(found) if found["state"] == "open" else _closed(found)


def listing(found: Mapping[str, Any], principal: str | None = None) -> list[str]:
    """
    Several, as `/connections` tells them: those that are open, then those that ended, the newest first.

    Args:
        principal: Whose they are, if others were not asked for.
    """
    lines = [_open_line(one) for one in found["open"]] + [_closed_line(one) for one in found["closed"]]
    hidden = found["open_count"] - len(found["open"])
    if hidden > 0:
        lines.append(f"and {hidden} more that are open")
    return lines or [_nobody(principal)]


def _nobody(principal: str | None) -> str:
    if principal is None:
        return "nobody: no connection is open, and none has ended since this gateway started"
    whose = plain(principal) or "anonymous"
    return f"nobody: no connection of {whose} is open, and none is among the last 1,000 that left"


def _open(one: Mapping[str, Any]) -> list[str]:
    return [
        f"connection {plain(one['connection'])} is open",
        "",
        *_who(one),
        f"  open for    {_long(one['seconds'])}",
        *_traffic(one),
        f"  waiting     {_size(one['outbox_bytes'])} that it has not read yet",
        f"  topics      {_topics(one['topics'])}",
    ]


def _closed(one: Mapping[str, Any]) -> list[str]:
    return [
        f"connection {plain(one['connection'])} was ended by: {plain(one['ended_by'])}",
        "",
        *_who(one),
        f"  when        {_moment(one['at'])}, after {_long(one['seconds'])}",
        f"  code        {one['code']} {plain(one['reason'])}".rstrip(),
        *_traffic(one),
        f"  waiting     {_size(one['outbox_bytes'])} that it had not read",
        f"  topics      {_topics(one['topics'])}",
        "",
        f"  {_advice(one)}",
    ]


def _advice(one: Mapping[str, Any]) -> str:
    """What to do about it; where there are several causes of one kind, of that which it was."""
    if one["ended_by"] == "client":
        for name, sentence in FAULTS.items():
            reason = CLOSE_REASONS[name]
            is_of_parser = reason.code == reason.raw_code  # which has words of its own for what it found
            if one["code"] in (reason.code, reason.raw_code) and (is_of_parser or one["reason"] == reason.meaning):
                return sentence
    if one["ended_by"] == "crash" and _is(one, "too_many_crashes"):
        return CRASHED_A_TOPIC
    if one["ended_by"] == "auth" and _is(one, "stale"):
        return NEVER_CONNECTED if one["wire"] == "centrifuge" else NEVER_LOGGED_IN
    return ADVICE.get(one["ended_by"], "no more is known")


def _is(one: Mapping[str, Any], name: str) -> bool:
    """Whether we closed it for that: the Centrifuge wire has words of its own, the raw wire shared numbers."""
    reason = CLOSE_REASONS[name]
    return bool(one["code"] == reason.code or one["reason"] == reason.meaning)


def _who(one: Mapping[str, Any]) -> list[str]:
    return [
        f"  who         {plain(one['principal']) or 'anonymous'}, from {plain(one['address']) or 'a Unix socket'}",
        f"  where       {plain(one['path'])} ({plain(one['wire'])})",
    ]


def _traffic(one: Mapping[str, Any]) -> list[str]:
    count = one["missed_pings"]
    missed = f", {count} ping{'s' if count > 1 else ''} unanswered" if count else ""
    return [
        f"  last heard  {_long(one['last_inbound_age'])} before that{missed}"
        if one["state"] == "closed"
        else f"  last heard  {_long(one['last_inbound_age'])} ago{missed}",
        f"  messages    {one['received']} received; sent in {one['batches_sent']} batches",
    ]


def _topics(topics: Sequence[str]) -> str:
    shown = ", ".join(plain(topic) for topic in topics[:SHOWN_TOPICS]) or "none"
    more = len(topics) - SHOWN_TOPICS
    return f"{shown} and {more} more" if more > 0 else shown


def _open_line(one: Mapping[str, Any]) -> str:
    return f"{plain(one['connection'])}  open for {_long(one['seconds'])}  {_short_who(one)}"


def _closed_line(one: Mapping[str, Any]) -> str:
    ended = f"{plain(one['ended_by'])} {one['code']}  after {_long(one['seconds'])}"
    return f"{plain(one['connection'])}  {_moment(one['at'])}  {ended}  {_short_who(one)}"


def _short_who(one: Mapping[str, Any]) -> str:
    return f"{plain(one['principal']) or 'anonymous'} at {plain(one['path'])}"


def plain(text: str) -> str:
    """One line of it that a terminal takes for text."""
    return printable(text[:SHOWN_CHARACTERS])


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} bytes" if count else "nothing"
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


def _moment(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _long(seconds: float) -> str:
    """In the two largest units that say something."""
    whole = int(seconds)
    if whole < 10:
        return f"{max(0.0, seconds):.1f} s"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
