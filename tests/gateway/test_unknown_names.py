"""A name that means nothing: what is said helps whoever mistyped it, and repeats little of whoever attacks."""

from __future__ import annotations

import pytest

from gateway.unknown_names import SHOWN, unknown, unknown_action


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ehco", "there is no action 'ehco'; did you mean 'echo'?"),
        ("xyzzy", "there is no action 'xyzzy'"),
        ("", "there is no action ''"),
        ("it's\n", '''there is no action "it's\\n"'''),
    ],
)
def test_the_nearest_is_named_if_one_is_near(name: str, said: str) -> None:
    """A guess that is none would send people the wrong way."""
    assert unknown("there is no action", name, ["echo", "ping"]) == said


def test_a_long_name_is_not_sent_back_whole() -> None:
    """An answer is never as large as what somebody sent for it."""
    assert unknown("no", "x" * 1_000_000, ["x"]) == f"no {'x' * SHOWN!r}"


def test_the_refusal_says_the_same() -> None:
    """Its reason is the one that clients compare."""
    refused = unknown_action("no", "pimg", ["ping"])
    assert (refused.reason, refused.message) == ("unknown_action", "no 'pimg'; did you mean 'ping'?")
