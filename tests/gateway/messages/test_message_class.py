"""What makes a class a message."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

import attrs
import msgspec
import pytest

from gateway.messages.message_class import action_of, message, snake_case
from gateway.messages.schemas import encode


@message
class Say:
    text: str
    loud: bool = False


@dataclasses.dataclass
class JoinRoom:
    room: str


@dataclasses.dataclass
class Chanx:
    payload: str
    action: Literal["chanx"] = "chanx"


class Tagged(msgspec.Struct, tag="tagged", tag_field="action"):
    x: int


@attrs.frozen
class Plain:
    x: int


@pytest.mark.parametrize(
    ("name", "snake"), [("Say", "say"), ("JoinRoom", "join_room"), ("HTTPError2X", "http_error2_x")]
)
def test_names_are_cut_where_people_would(name: str, snake: str) -> None:
    """Before a capital, and not inside an abbreviation."""
    assert snake_case(name) == snake


def test_a_message_is_frozen_and_takes_keywords_alone() -> None:
    """`attrs.frozen(kw_only=True)`; its action can be read, and not chosen."""
    said = Say(text="hi")
    assert (said.action, said, hash(said)) == ("say", Say(text="hi"), hash(Say(text="hi")))  # type: ignore[attr-defined]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        said.text = "no"  # type: ignore[misc]
    for arguments in (lambda: Say("hi"), lambda: Say(text="hi", action="other")):  # type: ignore[call-arg,misc]
        with pytest.raises(TypeError):
            arguments()


def test_a_subclass_is_a_message_of_its_own() -> None:
    """It has the fields of its base, its own action, and the action first."""

    @message
    class Shout(Say):
        volume: int = 11

    assert json.loads(encode(Shout(text="a"))) == {"action": "shout", "text": "a", "loud": False, "volume": 11}
    assert encode(Shout(text="a")).startswith(b'{"action":"shout"')
    assert action_of(Say(text="a")) == "say"


def test_a_message_cannot_be_made_of_what_is_one_already() -> None:
    """Dataclasses, attrs classes and structs are taken as they are; saying it twice is a mistake."""
    for kind in (JoinRoom, Tagged, Plain, Say):
        with pytest.raises(TypeError, match="leave @message out"):
            message(kind)


def test_two_actions_for_one_class_are_refused() -> None:
    """Also one that is annotated and has no value, or is no string."""

    def annotated(**attributes: Any) -> type:
        return type("Odd", (), {"__annotations__": {"action": "str"}, **attributes})

    with pytest.raises(TypeError, match="leave one of them out"):
        message("a")(annotated(action="b"))
    with pytest.raises(TypeError, match="has no value"):
        message(annotated())
    with pytest.raises(TypeError, match="use a string"):
        message(annotated(action=5))
    with pytest.raises(TypeError, match="use a string"):
        message("")(type("Odd", (), {}))


def test_a_field_called_action_makes_no_message_unless_it_is_declared() -> None:
    """An audit entry has an action too; only the default of the class says what a message is called."""

    @attrs.frozen
    class Audit:
        action: str

    assert action_of(Audit("delete")) is None
    assert [action_of(one) for one in (Chanx("a"), Tagged(1), Chanx("a", "other"))] == [  # type: ignore[arg-type]
        "chanx",
        "tagged",
        None,
    ]
