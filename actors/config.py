"""
Strict building blocks for settings: units, letters, and a converter that guesses nothing.

A settings class is a frozen attrs class. Each field says its default, unit and reason with `setting()`;
durations are annotated `Duration` and sizes `Size`, which are plain `float` seconds and `int` bytes to whoever reads
them. `strict_converter()` turns a parsed file into such a class, or raises one `ConfigError` that carries every letter.

What this module refuses to know: which settings exist, and where a value came from.
"""

from __future__ import annotations

import ast
import decimal
import difflib
import enum
import inspect
import itertools
import json
import math
import re
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import attrs
import cattrs

T = TypeVar("T")

Duration = Annotated[float, "duration"]
"""Float seconds; in a file also text such as `"30s"`."""
Size = Annotated[int, "size"]
"""Whole bytes; in a file also text such as `"64KiB"`."""

DURATION_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
SIZE_UNITS = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "B": 1}
MAX_FILE_BYTES = 1_048_576
"""Bytes of a settings file. A large real one has some 10 KiB; 1 MiB stops a wrong path before it fills the memory."""
SHOWN_CHARACTERS = 60
"""Characters of a wrong value that a letter repeats: enough to find it, too few to flood a terminal."""

_DURATION = re.compile(r"(\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,3})?)(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,20})(B|KiB|MiB|GiB|TiB)", re.ASCII)
_VALIDATOR = re.compile(r"'(\w+)' must be (.*): (.*)", re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TOML_PLACE = re.compile(r"\s*\(at (.*)\)$")


class ConfigError(Exception):
    """
    A setting that cannot be read, as a letter to whoever wrote it.

    Attributes:
        path: The dotted path of the setting, or the name of the file.
        problem: The fact, with its value.
        hint: What to do now; empty when the problem already says it.
        origin: Where the value came from ("env HUBBUB_PORT"), empty where nobody knows.
        others: The letters about further settings of the same reading, in the order of the file.
    """

    def __init__(
        self, path: str, problem: str, hint: str = "", *, origin: str = "", others: Iterable[ConfigError] = ()
    ) -> None:
        self.path, self.problem, self.hint, self.origin = path, problem, hint, origin
        self.others = tuple(others)
        super().__init__(path, problem, hint)

    def __str__(self) -> str:
        where = f"{self.path} ({self.origin})" if self.origin else self.path
        return f"cannot read {where}: {self.problem}" + (f"; {self.hint}" if self.hint else "")

    def letters(self) -> tuple[ConfigError, ...]:
        """Returns this letter and those about other settings, each without `others`."""
        return (ConfigError(self.path, self.problem, self.hint, origin=self.origin), *self.others)

    def within(self, key: str) -> ConfigError:
        """Returns the same letters with every path one table deeper, under `key`."""
        return gather(
            ConfigError(join_path(key, one.path), one.problem, one.hint, origin=one.origin) for one in self.letters()
        )


def gather(errors: Iterable[ConfigError]) -> ConfigError:
    """Returns the first of `errors` carrying all the others; `errors` must not be empty."""
    first, *rest = (letter for error in errors for letter in error.letters())
    return ConfigError(first.path, first.problem, first.hint, origin=first.origin, others=rest)


def join_path(table: str, key: str) -> str:
    """Returns `table.key`, or the one of the two that is not empty."""
    return f"{table}.{key}" if table and key else table or key


def quote_key(key: str) -> str:
    """Returns `key` as TOML writes it: bare if it may be, else in quotes."""
    return key if _BARE_KEY.fullmatch(key) else to_toml(key)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate most like `name`, or None when nothing is close enough to be worth suggesting."""
    close = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """Returns `did you mean "..."?` for a wrong name, else the names that exist."""
    known = list(candidates)
    close = nearest(name, known)
    if close is not None:
        return f"did you mean {to_toml(close)}?"
    return "write one of " + ", ".join(map(to_toml, sorted(known))) if known else "remove it"


# --- units


def duration(value: object) -> float:
    """
    Returns float seconds for `"1ms"`, `"30s"`, `"2m"`, `"24h"`, `"1d"`, or a number of seconds.

    Raises:
        ValueError: Anything else: no unit, two units, a negative or infinite number, a bool.
    """
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{shown(value)} is no duration")
    return seconds + 0.0  # -0.0 would print as "-0s"


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return _seconds_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an int of more than 308 digits
        return None


def _seconds_of_text(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    number, unit = decimal.Decimal(found[1]), found[2]
    return float(number / 1_000 if unit == "ms" else number * DURATION_UNITS[unit])  # Decimal: 1.1 m is 66 s exactly


def format_duration(seconds: float) -> str:
    """Returns the shortest text that `duration` reads back as exactly `seconds`, which must be finite and >= 0."""
    for unit, length in DURATION_UNITS.items():
        if seconds and seconds % length == 0 and seconds < 1e9 * length:
            return f"{int(seconds / length)}{unit}"
    if 0 < seconds < 1 and round(seconds * 1_000) / 1_000 == seconds:
        return f"{round(seconds * 1_000)}ms"
    return f"{seconds!r}s" if seconds else "0s"


def size(value: object) -> int:
    """
    Returns whole bytes for `"512B"`, `"64KiB"`, `"1MiB"`, `"2GiB"`, `"1TiB"`, or a whole number of bytes.

    Raises:
        ValueError: Anything else. `"64KB"` too: it means 64,000 to some and 65,536 to others.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)} is no size")
    return int(found[1]) * SIZE_UNITS[found[2]]


def format_size(count: int) -> str:
    """Returns the shortest text that `size` reads back as exactly `count` bytes, which must be >= 0."""
    for unit, length in SIZE_UNITS.items():
        if count and count % length == 0:
            return f"{count // length}{unit}"
    return "0B"


# --- fields


@attrs.frozen
class Leaf:
    """One setting: its dotted path, what shape it has, and what its field says about itself."""

    path: str
    owner: type
    """The settings class whose field it is."""
    shape: Any
    """The resolved annotation, `Duration` and `Size` kept."""
    default: object
    unit: str = ""
    secret: bool = False

    @property
    def reason(self) -> str:
        """What the field says, or the text under it. Reads source code, so it is for printing only."""
        name = self.path.rpartition(".")[2]
        said: str = getattr(attrs.fields(self.owner), name).metadata.get("reason", "")
        return said or field_docstrings(self.owner).get(name, "")


def setting(
    default: T,
    *,
    unit: str = "",
    reason: str,
    secret: bool = False,
    validator: Callable[..., None] | None = None,
) -> T:
    """
    Declares a field of a settings class.

    Args:
        default: The value when nobody says another; for a settings class as value, an instance of it.
        unit: What a number counts ("seconds", "bytes", "connections"); empty for texts and truth values.
        reason: Why the default is what it is, in a sentence; it is printed beside the key.
        secret: The value is never printed, not even in a letter about it.
        validator: As in attrs; `between` and `check` make good ones.
    """
    said = {"unit": unit, "reason": reason, "secret": secret}
    made: T = attrs.field(default=default, metadata=said, validator=validator)
    return made


def between(low: float, high: float) -> Callable[..., None]:
    """Returns a validator that refuses numbers outside `low` to `high`, both allowed, in a letter."""

    def validate(_: object, field: attrs.Attribute[Any], value: float) -> None:
        if not low <= value <= high:
            raise ConfigError(field.name, f"{value} is out of range", f"write a number from {low} to {high}")

    return validate


Shapes = Mapping[type, Mapping[str, Any]]
"""For classes that say plain `float` or `int`: which of their fields are a `Duration` or a `Size`."""
NO_SHAPES: Shapes = types.MappingProxyType({})


def shapes_of(kind: type, shapes: Shapes = NO_SHAPES) -> dict[str, Any]:
    """Returns the shape of each field of an attrs class: what `shapes` says, else its resolved annotation."""
    hints = typing.get_type_hints(kind, include_extras=True) | dict(shapes.get(kind, {}))
    return {field.name: hints[field.name] for field in attrs.fields(kind) if field.init}


def leaves(kind: type, prefix: str = "", shapes: Shapes = NO_SHAPES) -> Iterator[Leaf]:
    """Yields every setting of a settings class and of the classes below it, in the order of declaration."""
    own = shapes_of(kind, shapes)
    for field in (field for field in attrs.fields(kind) if field.init):
        path, shape = join_path(prefix, field.name), own[field.name]
        if isinstance(shape, type) and attrs.has(shape):
            yield from leaves(shape, path, shapes)
        else:
            said = field.metadata
            yield Leaf(path, kind, shape, field.default, said.get("unit", ""), said.get("secret", False))


def field_docstrings(kind: type) -> dict[str, str]:
    """Returns the text under each field of a class, on one line; nothing where the source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):  # built without sources, or typed interactively
        return {}
    body = typing.cast(ast.ClassDef, tree.body[0]).body
    return {
        before.target.id: " ".join(after.value.value.split())
        for before, after in itertools.pairwise(body)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
    }


# --- values


def to_toml(value: object, shape: Any = None, shapes: Shapes = NO_SHAPES) -> str:
    """Returns `value` as TOML writes it; a number of shape `Duration` or `Size` as text with its unit."""
    if shape == Duration and isinstance(value, int | float):
        return f'"{format_duration(value)}"'
    if shape == Size and isinstance(value, int):
        return f'"{format_size(value)}"'
    if attrs.has(type(value)):
        return _inline_table(value, shapes)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{quote_key(key)} = {to_toml(one)}" for key, one in value.items()) + " }"
    return _scalar(value)


def _inline_table(value: object, shapes: Shapes) -> str:
    pairs = ((name, getattr(value, name), shape) for name, shape in shapes_of(type(value), shapes).items())
    return "{ " + ", ".join(f"{name} = {to_toml(one, shape)}" for name, one, shape in pairs if one is not None) + " }"


def _scalar(value: object) -> str:
    if isinstance(value, enum.Enum):
        return _scalar(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON lets DEL pass, TOML does not
    return str(value)


def shown(value: object) -> str:
    """Returns `value` as a letter repeats it: as TOML, passwords in URLs masked, cut to `SHOWN_CHARACTERS`."""
    text = mask_passwords(to_toml(value))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def mask_passwords(text: str) -> str:
    """Returns `text` with the password of every URL in it (`redis://user:password@host`) replaced by `***`."""
    return re.sub(r"(://[^/@\s:]*:)[^/\s]*@", r"\1***@", text)


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
        return tomllib.loads(content.decode())
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
    converter.register_structure_hook_func(lambda shape: shape == Duration, _unit_hook(duration, _DURATION_HINT))
    converter.register_structure_hook_func(lambda shape: shape == Size, _unit_hook(size, _SIZE_HINT))
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


def _unit_hook(read: Callable[[object], object], hint: str) -> _Hook:
    def structure(value: Any, _: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise ConfigError("", str(error), hint) from None

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
    fields = {field.name: field for field in attrs.fields(kind) if field.init}

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
    return ConfigError(quote_key(key), "there is no such setting", suggestion(key, fields))


def _missing(name: str) -> ConfigError:
    return ConfigError(name, "it is missing and has no default", "add it")


def _is_missing(field: attrs.Attribute[Any], given: Mapping[str, Any]) -> bool:
    return field.default is attrs.NOTHING and field.name not in given


def is_optional(shape: Any) -> bool:
    """Returns whether a shape is `X | None`, which a file says by leaving the key out."""
    return typing.get_origin(shape) in (typing.Union, types.UnionType) and type(None) in typing.get_args(shape)
