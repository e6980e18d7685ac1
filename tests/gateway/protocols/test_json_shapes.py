"""What the wires that speak JSON have in common: payloads, refusals, positions."""

from __future__ import annotations

import msgspec
import pytest

from gateway import wire_json
from gateway.engines.stream import MAX_OFFSET, Position
from gateway.messages.publications import Kind
from gateway.protocols.json_shapes import DEFAULT_HISTORY_LIMIT, Since, limit_of, refusal, value_of
from gateway.reasons import Refused


@pytest.mark.parametrize(
    ("payload", "kind", "shown"),
    [(b'{"a":1}', "json", {"a": 1}), (b"hi", "text", "hi"), (b"\x00\xff", "binary", {"base64": "AP8="})],
)
def test_a_payload_is_a_value_of_json(payload: bytes, kind: Kind, shown: object) -> None:
    """JSON is passed on as it is, a text is a string, bytes are an object with base64."""
    assert wire_json.decode(wire_json.encode(value_of(payload, kind))) == shown


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('{"offset":3,"epoch":"e"}', Position(3, "e")),
        ('{"offset":3}', Position(3, "")),
        ('{"offset":3,"epoch":null}', Position(3, "")),
        ('{"offset":-1}', Position(0, "")),
    ],
)
def test_a_position_is_read_as_it_is_meant(text: str, position: Position) -> None:
    """Before the first is the first; no epoch stands for any."""
    assert msgspec.json.decode(text, type=Since).position() == position


def test_no_position_is_beyond_what_javascript_counts() -> None:
    """Such an offset was never given out."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"offset":{MAX_OFFSET + 1}}}', type=Since)


def test_a_history_without_a_limit_is_a_screenful() -> None:
    """And less than nothing is nothing."""
    assert [limit_of(None), limit_of(-3), limit_of(0), limit_of(7)] == [DEFAULT_HISTORY_LIMIT, 0, 0, 7]


def test_a_refusal_says_what_and_whether_to_try_again() -> None:
    """With its details beside that."""
    assert refusal(Refused("too_many_requests", "slow down", retry_after=1.5)) == {
        "status": "error",
        "error": {
            "code": 111,
            "reason": "too_many_requests",
            "message": "slow down",
            "temporary": True,
            "retry_after": 1.5,
        },
    }
