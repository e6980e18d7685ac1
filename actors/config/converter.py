"""
From a TOML file to a settings class, strictly: every value at its word, everything unknown refused with the nearest.

What this module refuses to know: which settings exist, and where a value came from.
"""

from __future__ import annotations

import enum
import math
import re
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

from .config import (
    NO_SHAPES,
    ConfigError,
    Shapes,
    gather,
    key_of,
    quote_key,
    shapes_of,
    shown,
    suggestion,
    to_toml,
)
from .units import Duration, Size, duration, format_size, size

MAX_FILE_BYTES = 1_048_576
"""Bytes of a settings file. A large real one has some 10 KiB; 1 MiB stops a wrong path before it fills the memory."""

NO_SUCH_SETTING = "there is no such setting"
"""The problem of a key that no settings class has."""

_VALIDATOR = re.compile(r"'(\w+)' must be (.*): (.*)", re.DOTALL)
_TOML_PLACE = re.compile(r"\s*\(at (.*)\)$")


# --- reading


def load_toml(path: Path) -> dict[str, Any]:
    """
    Returns the tables of a TOML file.

    Raises:
        ConfigError: There is no such file, it cannot be read, is larger than `MAX_FILE_BYTES`, or is not TOML;
            in the last case the problem names the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(str(path), (error.strerror or "it cannot be opened").lower(), "check the path") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(str(path), f"it is larger than {format_size(MAX_FILE_BYTES)}", "check the path")
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))  # TOML has no byte order mark; some editors write one
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), f"line {line} is not UTF-8", "save the file as UTF-8") from error
    except RecursionError:
        raise ConfigError(str(path), "its tables or lists are nested too deeply", "flatten them") from None
    except ValueError as error:  # TOMLDecodeError, and int() for a number of over 4,300 digits
        raise ConfigError(str(path), *_syntax_letter(str(error))) from error


def _syntax_letter(message: str) -> tuple[str, str]:
    found = _TOML_PLACE.search(message)
    place = found[1] if found else "one of its values"
    said = message[: found.start()] if found else message
    return f"{place} is not TOML", f"the parser says: {said[:1].lower()}{said[1:]}"


# --- converting


def strict_converter(shapes: Shapes = NO_SHAPES) -> cattrs.Converter:
    """
    Returns a converter that takes every value at its word: `"false"` is no bool, `"5"` no int, `True` no int.

    It structures attrs classes (unknown keys are refused with the nearest one), `Mapping[str, X]`, `tuple[X, ...]`,
    `Literal`, enums by value, `X | None`, `Duration`, `Size` and the four scalars. A failure is a `ConfigError` whose
    path is relative to the value given; it carries a letter for every setting that is wrong, not only the first.
    """
    converter = cattrs.Converter()
    for kind in (bool, int, float, str):
        converter.register_structure_hook(kind, _scalar_hook(kind))
    converter.register_structure_hook_func(
        lambda shape: shape == Duration, _unit_hook(duration, "duration", _DURATION_HINT)
    )
    converter.register_structure_hook_func(lambda shape: shape == Size, _unit_hook(size, "size", _SIZE_HINT))
    converter.register_structure_hook_func(_is(typing.Literal), _choice_hook(typing.get_args))
    converter.register_structure_hook_func(_is_enum, _choice_hook(list))
    converter.register_structure_hook_factory(_is(tuple), lambda shape: _tuple_hook(converter, shape))
    converter.register_structure_hook_factory(_is_mapping, lambda shape: _mapping_hook(converter, shape))
    converter.register_structure_hook_factory(_is_attrs, lambda kind: _class_hook(converter, kind, shapes))
    return converter


_Hook = Callable[[Any, Any], Any]
_DURATION_HINT = 'write a duration such as "30s", "1ms", "2m", "24h", "1d", or a number of seconds'
_SIZE_HINT = 'write a size such as "64KiB", "1MiB", or a whole number of bytes'
_SCALARS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text in quotes"}
_NAMES = {
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def _is(origin: Any) -> Callable[[Any], bool]:
    return lambda shape: typing.get_origin(shape) is origin


def _is_enum(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, enum.Enum)


def _is_mapping(shape: Any) -> bool:
    return typing.get_origin(shape) in (dict, Mapping)


def _is_attrs(shape: Any) -> bool:
    return isinstance(shape, type) and attrs.has(shape)


def _refuse(value: object, expected: str) -> ConfigError:
    return ConfigError("", f"{shown(value)} is {_NAMES.get(type(value), 'a date or time')}", expected)


def _scalar_hook(kind: type) -> _Hook:
    def structure(value: Any, _: Any) -> Any:
        if kind is float and type(value) is int and abs(value) < 2**53:  # beyond, a float is another number
            return float(value)
        if type(value) is not kind or value in (math.inf, -math.inf) or value != value:
            raise _refuse(value, f"write {_SCALARS[kind]}")
        return value

    return structure


def _unit_hook(read: Callable[[object], object], noun: str, hint: str) -> _Hook:
    def structure(value: Any, _: Any) -> Any:
        try:
            return read(value)
        except ValueError:
            raise ConfigError("", f"{shown(value)} is no {noun}", hint) from None

    return structure


def _choice_hook(choices: Callable[[Any], Iterable[Any]]) -> _Hook:
    def structure(value: Any, shape: Any) -> Any:
        known = {one.value if isinstance(one, enum.Enum) else one: one for one in choices(shape)}
        for spelled, choice in known.items():
            if type(value) is type(spelled) and value == spelled:
                return choice
        hint = "write one of " + ", ".join(map(to_toml, known))
        raise ConfigError("", f"{shown(value)} is no choice here", hint)

    return structure


def _tuple_hook(converter: cattrs.Converter, shape: Any) -> _Hook:
    item = typing.get_args(shape)[0]

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _refuse(value, "write a list in brackets")
        return tuple(_each(converter, {str(i): (one, item) for i, one in enumerate(value)}).values())

    return structure


def _mapping_hook(converter: cattrs.Converter, shape: Any) -> _Hook:
    item = typing.get_args(shape)[1]

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _refuse(value, "write a table")
        return _each(converter, {key: (one, item) for key, one in value.items()})

    return structure


def _class_hook(converter: cattrs.Converter, kind: Any, shapes: Shapes) -> _Hook:
    own = shapes_of(kind, shapes)
    fields = {key_of(field): field for field in attrs.fields(kind) if field.init}

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _refuse(value, "write a table")
        problems = [_unknown(key, fields) for key in value if key not in fields]
        problems += [_missing(name) for name, field in fields.items() if _is_missing(field, value)]
        secrets = {name for name, field in fields.items() if field.metadata.get("secret")}
        known = {key: (one, own[key]) for key, one in value.items() if key in fields}
        values = _each(converter, known, problems, secrets)
        return _build(kind, {fields[name].alias or name: one for name, one in values.items()}, secrets)

    return structure


def _each(
    converter: cattrs.Converter,
    values: Mapping[str, tuple[Any, Any]],
    problems: Iterable[ConfigError] = (),
    secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Structures every (value, shape), then raises what went wrong in any of them."""
    found, wrong = {}, list(problems)
    for key, (value, shape) in values.items():
        try:
            found[key] = converter.structure(value, shape)
        except ConfigError as error:
            wrong.append(_silence(error, key in secrets).within(quote_key(key)))
    if wrong:
        raise gather(wrong)
    return found


def _build(kind: Any, values: dict[str, Any], secrets: set[str]) -> Any:
    try:
        return kind(**values)
    except ConfigError as error:
        raise _silence(error, error.path in secrets) from None
    except ValueError as error:  # a validator of the class itself
        letter = _validator_letter(str(error))
        raise _silence(letter, letter.path in secrets if letter.path else bool(secrets)) from None


def _validator_letter(message: str) -> ConfigError:
    """Turns what the validators of attrs say (`'burst' must be > 0: 0`) into a letter that names the field."""
    found = _VALIDATOR.fullmatch(message)
    return (
        ConfigError(found[1], f"{found[3]} is refused", f"it must be {found[2]}") if found else ConfigError("", message)
    )


def _silence(error: ConfigError, secret: bool) -> ConfigError:
    return (
        ConfigError(error.path, "its value, a secret and not shown, has a wrong shape", error.hint) if secret else error
    )


def _unknown(key: str, fields: Iterable[str]) -> ConfigError:
    return ConfigError(quote_key(key), NO_SUCH_SETTING, suggestion(key, fields))


def _missing(name: str) -> ConfigError:
    return ConfigError(name, "it is missing and has no default", "add it")


def _is_missing(field: attrs.Attribute[Any], given: Mapping[str, Any]) -> bool:
    return field.default is attrs.NOTHING and key_of(field) not in given
