"""Names of topics and events: which pass, and what is said of the others."""

from __future__ import annotations

import pytest

from gateway.limits.names import check_topic_name
from gateway.reasons import Refused


@pytest.mark.parametrize("name", ["chat", "room:42", "a b", "ümläut", "x" * 255, "é" * 127, "日本", "a/b|c'd"])
def test_an_ordinary_name_passes_as_it_is(name: str) -> None:
    """Any text without the few forbidden characters."""
    assert check_topic_name(name) == name


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("", "it is empty"),
        (None, "it is NoneType"),
        (7, "it is int"),
        (b"chat", "it is bytes"),
        ("x" * 256, "it has 256 bytes; use at most 255"),
        ("é" * 128, "it has 256 bytes"),
        ("a,b", "it contains ','"),
        ('a"b', "it contains '\"'"),
        ("a\nb", r"it contains '\\n'"),
        ("a\x00", r"it contains '\\x00'"),
        ("a\x7f", r"it contains '\\x7f'"),
        ("a\x85", r"it contains '\\x85'"),
        ("a\ud800", "half of a surrogate pair"),
    ],
)
def test_a_name_that_is_not_safe_on_every_wire_is_refused(name: object, fact: str) -> None:
    """The peer learns what is wrong with it."""
    with pytest.raises(Refused, match=fact) as caught:
        check_topic_name(name)
    assert caught.value.reason == "bad_request"
    caught.value.message.encode()


def test_a_node_may_allow_less() -> None:
    """The bound is an argument, in bytes."""
    assert check_topic_name("abcd", max_bytes=4) == "abcd"
    with pytest.raises(Refused, match="use at most 3"):
        check_topic_name("abcd", max_bytes=3)
