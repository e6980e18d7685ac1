"""
What a settings class says about itself, how a value is written, and the letter about one that is wrong.

A settings class is a frozen attrs class. Each field says its default, unit and reason with `setting()`;
durations are annotated `Duration` and sizes `Size`, which are plain `float` seconds and `int` bytes to whoever reads
them. `converter.strict_converter()` turns a parsed file into such a class.

What this module refuses to know: which settings exist, and where a value came from.
"""

from __future__ import annotations

import ast
import difflib
import enum
import functools
import inspect
import itertools
import json
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from .units import Duration, Size, format_duration, format_size

T = TypeVar("T")

SHOWN_CHARACTERS = 60
"""Characters of a wrong value that a letter repeats: enough to find it, too few to flood a terminal."""

KEPT_CLASSES = 256
"""Settings classes whose annotations and texts are remembered: ours are some forty, the others are an application's."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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


def nearest(name: str, candidates: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Returns the candidate most like `name`, or None when nothing is close enough to be worth suggesting."""
    close = difflib.get_close_matches(name, list(candidates), n=1, cutoff=likeness)
    return close[0] if close else None


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """Returns `did you mean "..."?` for a wrong name, else the names that exist."""
    known = list(candidates)
    close = nearest(name, known)
    if close is not None:
        return f"did you mean {to_toml(close)}?"
    return "write one of " + ", ".join(map(to_toml, sorted(known))) if known else "remove it"


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
        key = self.path.rpartition(".")[2]
        field = next(one for one in attrs.fields(self.owner) if key_of(one) == key)
        said: str = field.metadata.get("reason", "")
        return said or field_docstrings(self.owner).get(field.name, "")


def setting(
    default: T,
    *,
    unit: str = "",
    reason: str,
    secret: bool = False,
    validator: Callable[..., None] | None = None,
    key: str = "",
    converter: Callable[[Any], Any] | None = None,
) -> T:
    """
    Declares a field of a settings class.

    Args:
        default: The value when nobody says another; for a settings class as value, an instance of it.
        unit: What a number counts ("seconds", "bytes", "connections"); empty for texts and truth values.
        reason: Why the default is what it is, in a sentence; it is printed beside the key.
        secret: The value is never printed, not even in a letter about it.
        validator: As in attrs; `between` and `check` make good ones.
        key: What a file calls it, if that is no name in Python, such as `class`.
        converter: As in attrs; sees what the strict converter has made.
    """
    said = {"unit": unit, "reason": reason, "secret": secret, "key": key}
    made: T = attrs.field(default=default, metadata=said, validator=validator, converter=converter)
    return made


def key_of(field: attrs.Attribute[Any]) -> str:
    """Returns what a file calls a field."""
    key: str = field.metadata.get("key", "")
    return key or field.name


def check(is_right: Callable[[Any], object], hint: str) -> Callable[..., None]:
    """Returns a validator for a text, or for each text of a tuple: what is not right is refused with the hint."""

    def validate(_: object, field: attrs.Attribute[Any], value: str | tuple[str, ...]) -> None:
        for one in (value,) if isinstance(value, str) else value:
            if not is_right(one):
                raise ConfigError(field.name, f"{shown(one)} is refused", hint)

    return validate


def between(low: float, high: float) -> Callable[..., None]:
    """Returns a validator that refuses numbers outside `low` to `high`, both allowed, in a letter."""

    def validate(_: object, field: attrs.Attribute[Any], value: float) -> None:
        if not low <= value <= high:
            raise ConfigError(field.name, f"{value} is out of range", f"write a number from {low} to {high}")

    return validate


Shapes = Mapping[type, Mapping[str, Any]]
"""For classes that say plain `float` or `int`: which of their fields are a `Duration` or a `Size`."""
NO_SHAPES: Shapes = types.MappingProxyType({})


@functools.lru_cache(KEPT_CLASSES)
def _hints(kind: type) -> Mapping[str, Any]:
    """Resolved once: each annotation is a text that Python has to compile, and a start reads all of them five times."""
    return types.MappingProxyType(typing.get_type_hints(kind, include_extras=True))


def shapes_of(kind: type, shapes: Shapes = NO_SHAPES) -> dict[str, Any]:
    """Returns the shape of each field of an attrs class: what `shapes` says, else its resolved annotation."""
    hints = {**_hints(kind), **shapes.get(kind, {})}
    return {key_of(field): hints[field.name] for field in attrs.fields(kind) if field.init}


def leaves(kind: type, prefix: str = "", shapes: Shapes = NO_SHAPES) -> Iterator[Leaf]:
    """Yields every setting of a settings class and of the classes below it, in the order of declaration."""
    own = shapes_of(kind, shapes)
    for field in (field for field in attrs.fields(kind) if field.init):
        path, shape = join_path(prefix, key_of(field)), own[key_of(field)]
        if isinstance(shape, type) and attrs.has(shape):
            yield from leaves(shape, path, shapes)
        else:
            said = field.metadata
            yield Leaf(path, kind, shape, field.default, said.get("unit", ""), said.get("secret", False))


@functools.lru_cache(KEPT_CLASSES)
def field_docstrings(kind: type) -> Mapping[str, str]:
    """Returns the text under each field of a class, on one line; nothing where the source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):  # built without sources, or typed interactively
        return types.MappingProxyType({})
    body = typing.cast(ast.ClassDef, tree.body[0]).body
    texts = {
        before.target.id: " ".join(after.value.value.split())
        for before, after in itertools.pairwise(body)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
    }
    return types.MappingProxyType(texts)


# --- values


def to_toml(value: object, shape: Any = None, shapes: Shapes = NO_SHAPES) -> str:
    """Returns `value` as TOML writes it; a number of shape `Duration` or `Size` as text with its unit."""
    shape = _without_none(shape)
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


def _without_none(shape: Any) -> Any:
    """A setting that may be left out is written as any other where it is there."""
    kinds = [kind for kind in typing.get_args(shape) if kind is not type(None)] if is_optional(shape) else [shape]
    return kinds[0] if len(kinds) == 1 else shape


def is_optional(shape: Any) -> bool:
    """Returns whether a shape is `X | None`, which a file says by leaving the key out."""
    return typing.get_origin(shape) in (typing.Union, types.UnionType) and type(None) in typing.get_args(shape)


def _inline_table(value: Any, shapes: Shapes) -> str:
    own = shapes_of(type(value), shapes)
    fields = (field for field in attrs.fields(type(value)) if field.init)
    pairs = ((key_of(field), getattr(value, field.name), own[key_of(field)]) for field in fields)
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
