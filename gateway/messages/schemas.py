"""
Messages with a type: classes told apart by an `action`, checked where they come in, complete where they go out.

Theory of operation. msgspec decodes no union of attrs classes, so the head of a frame is read first, and then the whole
frame by the decoder of the class that its action names. Decoders belong to the table of the class that has the
handlers: there are as many as message classes are handled, and no registry beside it.

What it refuses to know: sockets, topics, and who handles a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from .. import wire_json
from ..reasons import Refused
from ..unknown_names import unknown_action
from ..wire_json import Raw
from .message_class import ACTION, action_of, checked_action, is_schema, snake_case

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PROBLEM = 300
"""Characters of a reason that a client is told: a validator may quote the whole value that it got."""


@attrs.frozen(eq=False)
class Schema:
    """What a table knows of one class."""

    kind: type
    action: str
    decoder: msgspec.json.Decoder[Any]
    fields: frozenset[str]
    """As they are called on the wire."""
    writes_action: bool
    """Whether its JSON has the action in it as it is."""

    @property
    def takes_payload(self) -> bool:
        """Whether `payload` is all it has: then the payload of a publication is that field, not the whole message."""
        return self.fields - {ACTION} == {"payload"}


def schema_of(kind: Any) -> Schema:
    """
    Reads a class once.

    Raises:
        TypeError: It is no message class, or JSON objects with an action cannot fill it.
    """
    if not is_schema(kind):
        words = "give an event's name, or a class made by @message, a dataclass, an attrs class or a struct"
        raise TypeError(f"could not handle {kind!r}: it is no message; {words}")
    try:
        info: Any = msgspec.inspect.type_info(kind)
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
    except NameError as error:
        words = f"{error}; message classes stand where their module can name what they are made of"
        raise TypeError(f"could not read the fields of {kind.__name__}: {words}") from error
    except TypeError as error:  # says itself which type JSON cannot fill
        raise TypeError(f"could not read the fields of {kind.__name__}: {error}") from error
    tag = getattr(info, "tag", None) if getattr(info, "tag_field", None) == ACTION else None
    literal = next((field.type for field in info.fields if field.encode_name == ACTION), None)
    _check_shape(kind, info, tag is not None or literal is not None)
    action = _action_for(kind, tag or getattr(info, "tag", None), literal)
    names = frozenset(field.encode_name for field in info.fields)
    return Schema(kind, action, decoder, names, tag is not None or literal is not None)


def _check_shape(kind: type, info: Any, has_action: bool) -> None:
    if getattr(info, "array_like", False):
        raise TypeError(f"could not handle {kind.__name__}: it is written as an array; leave out array_like")
    if getattr(info, "forbid_unknown_fields", False) and not has_action:
        words = 'it refuses unknown keys, and so its own action; give it tag_field="action"'
        raise TypeError(f"could not handle {kind.__name__}: {words}")


def _action_for(kind: type, tag: object, literal: object) -> str:
    if tag is not None:
        return checked_action(kind, tag)
    if literal is None:
        return snake_case(kind.__name__)
    values: tuple[object, ...] = getattr(literal, "values", ())
    if len(values) != 1:
        words = "its action is no literal with one value; write `action: Literal[...]`"
        raise TypeError(f"could not handle {kind.__name__}: {words}")
    return checked_action(kind, values[0])


# --- frames


class Head(msgspec.Struct):
    """What is read of a frame before anything else."""

    action: str = ""
    type: Any = ""
    """Of the oldest clients' pong; else a message's own, of whatever type."""
    ref: Any = None


_heads = msgspec.json.Decoder(Head)


def head_of(data: str | bytes) -> Head:
    """
    Raises:
        Refused: `bad_request`: no JSON object, or its action is no string.
    """
    if wire_json.is_too_deep(data):
        raise Refused("bad_request", "not understood: nested too deeply")
    try:
        head = _heads.decode(data if isinstance(data, str) else data.decode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused("bad_request", f"not understood: {error}") from None
    if not isinstance(head.ref, str | int | float) or isinstance(head.ref, bool):
        head.ref = None
    return head


class Messages:
    """
    The message classes of one class with handlers: what comes in, by action, and what else goes out.

    Raises:
        TypeError: A class is no message, or two have one action.
    """

    def __init__(self, incoming: Iterable[type] = (), outgoing: Iterable[type] = ()) -> None:
        self.incoming = _by_action(incoming)
        self.outgoing = {**self.incoming, **_by_action(outgoing)}
        self._kinds = {schema.kind: schema for schema in self.outgoing.values()}
        self._kinds |= {schema.kind: schema for schema in self.incoming.values()}

    def __contains__(self, action: object) -> bool:
        return action in self.incoming

    def from_frame(self, action: str, data: str | bytes) -> object:
        """
        The message that a whole frame is. Its action must be one that comes in.

        Raises:
            Refused: `bad_request`, with the `field` and the reason.
        """
        return self._decode(self.incoming[action], data)

    def from_payload(self, action: str, payload: bytes, kind: str = "json") -> object:
        """
        The message that is published as the payload of the event of that name.

        A class whose one field is `payload` takes it as that field, unless it is the whole message with its action.

        Raises:
            Refused: `bad_request`, with the `field` and the reason.
        """
        schema = self.incoming[action]
        if kind == "binary":
            raise Refused("bad_request", f"not a message {action!r}: binary; send a JSON object")
        if kind == "text":
            payload = wire_json.encode(payload.decode())
        if schema.takes_payload and not _is_whole(action, payload):
            payload = b'{"payload":' + payload + b"}"
        elif payload == b"null":
            payload = b"{}"
        return self._decode(schema, payload)

    def unknown(self, action: str, *more: str) -> Refused:
        """For an action that does not come in; names the nearest of those that do, and of `more`."""
        return unknown_action("there is no action", action, (*self.incoming, *more))

    def ready(self, value: object) -> tuple[object, str | None]:
        """A value as it goes out, and its action if it is a message, which then is encoded. Raises as `encode`."""
        schema = self._kinds.get(type(value))
        if schema is not None:
            return Raw(_complete(value, schema)), schema.action
        action = action_of(value)
        return (value, None) if action is None else (Raw(encode(value)), action)

    def _decode(self, schema: Schema, data: str | bytes) -> object:
        if wire_json.is_too_deep(data):
            raise Refused("bad_request", f"not a message {schema.action!r}: nested too deeply")
        try:
            found: object = schema.decoder.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _refusal(schema, error) from None
        if not wire_json.is_finite(found):
            raise Refused("bad_request", f"not a message {schema.action!r}: it holds NaN or Infinity")
        return found


def _by_action(kinds: Iterable[type]) -> dict[str, Schema]:
    table: dict[str, Schema] = {}
    for schema in map(schema_of, kinds):
        other = table.setdefault(schema.action, schema)
        if other.kind is not schema.kind:
            words = f"{other.kind.__name__} and {schema.kind.__name__}; declare another for one of them"
            raise TypeError(f"could not tell two messages apart: {schema.action!r} is the action of {words}")
    return table


def _is_whole(action: str, payload: bytes) -> bool:
    try:
        return _heads.decode(payload).action == action
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def encode(value: object) -> bytes:
    """
    A message as it goes out: an object with its `action`, which comes first if the class does not say otherwise.

    Raises:
        TypeError: A value JSON cannot carry, NaN and Infinity among them.
    """
    if not wire_json.is_finite(value):
        raise TypeError(
            f"could not send {type(value).__name__}: it holds NaN or Infinity, which JSON has not; send null"
        )
    return wire_json.encode(value, f"send {type(value).__name__}")


def _complete(value: object, schema: Schema) -> bytes:
    body = encode(value)
    if schema.writes_action:
        return body
    head = b'{"action":' + wire_json.encode(schema.action)
    return head + (b"}" if body == b"{}" else b"," + body[1:])


# --- what was wrong

_PLACE = re.compile(r" - at `\$\.?(?P<place>.*)`\Z", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`\Z")
_NAMED = re.compile(r"'(?P<name>\w+)' ")
"""How attrs' own validators begin."""


def _refusal(schema: Schema, error: Exception) -> Refused:
    problem, field = fault_of(error)
    details: dict[str, Any] = {"field": field} if field else {}
    where = f", at {field!r}" if field else ""
    return Refused("bad_request", f"not a message {schema.action!r}: {problem}{where}", **details)


def fault_of(error: Exception) -> tuple[str, str]:
    """The reason in words, and the path of the field, empty for the whole: `moves[2].column`."""
    words = str(error)
    found = _PLACE.search(words)
    place = "" if found is None else found["place"]
    problem = words if found is None else words[: found.start()]
    if error.__cause__ is not None:  # a validator of the application: attrs' own give the words first
        problem = str(next(iter(error.__cause__.args), type(error.__cause__).__name__))
    named = _MISSING.search(problem) or (_NAMED.match(problem) if error.__cause__ is not None else None)
    if named is not None:
        place = f"{place}.{named['name']}" if place else named["name"]
    if not problem[1:2].isupper():  # "Expected", but not "JSON"
        problem = problem[:1].lower() + problem[1:]
    return problem[:MAX_PROBLEM], place[:MAX_PROBLEM]
