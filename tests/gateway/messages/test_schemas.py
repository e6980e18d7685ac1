"""Messages with a type: what their action is, what fits, what does not and why, and what goes out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from decimal import Decimal
from typing import Any, Literal

import attrs
import msgspec
import pytest

from gateway import wire_json
from gateway.messages.message_class import action_of, message
from gateway.messages.schemas import Messages, encode, head_of, schema_of
from gateway.reasons import Refused


@message
class Say:
    text: str
    loud: bool = False


@message("move")
class MoveTo:
    column: int = attrs.field(validator=attrs.validators.in_(range(7)))
    trail: list[Point] = attrs.field(factory=list)


@attrs.frozen
class Point:
    x: float
    y: float


@message
class Echo:
    action: Literal["echo"] = "echo"
    payload: str


@message
class Sit:
    pass


@dataclasses.dataclass
class JoinRoom:
    room: str


@dataclasses.dataclass
class Chanx:
    payload: str
    action: Literal["chanx"] = "chanx"


class Tagged(msgspec.Struct, tag="tagged", tag_field="action"):
    x: int


class OtherTag(msgspec.Struct, tag="other"):
    x: int


@attrs.frozen
class Plain:
    x: int


ALL = (Say, MoveTo, Echo, Sit, JoinRoom, Chanx, Tagged, OtherTag, Plain)
TABLE = Messages(ALL)


def refusal(action: str, payload: bytes, kind: str = "json") -> Refused:
    with pytest.raises(Refused) as caught:
        TABLE.from_payload(action, payload, kind)
    return caught.value


# --- classes


@pytest.mark.parametrize(
    ("kind", "action"),
    list(zip(ALL, ["say", "move", "echo", "sit", "join_room", "chanx", "tagged", "other", "plain"], strict=True)),
)
def test_d1_an_action_is_declared_or_the_name_in_snake_case(kind: type, action: str) -> None:
    """By argument, by literal, by tag, else by the name of the class."""
    assert schema_of(kind).action == action


def test_classes_that_objects_with_an_action_cannot_fill_are_refused() -> None:
    """Where they are declared, not at the first message."""

    class Array(msgspec.Struct, array_like=True):
        x: int

    class Strict(msgspec.Struct, forbid_unknown_fields=True):
        x: int

    class Two(msgspec.Struct):
        action: Literal["a", "b"]

    class Numbered(msgspec.Struct, tag=5):
        x: int

    for kind, words in ((Array, "array"), (Strict, "unknown keys"), (Two, "one value"), (Numbered, "use a string")):
        with pytest.raises(TypeError, match=words):
            schema_of(kind)
    for nothing in (int, "say", None, Messages):
        with pytest.raises(TypeError, match="it is no message"):
            schema_of(nothing)


def test_fields_that_cannot_be_named_are_refused_with_their_name() -> None:
    """An annotation nobody can resolve is found where the class is handled."""

    @message
    class Lost:
        what: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match="Nowhere"):
        schema_of(Lost)


def test_one_action_has_one_class() -> None:
    """Two that cannot be told apart are refused; one that is named twice is one."""

    @message("say")
    class Other:
        pass

    with pytest.raises(TypeError, match="'say' is the action of Say and Other"):
        Messages([Say, Other])
    assert set(Messages([Say], [Say]).outgoing) == {"say"}


# --- what comes in


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("say", b'{"text":"hi"}', Say(text="hi")),
        ("say", b'{"action":"say","text":"hi","loud":true,"more":[1]}', Say(text="hi", loud=True)),
        ("move", b'{"column":6,"trail":[{"x":1,"y":2.5}]}', MoveTo(column=6, trail=[Point(1.0, 2.5)])),
        ("echo", b'"hi"', Echo(payload="hi")),
        ("echo", b'{"action":"echo","payload":"hi"}', Echo(payload="hi")),
        ("sit", b"null", Sit()),
        ("sit", b"{}", Sit()),
        ("join_room", b'{"room":"a"}', JoinRoom("a")),
        ("chanx", b'"a"', Chanx("a")),
        ("tagged", b'{"x":1}', Tagged(1)),
        ("other", b'{"action":"other","x":1}', OtherTag(1)),
        ("plain", b'{"x":1}', Plain(1)),
    ],
)
def test_d1_what_fits_becomes_an_object_of_its_class(action: str, payload: bytes, expected: object) -> None:
    """The payload is the object of the fields; for a class that has only `payload` it is that."""
    assert TABLE.from_payload(action, payload) == expected


@pytest.mark.parametrize(
    ("action", "frame", "expected"),
    [
        ("echo", '{"action":"echo","payload":"Hello, Chanx!"}', Echo(payload="Hello, Chanx!")),
        ("chanx", '{"action":"chanx","payload":"a","ref":1}', Chanx("a")),
        ("say", '{"action":"say","text":"hi"}', Say(text="hi")),
    ],
)
def test_d1_a_frame_is_the_whole_message(action: str, frame: str, expected: object) -> None:
    """Flat, or with a `payload`: its keys are the fields."""
    assert TABLE.from_frame(action, frame) == expected


@pytest.mark.parametrize(
    ("action", "payload", "field", "words"),
    [
        ("say", b"{}", "text", "missing required field"),
        ("say", b"null", "text", "missing required field"),
        ("say", b'{"text":1}', "text", "expected `str`, got `int`"),
        ("say", b'{"text":"a","loud":"yes"}', "loud", "expected `bool`, got `str`"),
        ("say", b'{"action":"shout","text":"a"}', "action", "'shout'"),
        ("move", b'{"column":7}', "column", "'column' must be in range(0, 7)"),
        ("move", b'{"column":1,"trail":[{"x":1,"y":1},{"x":1}]}', "trail[1].y", "missing required field"),
        ("move", b'{"column":1,"trail":[{"x":1e999,"y":1}]}', "trail[0].x", "out of range"),
        ("echo", b"5", "payload", "expected `str`, got `int`"),
    ],
)
def test_b7_what_does_not_fit_is_refused_with_field_and_reason(
    action: str, payload: bytes, field: str, words: str
) -> None:
    """The path of the field, and msgspec's or the validator's words for what is wrong with it."""
    error = refusal(action, payload)
    assert (error.reason, error.details) == ("bad_request", {"field": field})
    assert words in error.message
    assert error.message.startswith(f"not a message {action!r}: ")


@pytest.mark.parametrize(
    ("payload", "kind", "words"),
    [
        (b"[]", "json", "expected `object`, got `array`"),
        (b"", "json", "truncated"),
        (b'{"text":NaN}', "json", "malformed"),
        (b'{"text":"\xff"}', "json", "utf-8"),
        (b'{"text":' + b"[" * 200 + b"]" * 200 + b"}", "json", "nested too deeply"),
        (b"words", "text", "expected `object`, got `str`"),
        (b"\x00", "binary", "binary"),
    ],
)
def test_what_is_no_object_is_refused_as_a_whole(payload: bytes, kind: str, words: str) -> None:
    """There is no field to name then."""
    error = refusal("say", payload, kind)
    assert (error.reason, error.details) == ("bad_request", {})
    assert words in error.message


def test_a_reason_does_not_quote_without_end() -> None:
    """A validator may say the whole value; the client is told the beginning."""
    error = refusal("move", b'{"column":' + b"9" * 3000 + b"}")
    assert len(error.message) < 400


@pytest.mark.parametrize("value", ['"NaN"', '"Infinity"'])
def test_nan_is_refused_however_it_comes_in(value: str) -> None:
    """Decimals are written as strings, and keys of floats are."""

    @dataclasses.dataclass
    class Priced:
        price: Decimal = Decimal(1)
        by: dict[float, int] = dataclasses.field(default_factory=dict)

    table = Messages([Priced])
    for payload in (f'{{"price":{value}}}', f'{{"by":{{{value.lower()}:1}}}}'):
        with pytest.raises(Refused, match="NaN or Infinity"):
            table.from_payload("priced", payload.encode())


def test_d1_an_unknown_action_is_answered_with_the_nearest() -> None:
    """If one is near enough; and never with the whole of what was sent."""
    assert TABLE.unknown("ehco").message == "there is no action 'ehco'; did you mean 'echo'?"
    assert TABLE.unknown("pimg", "ping").message.endswith("did you mean 'ping'?")
    assert len(TABLE.unknown("x" * 100_000).message) < 100


def test_an_error_of_the_applications_own_code_is_no_fault_of_the_peer() -> None:
    """Only TypeError and ValueError of a validator say that a value is wrong."""

    @message
    class Buggy:
        def __attrs_post_init__(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Messages([Buggy]).from_payload("buggy", b"{}")


def test_a_head_is_read_whatever_the_rest_is() -> None:
    """The ref of a wrong kind is none; what is no object with a string for its action is refused."""
    head = head_of('{"ref":7,"action":"say","text":{"a":[1,2]}}')
    assert (head.action, head.ref) == ("say", 7)
    assert [head_of(f'{{"ref":{ref}}}').ref for ref in ("true", "[1]", "null", '"a"')] == [None, None, None, "a"]
    for wrong in ("", "[]", '{"action":1}', '{"action":', "[" * 101, b"\xff"):
        with pytest.raises(Refused, match="not understood"):
            head_of(wrong)


# --- what goes out


def test_d3_a_message_goes_out_with_its_action_first() -> None:
    """Whoever encodes it: here, or anything else that writes JSON."""
    for value in (Say(text="a"), Echo(payload="a"), Sit(), MoveTo(column=1)):
        assert wire_json.encode(value) == encode(value)
        assert encode(value).startswith(f'{{"action":"{action_of(value)}"'.encode())
    assert encode(Echo(payload="a")) == b'{"action":"echo","payload":"a"}'


def test_classes_that_do_not_write_their_action_get_it_from_their_table() -> None:
    """What a handler takes or a class `sends` is a message there, and plain data elsewhere."""
    for value, expected in (
        (JoinRoom("a"), {"action": "join_room", "room": "a"}),
        (OtherTag(1), {"action": "other", "type": "other", "x": 1}),
        (Plain(1), {"action": "plain", "x": 1}),
    ):
        ready, action = TABLE.ready(value)
        assert (json.loads(wire_json.encode(ready)), action) == (expected, expected["action"])
        assert Messages().ready(value) == (value, None)
        assert action_of(value) is None

    @dataclasses.dataclass
    class Nothing:
        pass

    assert wire_json.encode(Messages([Nothing]).ready(Nothing())[0]) == b'{"action":"nothing"}'


@pytest.mark.parametrize("value", [{"action": "say"}, "say", None, 1, [Say(text="a")], dt.date(2026, 1, 1)])
def test_plain_data_is_no_message(value: object) -> None:
    """It goes out as it is, under no action of its own."""
    assert Messages().ready(value) == (value, None)


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize("value", [NAN, INFINITY, Decimal("NaN"), [NAN], {NAN: 1}, {1.0, INFINITY}])
def test_nan_does_not_go_out(value: object) -> None:
    """msgspec would write null, which is another value; also in what a message holds."""

    @message
    class Price:
        value: Any

    with pytest.raises(TypeError, match="NaN or Infinity"):
        encode(Price(value=[value]))
    for holder in (Tagged(value), JoinRoom(value), Plain(value)):  # type: ignore[arg-type]
        assert not wire_json.is_finite(holder)
    assert wire_json.is_finite(Price(value=[Point(1.0, 2.0), Tagged(1), {"a": (1.5, None, True)}]))


def test_what_goes_out_comes_in_again() -> None:
    """Encoded and read back, each is equal to what it was."""
    for value in (
        Say(text="é\u2028"),
        MoveTo(column=2, trail=[Point(0.1, -1e300)]),
        Echo(payload=""),
        Sit(),
        Tagged(5),
    ):
        ready, action = TABLE.ready(value)
        assert action is not None
        assert TABLE.from_frame(action, wire_json.encode(ready)) == value
        assert TABLE.from_payload(action, wire_json.encode(ready)) == value
