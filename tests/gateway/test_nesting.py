"""How deep a text nests is found in one walk over it, whatever a stranger has written: nothing was read before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import wire_json
from tests.support.laws import examples

MESSAGE = 64 * 1024
"""Bytes that anybody may send at once."""

DEEP = "[" * (wire_json.MAX_DEPTH + 1)
STRINGS = ['"a[b"', '"\\"["', '"\\\\"', '"\\\\\\"{"']


@given(st.text('"\\[{]}a\n', max_size=60))
@examples(400)
def test_each_quote_is_looked_at_once(text: str) -> None:
    """None is left over: one that begins no string would have been followed to the end of the text in vain."""
    assert b'"' not in wire_json._STRING.sub(b"", text.encode())


@pytest.mark.parametrize("hostile", ['\\"', "\\\\", "\\", "a", '\\"['])
@pytest.mark.parametrize("end", ["", "\\"])
def test_a_string_that_never_ends_stops_nobody(hostile: str, end: str) -> None:
    """The first of these took 20 s of everybody's time, from anybody, on every wire; what is in it does not nest."""
    endless = '"' + hostile * ((MESSAGE - len(DEEP)) // len(hostile)) + end
    assert wire_json.is_too_deep(DEEP + endless)
    assert not wire_json.is_too_deep("[]" * len(DEEP) + endless)


@given(st.lists(st.sampled_from(STRINGS + list("[]{},1")), max_size=40))
@examples(400)
def test_only_brackets_between_strings_count(parts: list[str]) -> None:
    """Each that opens is a level more, each that closes one less."""
    depth = most = 0
    for part in parts:
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part, 0)
        most = max(most, depth)
    allowed = "[]" * len(DEEP) + "[" * (wire_json.MAX_DEPTH - most) + "".join(parts)
    assert not wire_json.is_too_deep(allowed)
    assert wire_json.is_too_deep("[" + allowed)
