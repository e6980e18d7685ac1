"""Marks of `@on`, read once per class."""

from __future__ import annotations

from typing import Any, Union

import pytest

from gateway import Gateway, Limit
from gateway.messages.handlers import Handlers, on
from gateway.messages.message_class import message


@message
class Say:
    text: str


@message("say")
class SayAgain:
    text: str


class Base:
    @on(Say, "shout")
    def say(self, who: Any, data: Any) -> str:
        return "base"


def test_handlers_are_found_by_event_and_by_action() -> None:
    """A handler of several has them all."""
    handlers = Handlers.of(Base)
    assert set(handlers.calls) == {"say", "shout"}
    assert set(handlers.messages.incoming) == {"say"}


def test_an_override_without_a_mark_replaces_the_marked_one() -> None:
    """It handles the same, and is still checked."""

    class Polite(Base):
        def say(self, who: Any, data: Any) -> str:
            return "please"

    handlers = Handlers.of(Polite)
    assert handlers.calls["say"] is Polite.say
    assert "say" in handlers.messages


def test_a_subclass_goes_before_what_it_inherits() -> None:
    """Another class for the same action, or the bare event, takes its place."""

    class Other(Base):
        @on(SayAgain)
        def say_again(self, who: Any, data: Any) -> None: ...

    class Bare(Base):
        @on("say")
        def anything(self, who: Any, data: Any) -> None: ...

    assert Handlers.of(Other).messages.incoming["say"].kind is SayAgain
    assert Handlers.of(Other).calls["say"] is Other.say_again
    assert "say" not in Handlers.of(Bare).messages
    assert Handlers.of(Bare).calls["say"] is Bare.anything


@pytest.mark.parametrize("what", [(), ("",), (5,), (int,), (Say, object()), (Say(text="a"),)])
def test_a_mark_names_events_or_message_classes(what: Any) -> None:
    """A handler for nothing is a mistake of its author, and found at once."""
    with pytest.raises(TypeError, match="names no event and no message"):
        on(*what)


@pytest.mark.parametrize("second", [Say, SayAgain, "say", Say | SayAgain])
def test_two_handlers_of_the_same_in_one_class_are_refused(second: Any) -> None:
    """The first would never be called; that a subclass goes before its base is meant."""

    class Twice:
        @on(Say)
        def say(self, who: Any, data: Any) -> None: ...

        @on(second)
        def say_again(self, who: Any, data: Any) -> None: ...

    with pytest.raises(TypeError, match="could not make Twice: 'say' is handled by say and say_again; one of them wou"):
        Handlers.of(Twice)


def test_one_method_may_have_two_names() -> None:
    """Both are it."""

    class Named:
        @on(Say)
        def say(self, who: Any, data: Any) -> None: ...

        speak = say

    assert Handlers.of(Named).calls["say"] is Named.say


@message
class Shout:
    text: str


def test_a_union_is_all_that_it_names_however_it_is_written() -> None:
    """`Union[Say, Shout]` is what `Say | Shout` is."""

    class Both:
        @on(Union[Say, Shout])  # noqa: UP007  # the older way of writing it
        def hear(self, who: Any, data: Any) -> None: ...

    assert set(Handlers.of(Both).calls) == {"say", "shout"}


@pytest.mark.parametrize("limit", [5, "5/s", (5, 1.0), Limit])
def test_a_limit_is_one(limit: Any) -> None:
    """A number alone says nothing of a time; the first message of a client closed its connection."""
    for declare in (on, Gateway().channel("chat").on):
        with pytest.raises(TypeError, match=r"could not limit messages by .*: write limit=Limit\(5, per=1\.0\)"):
            declare("say", limit=limit)
