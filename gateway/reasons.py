"""
Why something was refused, and why a connection ended.

Rules of this file: a reason is ours and has a name; a number belongs to a wire. Code compares names, never numbers.
Two tables: `REASONS`, the errors answered on a wire that stays open, and `CLOSE_REASONS`, the ends of a connection.
The numbers are Centrifuge's, which the native wire shares (centrifuge `errors.go`, `disconnect.go`), and RFC 6455's.

What it refuses to know: how a wire spells an error, who is told, and what is logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

ComeBack = Literal["now", "later", "never"]

APP_CODES = range(400, 2000)
"""Error codes an application may use for reasons of its own; Centrifuge's SDKs leave them to the application."""


@attrs.frozen
class Reason:
    """An error a peer can be answered with."""

    name: str
    code: int
    """What the native and the Centrifuge wires send."""
    message: str
    """Words for a developer who reads the frame; never shown to decide anything."""
    temporary: bool = False
    """True if the same request may succeed later: Centrifuge's clients then retry by themselves."""


@attrs.frozen
class CloseReason:
    """An end of a connection that the server chose."""

    name: str
    meaning: str
    """Words for the close frame of every wire; must not look like JSON, which centrifuge-js 5.8 would obey."""
    come_back: ComeBack
    """`now`: reconnect with the usual back-off; `later`: wait first, or the cause is still there; `never`: final."""
    code: int
    """What the native and the Centrifuge wires send: 3000-3499 come back, 3500-3999 are final, as is 1009."""
    raw_code: int
    """What the raw wire sends: RFC 6455's own, or 4000-4003 where it has none. 1000 is never right for Phoenix."""


def _by_name(*reasons: Reason) -> Mapping[str, Reason]:
    return MappingProxyType({reason.name: reason for reason in reasons})


def _closes_by_name(*reasons: CloseReason) -> Mapping[str, CloseReason]:
    return MappingProxyType({reason.name: reason for reason in reasons})


REASONS: Mapping[str, Reason] = _by_name(
    Reason("internal", 100, "internal server error", temporary=True),
    Reason("timed_out", 100, "timed out", temporary=True),
    Reason("unauthorized", 101, "unauthorized"),
    Reason("unknown_channel", 102, "unknown channel"),
    Reason("permission_denied", 103, "permission denied"),
    Reason("unknown_action", 104, "method not found"),
    Reason("already_subscribed", 105, "already subscribed"),
    Reason("limit_exceeded", 106, "limit exceeded"),
    # Shares 106, but is not the client's doing: the topic has as many members as it takes.
    Reason("topic_full", 106, "topic is full"),
    Reason("bad_request", 107, "bad request"),
    # 107 and not 103: nothing is wrong with the peer's rights, only with the order of its requests. Clients answer
    # 103 with a new login or by giving up; what cures this one is to join first.
    Reason("not_joined", 107, "not joined"),
    Reason("not_available", 108, "not available"),
    # Shares 108, but temporary: another node, or this one after its restart, will answer.
    Reason("shutting_down", 108, "shutting down", temporary=True),
    Reason("token_expired", 109, "token expired"),
    Reason("expired", 110, "expired"),
    Reason("too_many_requests", 111, "too many requests", temporary=True),
    Reason("unrecoverable_position", 112, "unrecoverable position"),
    Reason("concurrent_pagination", 113, "concurrent pagination", temporary=True),
)
"""Every error a wire may answer, by name. Names share a code where Centrifuge has no own one for them."""


CLOSE_REASONS: Mapping[str, CloseReason] = _closes_by_name(
    CloseReason("normal", "closed", "now", 3000, 1000),
    CloseReason("shutdown", "shutdown", "later", 3001, 1012),
    CloseReason("server_error", "internal server error", "later", 3004, 1011),
    CloseReason("expired", "connection expired", "now", 3005, 4003),
    CloseReason("subscription_expired", "subscription expired", "now", 3006, 4003),
    CloseReason("slow_consumer", "slow consumer", "now", 3008, 1013),
    CloseReason("insufficient_state", "insufficient state", "now", 3010, 1012),
    CloseReason("heartbeat_lost", "heartbeat lost", "now", 3012, 4000),
    CloseReason("rate_limited", "too many requests", "later", 3013, 4002),
    CloseReason("invalid_token", "invalid token", "never", 3500, 4001),
    CloseReason("bad_request", "bad request", "never", 3501, 1008),
    CloseReason("stale", "not authenticated in time", "never", 3502, 4001),
    CloseReason("disconnected", "disconnected by the server", "never", 3503, 1008),
    CloseReason("too_many_errors", "too many errors", "never", 3509, 1008),
    # Ours alone: Centrifuge numbers its own one by one from 3500, and leaves 4000-4999 to applications. Final, because
    # who is told to come back does so within half a second (centrifuge-js 5.8), and would send the same again.
    CloseReason("too_many_crashes", "messages crashed a topic too often", "never", 3600, 1008),
    # Faults of the WebSocket layer itself, below any wire: RFC 6455 7.4.1 names their codes, so every wire sends them.
    CloseReason("message_too_big", "message too big", "never", 1009, 1009),
    CloseReason("invalid_data", "invalid data", "later", 1007, 1007),
    CloseReason("protocol_error", "protocol error", "later", 1002, 1002),
)
"""Every end the server chooses, by name. Codes an application closes with are not here: they pass through as given."""


class GatewayError(Exception):
    """The root of what this package raises on purpose."""


class Refused(GatewayError):
    """
    The peer's fault: answered on whatever wire it came from, without a traceback.

    Args:
        reason: A name of `REASONS`, or an application's own (`"full"`).
        message: Words for the peer's developer; default: the table's, or the name with spaces.
        code: Only for an application's own reason: 400-1999, default 400.
        temporary: Whether trying again may help; default: the table's, or False.
        details: Values added to the answer, such as `retry_after=1.5`; must be encodable on the wire.

    Raises:
        ValueError: `code` is out of its range, or given for a reason that has one.
    """

    reason: str
    code: int
    message: str
    temporary: bool
    details: dict[str, object]

    def __init__(
        self,
        reason: str = "permission_denied",
        message: str | None = None,
        *,
        code: int | None = None,
        temporary: bool | None = None,
        **details: object,
    ) -> None:
        super().__init__(reason, message)
        entry = REASONS.get(reason) or _own_reason(reason, code)
        if code not in (None, entry.code):
            raise ValueError(f"could not refuse with {reason!r}: its code is {entry.code}, not {code}; omit the code")
        self.reason = reason
        self.code = entry.code
        self.message = entry.message if message is None else message
        self.temporary = entry.temporary if temporary is None else temporary
        self.details = details

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def _own_reason(name: str, code: int | None) -> Reason:
    chosen = APP_CODES.start if code is None else code
    if chosen not in APP_CODES:
        raise ValueError(f"could not refuse with {name!r}: code {chosen} is not an application's; use 400 to 1999")
    return Reason(name, chosen, name.replace("_", " "))


class WebSocketDisconnect(GatewayError):
    """The socket is gone: the one exception of every receive and send after its end. `code` as RFC 6455 7.1.5."""

    def __init__(self, code: int = 1005, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"websocket disconnected with {self.code}" + (f": {self.reason}" if self.reason else "")


def is_departure(error: BaseException) -> bool:
    """Whether it says that the socket is gone, and nothing else: alone, or as the group that a `TaskGroup` raises."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_departure, error.exceptions))
    return isinstance(error, WebSocketDisconnect)


class InvalidData(GatewayError):
    """
    The peer's message is not what was asked for: its fault, as with `Refused`. Nobody is shown a traceback.

    A class endpoint answers it and goes on; a function that lets it escape is over, and its client closed with 1007.
    """

    @property
    def fact(self) -> str:
        """What is wrong with the message, without repeating it."""
        return str(self)


class InvalidJSON(InvalidData, json.JSONDecodeError):
    """The peer's text is no JSON. Code that catches `json.JSONDecodeError` keeps working; takes `msg, doc, pos`."""

    @property
    def fact(self) -> str:
        return f"no JSON: {self.msg}"


class InvalidText(InvalidData, UnicodeDecodeError):
    """The peer's binary message is no UTF-8. Code that catches `UnicodeDecodeError` keeps working; takes the same."""

    @property
    def fact(self) -> str:
        return f"no text: byte {self.start} is no UTF-8"


class InvalidToken(GatewayError):
    """
    A token that says nothing we believe. Not an answer but an end: the close reason `invalid_token`, which no client
    retries.

    Its text is for our log: it never repeats the token, the secret, or what nobody signed.
    """

    def __init__(self, fact: str, advice: str = "") -> None:
        super().__init__(fact, advice)
        self.fact = fact
        self.advice = advice

    def __str__(self) -> str:
        return f"could not accept the token: {self.fact}" + (f"; {self.advice}" if self.advice else "")


class NotAccepted(GatewayError):
    """An act that needs an accepted connection came before `accept()`."""

    def __init__(self, act: str = "use the connection") -> None:
        super().__init__(act)
        self.act = act

    def __str__(self) -> str:
        return f"could not {self.act}: the connection is not accepted; must accept first (await ws.accept())"


class TopicKindError(GatewayError):
    """A topic declared as one kind was used as another: a mistake of the application, where it is declared."""

    def __init__(self, topic: str, declared: str, wanted: str) -> None:
        super().__init__(topic, declared, wanted)
        self.topic = topic
        self.declared = declared
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"could not use {self.topic!r} as a {self.wanted}: it is declared as a {self.declared}; "
            f"put the handlers there, or choose another name"
        )
