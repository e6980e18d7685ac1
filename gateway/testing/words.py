"""What a test says and expects, and what it is on the wire: messages with a type, text, bytes, any other JSON."""

from __future__ import annotations

from typing import Any, TypeVar

from .. import wire_json
from ..messages.message_class import action_of, is_schema
from ..messages.schemas import Messages, head_of, schema_of
from ..reasons import APP_CODES, REASONS, InvalidJSON, Refused

T = TypeVar("T")


def written(value: object) -> str | bytes:
    """
    A frame: bytes as a binary one, a `str` as it is; a message with its action, and anything else as JSON.

    Raises:
        TypeError: JSON cannot carry it.
    """
    if isinstance(value, str | bytes):
        return value
    return payload_of(value).decode()


def payload_of(value: object) -> bytes:
    """Encoded JSON. Raises as `written`."""
    if is_schema(type(value)):
        value, _ = Messages(outgoing=(type(value),)).ready(value)
    return wire_json.encode(value)


def event_of(value: object) -> str:
    """The event that a payload is published as, unless the test says which: a message under its action."""
    return action_of(value) or "message"


def read_as(kind: type[T], data: str | bytes) -> T:
    """
    The message that a frame is: a whole one, or the payload of an event of that name.

    Raises:
        ValueError: It is another, or none; says why.
    """
    action = schema_of(kind).action
    try:
        head = head_of(data)
        if head.action == "event":
            return _payload_as(kind, action, wire_json.decode(data))
        if head.action != action:
            raise ValueError(f"its action is {head.action!r}, not {action!r}")
        return Messages((kind,)).from_frame(action, data)  # type: ignore[return-value]
    except (Refused, InvalidJSON) as error:
        raise ValueError(str(error)) from None


def is_unasked(kind: type, data: str | bytes) -> bool:
    """Whether a frame is what the native wire says of its own accord, and none of that class."""
    if b"expiring" not in (data.encode() if isinstance(data, str) else data):
        return False
    try:
        frame = wire_json.decode(data)
    except ValueError:
        return False
    is_push = isinstance(frame, dict) and frame.keys() == {"action", "in"} and frame["action"] == "expiring"
    return is_push and schema_of(kind).action != "expiring"


def _payload_as(kind: type[T], action: str, frame: Any) -> T:
    event = frame.get("event")
    if event != action:
        raise ValueError(f"its event is {event!r}, not {action!r}")
    return Messages((kind,)).from_payload(action, wire_json.encode(frame.get("payload")))  # type: ignore[return-value]


def refusal(reply: Any) -> Refused | None:
    """The error that a reply of the native wire carries, as a handler raised it; None: it is no error."""
    if not isinstance(reply, dict) or reply.get("status") != "error":
        return None
    shown = dict(reply["error"])
    reason, code, message = shown.pop("reason"), shown.pop("code"), shown.pop("message")
    own = code if reason not in REASONS and code in APP_CODES else None
    return Refused(reason, message, code=own, temporary=shown.pop("temporary"), **shown)
