"""What an application says of topics: handles that are kept or not, and what holds where the file speaks as well."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import pytest

from gateway import Gateway, History, Refused, Room
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings
from gateway.settings.topic import TopicSettings
from gateway.settings.topic_patterns import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    assert app.topics.within(GatewaySettings()).settings_for("news").history == History(size=5)


# --- what holds: the file, and code where the file says nothing

CLOSED_BY_FILE = """
[topics."room:*"]
join = "authenticated"
publish = "nobody"
max_members = 7
"""


def in_force(app: Gateway, tmp_path: Path, toml: str) -> Callable[[str], TopicSettings]:
    """The settings of a name, with that application and that file."""
    file = tmp_path / "hubbub.toml"
    file.write_text(toml)
    return app.topics.within(load_settings(file, {}, {}, app=True).settings).settings_for


@pytest.mark.parametrize(
    "pattern", ["room:*", "room:{id}", "room:{a}:{b}", "room:x*", "room:7", "r*", "{kind}:7", "room:{id}*"]
)
def test_what_the_file_says_of_a_name_no_pattern_in_code_opens(tmp_path: Path, pattern: str) -> None:
    """Whichever of the two is more specific, and however it is written."""
    app = Gateway()
    app.topic(pattern, join="anyone", publish="anyone", presence=True, max_members=99)(Room)
    settings_for = in_force(app, tmp_path, CLOSED_BY_FILE)
    for name in ("room:7", "room:x1", "room:a:b", "room:x:7"):
        found = settings_for(name)
        assert (found.join, found.publish, found.max_members) == ("authenticated", "nobody", 7), name
        assert found.presence == (TopicPattern(pattern).match(name) is not None), name


@pytest.mark.parametrize("declare", ["class", "history", "handler", "permission"])
def test_app_code_without_a_word_about_who_may_opens_nothing_that_the_file_has(tmp_path: Path, declare: str) -> None:
    """A class, a handle's history or handlers, a permission: each declares names, and the file's section holds."""
    app = Gateway()
    if declare == "class":
        app.topic("room:{id}")(Room)
    elif declare == "history":
        app.channel("room:7", history=History(size=5))
    elif declare == "handler":
        app.channel("room:7").on("message")(relay)
    else:
        app.permits("room:{id}")(lambda *_: True)
    found = in_force(app, tmp_path, CLOSED_BY_FILE)("room:7")
    assert (found.join, found.publish, found.max_members) == ("authenticated", "nobody", 7)
    assert found.history == (History(size=5) if declare == "history" else History.none())


def test_where_the_file_says_nothing_code_does(tmp_path: Path) -> None:
    """Key by key: what stands in the section holds, also if it is the default; of the rest what code gave."""
    app = Gateway()
    app.topic("room:{id}", join="anyone", publish="anyone", history=History(size=5), presence=False)(Room)
    settings_for = in_force(app, tmp_path, '[topics."room:*"]\npublish = "nobody"\npresence = true\n')
    found = settings_for("room:7")
    assert (found.publish, found.presence) == ("nobody", True)
    assert (found.join, found.history) == ("anyone", History(size=5))
    assert settings_for("room:a:b") == TopicSettings(publish="nobody", presence=True)


def test_the_most_specific_section_holds_and_the_most_specific_pattern_fills_it(tmp_path: Path) -> None:
    """Of the file one section, whole; of code one pattern."""
    app = Gateway()
    app.topic("room:*", slow="drop_oldest", max_members=9)(Room)
    app.topic("room:{id}", max_members=3)(Room)
    toml = '[topics."*"]\njoin = "nobody"\n[topics."room:vip*"]\njoin = "authenticated"\n'
    settings_for = in_force(app, tmp_path, toml)
    assert (settings_for("room:1").join, settings_for("room:vip1").join) == ("nobody", "authenticated")
    assert [settings_for(name).max_members for name in ("room:1", "room:vip1", "room:a:b")] == [3, 3, 9]
    assert [settings_for(name).slow for name in ("room:1", "room:a:b")] == ["disconnect", "drop_oldest"]


def test_what_neither_speaks_of_is_closed_and_what_code_alone_declares_is_open(tmp_path: Path) -> None:
    """Unless code says otherwise; a file without a section for it says nothing of it."""
    app = Gateway()
    app.topic("game:{id}", publish="authenticated")(Room)
    app.permits("team:*")(lambda *_: True)
    file = tmp_path / "hubbub.toml"
    file.write_text(CLOSED_BY_FILE)
    topics = app.topics.within(load_settings(file, {}, {}, app=True).settings)
    found = {name: topics.settings_for(name) for name in ("game:1", "team:1", "other")}
    assert {name: (one.join, one.publish) for name, one in found.items()} == {
        "game:1": ("anyone", "authenticated"), "team:1": ("anyone", "anyone"), "other": ("nobody", "nobody"),
    }  # fmt: skip
    assert [topics.is_declared(name) for name in ("game:1", "team:1", "room:1", "other")] == [True, True, True, False]


def test_the_same_names_may_be_written_in_two_ways(tmp_path: Path) -> None:
    """The parts of a template are called by code as it likes, and by the file as that likes."""
    app = Gateway()
    app.topic("room:{room_id}", max_members=3)(Room)
    found = in_force(app, tmp_path, '[topics."room:{id}"]\njoin = "authenticated"\n')("room:7")
    assert (found.join, found.publish, found.max_members) == ("authenticated", "anyone", 3)


def test_development_mode_is_a_base_and_no_file(tmp_path: Path) -> None:
    """Its two sections hold for app code below them, which may say otherwise: nobody wrote them."""
    app = Gateway()
    app.topic("private:{id}")(Room)
    app.topic("public:{id}", history=History(size=5), join="authenticated")(Room)
    settings_for = in_force(app, tmp_path, "development = true\n")
    assert (settings_for("private:1").join, settings_for("elsewhere").join) == ("authenticated", "anyone")
    assert (settings_for("public:1").join, settings_for("public:1").history) == ("authenticated", History(size=5))


def test_settings_made_in_code_say_what_is_not_as_it_would_be_anyway() -> None:
    """There is no file to look at: a value other than the default was meant."""
    app = Gateway()
    app.topic("room:{id}", join="anyone", publish="anyone", presence=True)(Room)
    chosen = GatewaySettings(topics={"room:*": TopicSettings(join="nobody")})
    found = app.topics.within(chosen).settings_for("room:7")
    assert (found.join, found.publish, found.presence) == ("nobody", "anyone", True)


async def test_a_running_gateway_obeys_it(gateway: Any, tmp_path: Path) -> None:
    """What the file closes is closed to clients, whatever code declares."""
    app = Gateway()
    app.topic("room:{id}")(Room)
    app.channel("room:a:news", history=History(size=5)).on("message")(relay)
    file = tmp_path / "hubbub.toml"
    file.write_text(CLOSED_BY_FILE)
    async with gateway(app, config=file) as server:
        eve = await server.connect(name="eve")
        for name in ("room:7", "room:a:news"):
            with pytest.raises(Refused, match="unauthorized"):
                await eve.ask("subscribe", channel=name)
            with pytest.raises(Refused, match="permission_denied"):
                await eve.ask("publish", channel=name, payload=1)
