"""Settings are taken at their word, and what is wrong is said in a letter that helps."""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.config.config import (
    ConfigError,
    Shapes,
    between,
    field_docstrings,
    leaves,
    mask_passwords,
    nearest,
    setting,
    shown,
    to_toml,
)
from actors.config.converter import MAX_FILE_BYTES, load_toml, strict_converter
from actors.config.units import Duration, Size, duration, format_duration, format_size, size


class Colour(enum.Enum):
    RED = "red"


@attrs.frozen
class Plain:
    """A class that knows nothing of files."""

    age: float = 1.5
    """Seconds. One and a half,
    for no reason."""
    room: int = attrs.field(default=1024, validator=attrs.validators.gt(0))


@attrs.frozen
class Needy:
    url: str


@attrs.frozen(kw_only=True)
class Limits:
    max_message: Size = setting(65_536, unit="bytes", reason="fits")
    burst: int = setting(100, unit="messages", reason="enough", validator=between(1, 1000))
    rate: float = setting(50.0, reason="fast")


@attrs.frozen(kw_only=True)
class Settings:
    is_open: bool = setting(False, reason="closed")
    wait: Duration = setting(30.0, unit="seconds", reason="long")
    name: str = setting("", reason="none")
    token: str = setting("", reason="none", secret=True, validator=attrs.validators.max_len(8))
    colour: Colour = setting(Colour.RED, reason="warm")
    who: Literal["anyone", "nobody"] = setting("nobody", reason="safe")
    most: int | None = setting(None, reason="no limit")
    hosts: tuple[str, ...] = setting((), reason="none")
    limits: Limits = setting(Limits(), reason="")
    plain: Plain = setting(Plain(), reason="")
    rooms: Mapping[str, Limits] = attrs.field(factory=dict)


SHAPES: Shapes = {Plain: {"age": Duration, "room": Size}}


WRONG: list[object] = [True, None, [], 10**400]


def structure(values: object) -> Settings:
    settings: Settings = strict_converter(SHAPES).structure(values, Settings)
    return settings


def letter(values: object) -> str:
    with pytest.raises(ConfigError) as caught:
        structure(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1ms", 0.001), ("30s", 30.0), ("2m", 120.0), ("24h", 86_400.0), ("1d", 86_400.0), ("1.1m", 66.0), (5, 5.0)],
)
def test_a_duration_is_float_seconds(text: object, seconds: float) -> None:
    """Every unit means what it says, exactly."""
    assert duration(text) == seconds
    assert type(duration(text)) is float


@pytest.mark.parametrize(
    "value",
    [
        "",
        "30",
        "s",
        "30 s",
        "30S",
        "-1s",
        "1h30m",
        "1e999s",
        "٣s",
        "1" * 41 + "s",
        -1,
        float("nan"),
        float("inf"),
        *WRONG,
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """No unit is guessed, and no bool, negative or infinite number is a time."""
    with pytest.raises(ValueError, match="is no duration"):
        duration(value)


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_a_formatted_duration_reads_back_exactly(seconds: float) -> None:
    """`duration(format_duration(x)) == x` for every float a clock can show."""
    assert duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (-0.0, "0s"), (0.1, "100ms"), (1.5, "1.5s"), (90.0, "90s"), (5400.0, "90m")]
)
def test_a_duration_is_formatted_as_people_write_it(seconds: float, text: str) -> None:
    """The largest unit that divides it; milliseconds below one second."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "count"), [("512B", 512), ("64KiB", 65_536), ("1MiB", 1_048_576), (0, 0), ("1TiB", 2**40)]
)
def test_a_size_is_whole_bytes(text: object, count: int) -> None:
    """Units are powers of 1024."""
    assert size(text) == count


@pytest.mark.parametrize("value", ["64KB", "64kib", "64", "-1B", "1.5MiB", -1, 1.0, True, None, "٣B"])
def test_what_is_no_size_is_refused(value: object) -> None:
    """KB means two things to two people, so it means nothing here."""
    with pytest.raises(ValueError, match="is no size"):
        size(value)


@given(st.integers(min_value=0, max_value=2**63))
def test_a_formatted_size_reads_back_exactly(count: int) -> None:
    """`size(format_size(n)) == n`."""
    assert size(format_size(count)) == count


def test_the_nearest_name_is_suggested_only_if_it_is_near() -> None:
    """A wild guess would send somebody the wrong way."""
    assert nearest("max_mesage", ["burst", "max_message"]) == "max_message"
    assert nearest("zebra", ["burst", "max_message"]) is None


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    """The letter has the whole path, the fact, and what to write instead."""
    assert letter({"limits": {"max_mesage": 1}}) == (
        'cannot read limits.max_mesage: there is no such setting; did you mean "max_message"?'
    )


def test_an_unknown_key_like_no_other_gets_the_list() -> None:
    """Who is far off needs the names that exist."""
    assert letter({"limits": {"zzz": 1}}).endswith('write one of "burst", "max_message", "rate"')


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"is_open": "false"}, 'is_open: "false" is a text; write true or false'),
        ({"is_open": 0}, "is_open: 0 is a whole number; write true or false"),
        ({"limits": {"burst": "5"}}, 'limits.burst: "5" is a text; write a whole number'),
        ({"limits": {"burst": True}}, "limits.burst: true is a truth value; write a whole number"),
        ({"limits": {"burst": 5.0}}, "limits.burst: 5.0 is a number; write a whole number"),
        ({"limits": {"rate": True}}, "limits.rate: true is a truth value; write a finite number"),
        ({"limits": {"rate": float("nan")}}, "limits.rate: nan is a number; write a finite number"),
        ({"limits": {"rate": 2**53}}, "limits.rate: 9007199254740992 is a whole number; write a finite number"),
        ({"name": 5}, "name: 5 is a whole number; write a text in quotes"),
        ({"hosts": "a"}, 'hosts: "a" is a text; write a list in brackets'),
        ({"hosts": ["a", 1]}, "hosts.1: 1 is a whole number; write a text in quotes"),
        ({"limits": 5}, "limits: 5 is a whole number; write a table"),
        ({"rooms": []}, "rooms: [] is a list; write a table"),
        ({"who": "everyone"}, 'who: "everyone" is no choice here; write one of "anyone", "nobody"'),
        ({"colour": "blue"}, 'colour: "blue" is no choice here; write one of "red"'),
        ({"most": "5"}, 'most: "5" is a text; write a whole number'),
        ({"limits": {"burst": 0}}, "limits.burst: 0 is out of range; write a number from 1 to 1000"),
        ({"plain": {"room": 0}}, "plain.room: 0 is refused; it must be > 0"),
        ({"rooms": {"a:*": {"burst": "x"}}}, 'rooms."a:*".burst: "x" is a text; write a whole number'),
    ],
)
def test_a_wrong_value_is_refused_with_path_value_and_shape(values: object, said: str) -> None:
    """Nothing is converted: what is written is what is meant, or it is refused."""
    assert letter(values) == f"cannot read {said}"


def test_units_are_read_in_every_table() -> None:
    """Annotated fields, and fields of a class that says plain float and int, read the same texts."""
    settings = structure({"wait": "2m", "limits": {"max_message": "1KiB"}, "plain": {"age": "1ms", "room": "2KiB"}})
    assert (settings.wait, settings.limits.max_message, settings.plain) == (120.0, 1024, Plain(0.001, 2048))


def test_a_whole_number_is_a_float_where_one_is_wanted() -> None:
    """TOML writes 50 where a person means 50.0; no information is lost."""
    assert type(structure({"limits": {"rate": 7}}).limits.rate) is float


def test_nothing_given_is_every_default() -> None:
    """An empty file is a valid one."""
    assert structure({}) == Settings()


def test_every_wrong_setting_gets_its_own_letter() -> None:
    """Who mends a file does it in one go."""
    with pytest.raises(ConfigError) as caught:
        structure({"limits": {"burst": "x", "rat": 1}, "wait": "soon"})
    assert [one.path for one in caught.value.letters()] == ["limits.rat", "limits.burst", "wait"]


@pytest.mark.parametrize("value", [1234567, "hunter2hunter2"])
def test_a_secret_is_not_repeated_by_a_letter_about_it(value: object) -> None:
    """A log with this letter in it can be shown to anybody; the path is enough to find the place."""
    said = letter({"token": value})
    assert str(value) not in said
    assert said.startswith("cannot read ")


def test_the_letter_names_a_field_that_has_no_default() -> None:
    """A missing key is a fact as well."""
    with pytest.raises(ConfigError, match="cannot read url: it is missing and has no default; add it"):
        strict_converter().structure({}, Needy)


def test_leaves_are_every_setting_with_unit_and_reason() -> None:
    """What is printed about a setting comes from its field, or from the text under it."""
    found = {leaf.path: leaf for leaf in leaves(Settings, shapes=SHAPES)}
    assert "limits" not in found
    assert (found["limits.max_message"].unit, found["limits.max_message"].reason) == ("bytes", "fits")
    assert (found["plain.age"].shape, found["plain.age"].reason) == (
        Duration,
        "Seconds. One and a half, for no reason.",
    )
    assert found["token"].secret


def test_a_class_without_source_has_no_reasons() -> None:
    """An application frozen without its sources still starts."""
    assert field_docstrings(attrs.make_class("Made", ["a"])) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (5, "5"), ('a"\n\x7f', '"a\\"\\n\\u007f"'), (("a", 1), '["a", 1]'), ({"a b": 1}, '{ "a b" = 1 }')],
)
def test_values_are_written_as_toml(value: object, text: str) -> None:
    """What is printed can be pasted into a file."""
    assert to_toml(value) == text


def test_a_settings_object_is_written_as_an_inline_table() -> None:
    """With the units its class has."""
    assert to_toml(Plain(), shapes=SHAPES) == '{ age = "1.5s", room = "1KiB" }'


def test_a_letter_repeats_only_the_start_of_a_long_value() -> None:
    """A terminal is not flooded by a value that was pasted into the wrong place."""
    assert len(shown("x" * 10_000)) == 60


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://me:secret@host/0", "redis://me:***@host/0"),
        ("redis://:se@cret@host", "redis://:***@host"),
        ("https://example.org:8000/a@b", "https://example.org:8000/a@b"),
    ],
)
def test_passwords_in_urls_are_masked(text: str, masked: str) -> None:
    """The user stays readable, the password does not, and a port is no password."""
    assert mask_passwords(text) == masked


def test_a_toml_file_is_loaded(tmp_path: Path) -> None:
    """The plain case."""
    file = tmp_path / "a.toml"
    file.write_text("[a]\nb = 1\n")
    assert load_toml(file) == {"a": {"b": 1}}


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    """Some editors write one before the text."""
    file = tmp_path / "a.toml"
    file.write_text("[a]\nb = 1\n", encoding="utf-8-sig")
    assert load_toml(file) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = 1\nb 2\n", "line 2, column 3 is not TOML; the parser says: expected '='"),
        (b"a = [", "end of document is not TOML"),
        (b"a = 1\nb = '\xff'\n", "line 2 is not UTF-8; save the file as UTF-8"),
        (b"a = " + b"[" * 100_000, "nested too deeply; flatten them"),
        (b"a = " + b"9" * 5_000, "one of its values is not TOML"),
        (b"#" * (MAX_FILE_BYTES + 1), "it is larger than 1MiB; check the path"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path: Path, content: bytes, said: str) -> None:
    """Any bytes end in a letter that names the file, never in a traceback."""
    file = tmp_path / "a.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_toml(file)
    assert str(caught.value).startswith(f"cannot read {file}: ")
    assert said in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A wrong path reads as one."""
    with pytest.raises(ConfigError, match="no such file or directory; check the path"):
        load_toml(tmp_path / "none.toml")


def test_the_letter_says_where_a_value_came_from() -> None:
    """The same setting may be wrong in four places."""
    assert str(ConfigError("a.b", "it is 5", origin="env A_B")) == "cannot read a.b (env A_B): it is 5"
