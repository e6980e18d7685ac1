"""`[gateway.api]`: a key is believed, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.config.config import ConfigError
from gateway.settings.auth import ApiSettings
from gateway.settings.sources import Loaded, load_settings
from gateway.settings.text import default_lines, effective_lines

VARIABLE = "HUBBUB_GATEWAY__API__KEY"


def loaded(key: str) -> Loaded:
    return load_settings(None, {VARIABLE: key}, {})


@pytest.mark.parametrize(
    ("key", "keys"), [("", ()), ("one", ("one",)), ("old new", ("old", "new")), (" old  new ", ("old", "new"))]
)
def test_keys_are_separated_by_spaces(key: str, keys: tuple[str, ...]) -> None:
    """None is none: the API is closed."""
    assert loaded(key).settings.gateway.api.keys == keys


@pytest.mark.parametrize("key", ["***", "  ", "gr\u00fc\u00dfe", "a\tb", "a\nb"])
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    """What a header cannot carry, and what a printed file has in the place of a key."""
    with pytest.raises(ConfigError, match=rf"gateway\.api\.key \(env {VARIABLE}\)") as caught:
        loaded(key)
    assert "a secret and not shown" in str(caught.value)


def test_a_key_is_masked_wherever_settings_are_shown() -> None:
    """In what `hubbub check` prints, with where it came from; and in the settings' own text."""
    settings = loaded("the-key-itself")
    (line,) = [line for line in effective_lines(settings) if VARIABLE in line]
    assert line.split() == ["key", "=", '"***"', "#", "from", "env", VARIABLE]
    assert "the-key-itself" not in "\n".join(effective_lines(settings)) + repr(settings.settings)
    assert "the-key-itself" not in repr(ApiSettings(key="the-key-itself"))


def test_a_printed_file_of_defaults_opens_nothing(tmp_path: Path) -> None:
    """A mask that is read again would be a key that everybody knows."""
    file = tmp_path / "hubbub.toml"
    file.write_text("\n".join(default_lines()))
    assert load_settings(file, {}, {}).settings.gateway.api.keys == ()
