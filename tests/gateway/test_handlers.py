"""Marks of `@on`, read once per class."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.handlers import Handlers, on
from gateway.message_class import message


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
