"""
Where settings come from: flags go before the environment, that before the file, that before the defaults.

They are read once, at the edge, into `GatewaySettings`; nothing unknown is ignored, and each value knows its origin.
"""

from __future__ import annotations

import functools
import ipaddress
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_origin

import attrs

from actors.config.config import ConfigError, Leaf, gather, join_path, leaves, mask_passwords, quote_key, shown
from actors.config.converter import NO_SUCH_SETTING, load_toml, strict_converter
from actors.plan.settings import ActorSettings, MailboxSettings, SupervisorSettings, lay_over

from .config import SHAPES, GatewaySettings
from .parts import BUILT_IN
from .topic import DEVELOPMENT_TOPICS, KEYS, Sections, TopicSettings
from .variables import PREFIX, is_of_kubernetes, unknown_variable

if TYPE_CHECKING:
    from cattrs import Converter

TABLES: Mapping[str, type] = MappingProxyType(
    {
        "topics": TopicSettings,
        "actors.mailbox": MailboxSettings,
        "supervisor": SupervisorSettings,
        "actor": ActorSettings,
    }
)
"""What has one table for each name that a person chooses."""


@attrs.frozen
class Loaded:
    """The effective settings, and where each of them came from."""

    settings: GatewaySettings
    origins: Mapping[str, str]
    """By dotted path: "default", "development mode", "file hubbub.toml", "env HUBBUB_PORT" or "flag --port"."""


FLAGS = MappingProxyType({"--host": "gateway.host", "--port": "gateway.port", "--log-format": "log.format"})
"""Which setting a flag of the command sets."""
SHORT_VARIABLES = MappingProxyType({"HUBBUB_HOST": "gateway.host", "HUBBUB_PORT": "gateway.port"})
"""The two everybody needs, without the table in their name."""


@functools.cache
def setting_leaves() -> Mapping[str, Leaf]:
    """Returns every setting by its dotted path; each of `TABLES` is one: the names in it are the user's."""
    return MappingProxyType({leaf.path: leaf for leaf in leaves(GatewaySettings, shapes=SHAPES)})


@functools.cache
def _converter() -> Converter:
    """One for all readings: it remembers how each settings class is made."""
    return strict_converter(SHAPES)


@functools.cache
def variables() -> Mapping[str, str]:
    """Returns the dotted path of each environment variable: HUBBUB_, then the path in capitals, `__` for each dot."""
    long = {PREFIX + path.upper().replace(".", "__"): path for path in setting_leaves() if path not in TABLES}
    return MappingProxyType({**SHORT_VARIABLES, **long})


def load_settings(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object], *, app: bool = False
) -> Loaded:
    """
    Reads the settings once, from all sources.

    Args:
        file: A TOML file, or None. Without one and without `app` the settings are those of development mode.
        environ: As `os.environ`; only names that start with HUBBUB_ are looked at, and an unknown one is refused.
        flags: By the names in `FLAGS`; a value of None is a flag that was not given.
        app: Whether an application is served.

    Raises:
        ConfigError: Anything in any source is wrong; `letters()` has all that were found.
    """
    sources = [_from_file(file), _from_environment(environ), _from_flags(flags)]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, named in sources:
        values = _merge(values, layer)
        origins.update(named)
    said = {pattern: tuple(one) for pattern, one in _sections(values) if isinstance(one, Mapping)}
    implied = file is None and not app and "development" not in values
    _add_development(values, origins, implied=implied)
    settings = _structure(lay_over(values, BUILT_IN), origins)
    _refuse_contradictions(settings, origins, implied=implied)
    settings = attrs.evolve(settings, topics=Sections(settings.topics, {**_UNSAID, **said}))
    every = dict.fromkeys((path for path in setting_leaves() if path not in TABLES), "default")
    return Loaded(settings, MappingProxyType(every | origins))


_Source: TypeAlias = tuple[dict[str, Any], dict[str, str]]
"""Nested values, and the origin of each dotted path in them."""


def _from_file(file: Path | None) -> _Source:
    if file is None:
        return {}, {}
    values = load_toml(file)
    return values, dict.fromkeys(_paths(values), f"file {file}")


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = join_path(prefix, quote_key(key))
        if isinstance(value, Mapping) and value:
            yield from _paths(value, path)
        else:
            yield path


def _from_environment(environ: Mapping[str, str]) -> _Source:
    known, found = variables(), setting_leaves()
    ours = (name for name, text in environ.items() if name.startswith(PREFIX) and not is_of_kubernetes(name, text))
    given = sorted(ours)
    wrong = [unknown_variable(name, known, TABLES) for name in given if name not in known]
    paths = {name: known[name] for name in given if name in known}
    wrong += _set_twice(paths)
    if wrong:
        raise gather(wrong)
    values = {path: _from_text(environ[name], found[path].shape) for name, path in paths.items()}
    return _nest(values), {path: f"env {name}" for name, path in paths.items()}


def _set_twice(paths: Mapping[str, str]) -> list[ConfigError]:
    long = {path: name for name, path in paths.items() if name not in SHORT_VARIABLES}
    both = [(name, long[path]) for name, path in paths.items() if name in SHORT_VARIABLES and path in long]
    return [ConfigError(short, f"{name} is set as well", "keep one of them") for short, name in both]


def _from_text(text: str, shape: Any) -> object:
    """Reads a variable as the file would; for texts, durations and sizes the quotes may be left out."""
    if shape is str or get_origin(shape) is Literal:
        return text
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text  # a line break in the text could start another key


def _from_flags(flags: Mapping[str, object]) -> _Source:
    given = {name: value for name, value in flags.items() if value is not None}
    origins = {FLAGS[name]: f"flag {name}" for name in given}
    return _nest({FLAGS[name]: value for name, value in given.items()}), origins


def _nest(values: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *tables, key = path.split(".")
        functools.reduce(lambda below, table: below.setdefault(table, {}), tables, nested)[key] = value
    return nested


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lays `above` over `below`; where only one of them has a table, the value below stays, to be refused later."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and key in merged:
            merged[key] = _merge(merged[key], value) if isinstance(merged[key], Mapping) else merged[key]
        else:
            merged[key] = value
    return merged


def _add_development(values: dict[str, Any], origins: dict[str, str], *, implied: bool) -> None:
    """Adds the topics of development mode if it is on, below those that are declared."""
    if implied:
        values["development"] = True
        origins["development"] = "default: no file and no app"
    declared = values.get("topics", {})
    if values.get("development") is not True or not isinstance(declared, Mapping):
        return
    added = {pattern: one for pattern, one in DEVELOPMENT_TOPICS.items() if pattern not in declared}
    values["topics"] = {**{pattern: attrs.asdict(one) for pattern, one in added.items()}, **declared}
    origins.update((f"topics.{quote_key(pattern)}.{name}", "development mode") for pattern in added for name in KEYS)


def _sections(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What stands under [topics], as long as it is not known to be right."""
    topics = values.get("topics", {})
    return topics.items() if isinstance(topics, Mapping) else ()


_UNSAID: Mapping[str, tuple[str, ...]] = MappingProxyType(dict.fromkeys(DEVELOPMENT_TOPICS, ()))
"""Nobody wrote the sections of development mode."""


def _structure(values: Mapping[str, Any], origins: Mapping[str, str]) -> GatewaySettings:
    try:
        settings: GatewaySettings = _converter().structure(values, GatewaySettings)
    except ConfigError as error:
        raise with_origin(gather(map(_sent_home, error.letters())), origins) from None
    return settings


def _sent_home(letter: ConfigError) -> ConfigError:
    """Of a key or a table of ours that stands where it means nothing: with the one place where it does."""
    key = letter.path.rpartition(".")[2]
    if letter.problem != NO_SUCH_SETTING:
        return letter
    paths = [f".{path}." for path in setting_leaves()]
    homes = {path[1:].partition(f".{key}.")[0] + f".{key}" for path in paths if f".{key}." in path}
    if len(homes) != 1:
        return letter
    return ConfigError(letter.path, letter.problem, f'did you mean "{homes.pop()}"?')


def with_origin(error: ConfigError, origins: Mapping[str, str]) -> ConfigError:
    """Returns the letters with where each value came from, and without the passwords in them."""
    return gather(
        ConfigError(letter.path, mask_passwords(letter.problem), letter.hint, origin=_origin_of(letter.path, origins))
        for letter in error.letters()
    )


def _origin_of(path: str, origins: Mapping[str, str]) -> str:
    above = [said for said in origins if path == said or path.startswith(said + ".")]
    below = [said for said in origins if said.startswith(path + ".")]
    return origins[max(above, key=len)] if above else origins[below[0]] if below else ""


def _refuse_contradictions(settings: GatewaySettings, origins: Mapping[str, str], *, implied: bool) -> None:
    """Refuses what each source may say, but not all of them together."""
    listen = settings.gateway
    unused = [path for path in ("gateway.host", "gateway.port") if _is_meant(path, settings, origins)]
    if listen.uds and unused:
        fact, hint = f"gateway.uds is {shown(listen.uds)}, so nothing would listen there", "keep one of them"
        raise ConfigError(unused[0], fact, hint, origin=origins[unused[0]])
    if implied and not listen.uds and not is_loopback(listen.host):
        fact = f"{shown(listen.host)} is not loopback, and without a file every topic is open to anyone"
        hint = "write a file that declares topics, or set HUBBUB_DEVELOPMENT=true if that is what you want"
        raise ConfigError("gateway.host", fact, hint, origin=origins.get("gateway.host", ""))


def _is_meant(path: str, settings: GatewaySettings, origins: Mapping[str, str]) -> bool:
    """Returns whether somebody wants this value, and did not just keep the line of a printed file of defaults."""
    value, default = getattr(settings.gateway, path.rpartition(".")[2]), setting_leaves()[path].default
    return path in origins and (value != default or not origins[path].startswith("file "))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
