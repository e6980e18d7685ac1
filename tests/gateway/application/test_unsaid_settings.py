"""Topics that code declares: what code says, what the file says, and what holds where neither says anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, History, Room
from gateway.application.declared_topics import TopicsInForce
from gateway.settings.sources import load_settings


def room(app: Gateway, pattern: str, **options: Any) -> Gateway:
    app.topic(pattern, **options)(type("Game", (Room,), {}))
    return app


def within(app: Gateway, tmp_path: Path, text: str) -> TopicsInForce:
    """What is in force with that app and that file."""
    file = tmp_path / "hubbub.toml"
    file.write_text(text)
    return app.topics.within(load_settings(file, {}, {}, app=True).settings)


def test_a_section_that_says_nothing_of_who_may_changes_nothing_of_it(tmp_path: Path) -> None:
    """Its default is for topics without code: to keep a history must not close a room, nor open one."""
    app = room(room(Gateway(), "open:*"), "closed:*", join="authenticated", publish="nobody")
    chat = app.channel("chat")
    chat.on("said")(lambda member, data: None)
    app.channel("news", history=History(size=5))
    text = "".join(f'[topics."{name}"]\nhistory = {{ size = 7 }}\n' for name in ("open:*", "closed:*", "chat", "news"))
    force = within(app, tmp_path, text)
    found = {name: force.settings_for(name) for name in ("open:1", "closed:1", "chat", "news")}
    assert {name: (one.join, one.publish, one.history.size) for name, one in found.items()} == {
        "open:1": ("anyone", "anyone", 7),
        "closed:1": ("authenticated", "nobody", 7),
        "chat": ("anyone", "anyone", 7),
        "news": ("anyone", "anyone", 7),
    }


@pytest.mark.parametrize("who", ["anyone", "authenticated", "nobody"])
def test_what_the_file_says_holds_where_code_says_nothing(tmp_path: Path, who: str) -> None:
    """Also if it is the default of a file."""
    text = f'[topics."game:*"]\njoin = "{who}"\npublish = "{who}"\npresence = true\n'
    found = within(room(Gateway(), "game:*"), tmp_path, text).settings_for("game:1")
    assert (found.join, found.publish, found.presence) == (who, who, True)


def test_a_section_without_code_is_what_it_was(tmp_path: Path) -> None:
    """A topic for everybody has to say so."""
    found = within(room(Gateway(), "game:*"), tmp_path, '[topics."news:*"]\nhistory = { size = 7 }\n').settings_for(
        "news:1"
    )
    assert (found.join, found.publish) == ("authenticated", "nobody")
