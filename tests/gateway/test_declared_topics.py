"""What an application says of topics: handles that are kept or not, and what holds where the file speaks as well."""

from __future__ import annotations

import weakref
from typing import Any

from gateway import Gateway, History
from gateway.config import GatewaySettings


def relay(member: Any, data: Any) -> None: ...


# --- handles of channels


def test_a_handle_that_declares_nothing_goes_with_who_held_it() -> None:
    """Names may come from clients: what app code looks up and drops leaves nothing behind."""
    app = Gateway()
    handles = [app.channel(f"chat:{number}") for number in range(100)]
    gone = [weakref.ref(one) for one in handles]
    del handles
    assert [one() for one in gone] == [None] * 100
    assert (len(app.topics.channels), len(app._handles)) == (0, 0)


def test_as_long_as_it_is_held_a_name_has_one_handle() -> None:
    """Whoever asks for it."""
    app = Gateway()
    chat = app.channel("chat")
    assert app.channel("chat") is chat
    assert app.channel("other") is not chat


def test_a_handler_stays_although_nobody_holds_its_handle() -> None:
    """It is declared: its events are handled, its topic is open, and the next handle of the name knows it."""
    app = Gateway()
    app.channel("chat").on("message")(relay)
    behaviour = app.topics.behaviour_for("chat")
    assert behaviour is not None
    assert set(behaviour.events) == {"message"}
    assert app.channel("chat").has_handlers
    assert app.channel("chat") is app.channel("chat")


def test_a_decorator_that_is_used_later_declares_then() -> None:
    """The handle lives on in it."""
    app = Gateway()
    declare = app.channel("chat").on("message")
    assert app.topics.behaviour_for("chat") is None
    declare(relay)
    assert app.topics.behaviour_for("chat") is not None


def test_a_history_stays_although_nobody_holds_its_handle() -> None:
    """It is a setting of the name, not of the handle."""
    app = Gateway()
    app.channel("news", history=History(size=5))
    assert len(app._handles) == 0
    assert app._with_declared_topics(GatewaySettings()).topic_table().settings_for("news").history == History(size=5)
