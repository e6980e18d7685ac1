"""Bodies of the HTTP API become requests, or an error that names the field."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway.reasons import InvalidJSON, Refused
from gateway.web.api import requests as asked
from gateway.web.api.methods import METHODS


def read(kind: type[asked.Request], **fields: Any) -> Any:
    return asked.Reader(kind).read(json.dumps(fields).encode())


def refused(kind: type[asked.Request], body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        asked.Reader(kind).read(body)
    return caught.value


def test_a_payload_is_not_decoded_on_its_way() -> None:
    """What JSON has several spellings for leaves as it came: a number, an escape, the order of keys."""
    body = b'{"channel":"a","data":{"b":1.50, "a":"\\u0041", "b":2}}'
    assert bytes(asked.Reader(asked.Publish).read(body).payload()) == b'{"b":1.50, "a":"\\u0041", "b":2}'


def test_a_payload_that_was_written_for_people_becomes_one_line() -> None:
    """Some wires end their messages with a line end; spaces inside of texts are the payload's own."""
    body = b'{"channel": "a", "data": {\r\n  "text": "two  spaces",\n  "n": [1,\n 2]\n}}'
    assert bytes(asked.Reader(asked.Publish).read(body).payload()) == b'{"text":"two  spaces","n":[1,2]}'


def test_bytes_come_as_base64() -> None:
    """And go before `data`, as in Centrifugo."""
    request = read(asked.Publish, channel="a", data=1, b64data=base64.b64encode(b"\x00\xff").decode())
    assert request.payload() == b"\x00\xff"


@pytest.mark.parametrize(
    ("info", "shown"), [("", None), (',"info":null', None), (',"info":{}', b"{}"), (',"info":[1,\n2]', b"[1,2]")]
)
def test_info_is_shown_as_one_line_or_not_at_all(info: str, shown: bytes | None) -> None:
    """Null says nothing."""
    request = asked.Reader(asked.Subscribe).read(f'{{"user":"u","channel":"a"{info}}}'.encode())
    assert request.shown_info() == shown


@pytest.mark.parametrize("fields", [{}, {"b64data": ""}, {"b64data": "not base64!"}, {"b64data": "AAA"}])
def test_a_payload_that_is_none_is_a_bad_request(fields: dict[str, Any]) -> None:
    """Missing, empty, or no base64."""
    with pytest.raises(Refused, match=r"^bad_request: `(data|b64data)` is "):
        read(asked.Publish, channel="a", **fields).payload()


def test_null_is_a_payload() -> None:
    """JSON has it, and it is not the same as nothing."""
    assert bytes(read(asked.Publish, channel="a", data=None).payload()) == b"null"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (asked.Publish, b'{"data":1}', "`channel` is missing"),
        (asked.Publish, b'{"channel":7,"data":1}', "`channel`: expected `str`, got `int`"),
        (asked.Broadcast, b'{"channels":["a",7],"data":1}', "`channels[1]`: expected `str`, got `int`"),
        (asked.History, b'{"channel":"a","limit":"10"}', "`limit`: expected `int`, got `str`"),
        (asked.History, b'{"channel":"a","since":{"offset":"1"}}', "`since.offset`: expected `int`, got `str`"),
        (
            asked.History,
            b'{"channel":"a","since":{"offset":9007199254740993}}',
            "`since.offset`: expected `int` <= 9007199254740992",
        ),
        (
            asked.Subscribe,
            b'{"user":"u","channel":"a","recover_since":{"offset":99999999999999999999999}}',
            "`recover_since.offset`: expected `int` <= 9007199254740992",
        ),
        (
            asked.Subscribe,
            b'{"user":"u","channel":"a","expire_at":1795219200000}',
            "`expire_at`: expected `float` <= 253402300799.0",
        ),
        (asked.Refresh, b'{"user":"u","expire_at":1e308}', "`expire_at`: expected `float` <= 253402300799.0"),
        (asked.Subscribe, b'{"user":"u","channel":"a","expire_at":1e400}', "`expire_at`: number out of range"),
        (asked.Disconnect, b"{}", "`user` is missing"),
        (asked.Publish, b"[]", "the body: expected `object`, got `array`"),
    ],
)
def test_a_wrong_field_is_named(kind: type[asked.Request], body: bytes, said: str) -> None:
    """With what it has to be and what it is; code 107."""
    error = refused(kind, body)
    assert (error.code, error.message) == (107, said)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_known_is_skipped(method: str) -> None:
    """As in Centrifugo: a newer client may say more than we know."""
    fields = {"user": "u", "channel": "a", "channels": ["a"], "novelty": {"x": [1]}}
    METHODS[method].reader.read(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        (asked.Publish, {"channel": "a", "data": 1, "tags": {"a": "b"}}, "tags"),
        (asked.Broadcast, {"channels": ["a"], "data": 1, "version": 7}, "version"),
        (asked.Subscribe, {"user": "u", "channel": "a", "data": {"x": 1}}, "data"),
        (asked.Subscribe, {"user": "u", "channel": "a", "override": {"presence": {"value": True}}}, "override"),
        (asked.Disconnect, {"user": "u", "session": "s"}, "session"),
        (asked.Refresh, {"user": "u", "info": {"x": 1}}, "info"),
    ],
)
def test_what_would_change_something_and_is_not_served_is_refused(
    kind: type[asked.Request], fields: dict[str, Any], name: str
) -> None:
    """Disconnecting all of a user's sessions where one was meant would be worse than an error; 108, by name."""
    error = refused(kind, json.dumps(fields).encode())
    assert error.code == 108
    assert error.message.startswith(f"`{name}` is not served here")


@pytest.mark.parametrize("nothing", [None, False, 0, "", [], {}])
def test_a_field_that_is_not_served_may_say_nothing(nothing: object) -> None:
    """Libraries send what was not set as null or as empty."""
    assert read(asked.Publish, channel="a", data={"tags": {"a": "b"}}, tags=nothing).channel == "a"


def test_a_payload_may_have_fields_of_any_name() -> None:
    """What is refused is the request's own field, not one of the payload."""
    assert read(asked.Publish, channel="a", data={"tags": {"a": "b"}, "session": 1}).channel == "a"


@pytest.mark.parametrize("body", [b"", b"{", b'{"channel":"a"} x', b'{"channel":"a","data":NaN}', b"{'a':1}"])
def test_what_is_no_json_says_where(body: bytes) -> None:
    """Truncated, trailing, NaN, single quotes."""
    with pytest.raises(InvalidJSON, match=r"truncated|byte"):
        asked.Reader(asked.Publish).read(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b'{"channel":"a","data":"\xff"}', r"no UTF-8 \(byte 23\)"), (b"[" * 101 + b"]" * 101, "nested too deeply")],
)
def test_what_a_payload_may_not_be_is_seen_although_it_is_skipped(body: bytes, said: str) -> None:
    """It would reach every subscriber as it came."""
    with pytest.raises(InvalidJSON, match=said):
        asked.check_body(body)


def test_lists_are_bounded() -> None:
    """None is a mistake, too many are several requests."""
    asked.check_count("channels", 1, 2)
    asked.check_count("channels", 2, 2)
    with pytest.raises(Refused, match="bad_request: `channels` is empty"):
        asked.check_count("channels", 0, 2)
    with pytest.raises(Refused, match="limit_exceeded: `channels` has 3 entries; send at most 2"):
        asked.check_count("channels", 3, 2)


@pytest.mark.parametrize("pattern", ["[z", "room:[", "[", "[]", "[!]", "[!]a", "a[]b", "[a]["])
def test_a_bracket_that_is_not_closed_is_refused(pattern: str) -> None:
    """It was read as the character itself, and so found nothing."""
    with pytest.raises(Refused, match=r"bad_request: `pattern` has a \[ that is not closed; .*\[\[\]"):
        read(asked.Channels, pattern=pattern).checked_pattern()


@pytest.mark.parametrize("pattern", ["[z-a]", "room:[9-0]*", "[a-z][z-a]"])
def test_a_range_that_holds_nothing_is_refused(pattern: str) -> None:
    """No name fits it."""
    with pytest.raises(Refused, match=r"bad_request: nothing is in .*-.* of `pattern`; write the lower end first"):
        read(asked.Channels, pattern=pattern).checked_pattern()


@pytest.mark.parametrize("pattern", ["", "*", "a]", "[[]", "[]]", "[!]]*", "[]a-z]", "[a-]", "[a-z][0-9]", "[(?!)]"])
def test_other_patterns_are_taken_as_they_are(pattern: str) -> None:
    """A bracket may stand in brackets, the closing one at their beginning."""
    assert read(asked.Channels, pattern=pattern).checked_pattern() == (pattern or "*")


@pytest.mark.parametrize("pattern", ["{a,b}", "a\\*"])
def test_a_pattern_that_would_be_misread_is_refused(pattern: str) -> None:
    """Centrifugo's globs have alternatives and escapes; matching them as text would find nothing and say nothing."""
    with pytest.raises(Refused, match="bad_request: `pattern`"):
        read(asked.Channels, pattern=pattern).checked_pattern()
