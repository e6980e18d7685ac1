"""Topics that code declares: what code says, what the file says, and what holds where neither says anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, History, Room
from gateway.config import GatewaySettings
from gateway.settings_sources import load_settings
from gateway.topic_settings import TopicSettings


def room(app: Gateway, pattern: str, **options: Any) -> Gateway:
    app.topic(pattern, **options)(type("Game", (Room,), {}))
    return app


def within(app: Gateway, tmp_path: Path, text: str) -> GatewaySettings:
    """What is in force with that app and that file."""
    file = tmp_path / "hubbub.toml"
    file.write_text(text)
    return app.topics.settings_within(load_settings(file, {}, {}, app=True).settings)


def test_a_section_that_says_nothing_of_who_may_changes_nothing_of_it(tmp_path: Path) -> None:
    """Its default is for topics without code: to keep a history must not close a room, nor open one."""
    app = room(room(Gateway(), "open:*"), "closed:*", join="authenticated", publish="nobody")
    chat = app.channel("chat")
    chat.on("said")(lambda member, data: None)
    app.channel("news", history=History(size=5))
    text = "".join(f'[topics."{name}"]\nhistory = {{ size = 7 }}\n' for name in ("open:*", "closed:*", "chat", "news"))
    found = within(app, tmp_path, text).topics
    assert {name: (one.join, one.publish, one.history.size) for name, one in found.items()} == {
        "open:*": ("anyone", "anyone", 7),
        "closed:*": ("authenticated", "nobody", 7),
        "chat": ("anyone", "anyone", 7),
        "news": ("anyone", "anyone", 5),
    }


@pytest.mark.parametrize("who", ["anyone", "authenticated", "nobody"])
def test_what_the_file_says_holds_where_code_says_nothing(tmp_path: Path, who: str) -> None:
    """Also if it is the default of a file."""
    text = f'[topics."game:*"]\njoin = "{who}"\npublish = "{who}"\npresence = true\n'
    found = within(room(Gateway(), "game:*"), tmp_path, text).topics["game:*"]
    assert (found.join, found.publish, found.presence) == (who, who, True)


def test_what_code_says_goes_before_the_file(tmp_path: Path) -> None:
    """Also if it is what holds where nobody says anything."""
    app = room(Gateway(), "game:*", join="anyone", presence=False, history=History.none(), slow="disconnect")
    text = '[topics."game:*"]\njoin = "nobody"\npresence = true\nhistory = { size = 7 }\nslow = "drop_oldest"\n'
    found = within(app, tmp_path, text).topics["game:*"]
    assert found == TopicSettings(join="anyone", publish="anyone")


def test_a_section_without_code_is_what_it_was(tmp_path: Path) -> None:
    """A topic for everybody has to say so."""
    found = within(room(Gateway(), "game:*"), tmp_path, '[topics."news:*"]\nhistory = { size = 7 }\n').topics["news:*"]
    assert (found.join, found.publish) == ("authenticated", "nobody")


def test_a_section_remembers_what_was_said() -> None:
    """Beside its values, and no part of them."""
    assert TopicSettings(join="authenticated").said == {"join"}
    assert TopicSettings(join="authenticated") == TopicSettings()
