"""What a class says of its actors is looked at when it is made; until then a turn would meet it, again and again."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Actor, BadActor, handles


class Add:
    """A message."""


class Take:
    """Another."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mailbox", 5),
        ("supervision", "one_for_all"),  # the failure of a child went round in the supervisor for ever
        ("child_spec", "permanent"),
        ("reply_errors", [ValueError]),  # the failure of an ask left the actor standing, and its asker
        ("reply_errors", "ValueError"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused(name: str, value: Any) -> None:
    """The letter names the class, the attribute, and what it was given."""
    with pytest.raises(BadActor, match=f"could not make Wrong: its {name} is") as caught:
        type("Wrong", (Actor,), {name: value})
    assert repr(value) in str(caught.value)


def test_settings_that_can_be_are_taken() -> None:
    """`reply_errors` may be what `isinstance` takes."""
    for errors in ((), (ValueError, KeyError), None, LookupError):
        assert type("Right", (Actor,), {"reply_errors": errors})


@pytest.mark.parametrize("types", [(), ("Add",), (Add | Take,), (list[int],), ((Add, Take),), (None,), (lambda: None,)])
def test_a_mark_that_no_message_can_match_is_refused(types: tuple[Any, ...]) -> None:
    """Its method would never be called, and nothing would ever say so."""
    with pytest.raises(BadActor, match="cannot handle"):
        handles(*types)


def test_a_mark_without_its_brackets_is_refused() -> None:
    """Python calls the mark with the method, which then was not there any more."""
    with pytest.raises(BadActor, match=r"cannot handle .*add"):

        class Wrong(Actor):
            @handles  # type: ignore[arg-type]
            def add(self, message: Add) -> None: ...


@pytest.mark.parametrize("around", [staticmethod, classmethod])
def test_a_mark_that_would_not_be_seen_is_refused(around: Any) -> None:
    """What it marks was never run, and its messages went to `on_receive`."""
    with pytest.raises(BadActor, match=rf"its add is a {around.__name__}, below which @handles is not seen"):
        type("Counter", (Actor,), {"add": around(handles(int)(lambda message: None))})


def test_two_handlers_of_one_class_for_one_type_are_refused() -> None:
    """The later one had it, the other was never called."""
    with pytest.raises(BadActor, match="add and again both handle Add"):

        class Wrong(Actor):
            @handles(Add)
            def add(self, message: Add) -> None: ...

            @handles(Take, Add)
            def again(self, message: Add | Take) -> None: ...


def test_a_subclass_may_take_a_type_over_and_a_method_may_have_two_names() -> None:
    """Neither is a mistake."""

    class Base(Actor):
        @handles(Add)
        def add(self, message: Add) -> None: ...

        also = add

    class Derived(Base):
        @handles(Add)
        def other(self, message: Add) -> None: ...

    assert Derived._handlers[Add] is Derived.other


def test_what_has_a_yield_would_never_run() -> None:
    """A generator that nobody iterates: the fixture of a test, or a slip."""
    with pytest.raises(BadActor, match="on_start is a generator"):

        class Fixture(Actor):
            def on_start(self) -> Any:
                yield

    with pytest.raises(BadActor, match="add is a generator"):

        class Slip(Actor):
            @handles(Add)
            async def add(self, message: Add) -> Any:
                yield
