"""
What can be configured, where it comes from, and which settings a topic has.

Rules of this file: settings are read once, at the edge, into frozen classes; flags go before the environment, that
before the file, that before the defaults; nothing unknown is ignored; where nobody said anything, a name is closed.

What it refuses to know: how a setting is obeyed, and who a peer is.
"""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import functools
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_origin
from urllib.parse import urlsplit

import attrs

from actors.config import (
    ConfigError,
    Duration,
    Leaf,
    Shapes,
    Size,
    between,
    gather,
    join_path,
    leaves,
    load_toml,
    mask_passwords,
    quote_key,
    setting,
    shown,
    strict_converter,
    suggestion,
)

from .heartbeat import HeartbeatConfig
from .limits import Limits, check_topic_name
from .outbox import SlowPolicy
from .reasons import Refused
from .stream import History

Who: TypeAlias = Literal["anyone", "authenticated", "nobody"]
"""Who among the clients may; the application's own code always may."""

SHAPES: Shapes = {
    Limits: {
        "max_message": Size,
        "max_topic_name_bytes": Size,
        "outbox_bytes": Size,
        "outbox_age": Duration,
        "in_flight_bytes": Size,
        "authenticate_within": Duration,
    },
    HeartbeatConfig: {"ping_interval": Duration, "ping_timeout": Duration},
    History: {"ttl": Duration, "max_bytes": Size},
}
"""What the numbers of classes are that know nothing of files."""

WHEEL_SLOT = 1.0
"""Seconds by which the timer wheel may be late; a pong must have longer than that."""
MAX_REMEMBERED_TOPICS = 4_096
"""Names whose settings a table remembers. At most 255 bytes each, so 1 MiB; a miss costs one walk of the patterns."""
PREFIX = "HUBBUB_"


def _check(is_right: Callable[[Any], object], hint: str) -> Callable[..., None]:
    """Returns a validator for a text, or for each text of a tuple."""

    def validate(_: object, field: attrs.Attribute[Any], value: str | tuple[str, ...]) -> None:
        for one in (value,) if isinstance(value, str) else value:
            if not is_right(one):
                raise ConfigError(field.name, f"{shown(one)} is refused", hint)

    return validate


def _is_origin(text: str) -> bool:
    return text == "*" or re.fullmatch(r"https?://[^/\s?#@]+", text) is not None


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_public_url(text: str) -> bool:
    return not text or re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", text) is not None


def _address(text: str) -> tuple[str, int] | None:
    """Returns host and port of `host:port` or `[::1]:port`, None if it is neither."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port) if host and port is not None and parts.netloc == text and not parts.username else None


@attrs.frozen(kw_only=True)
class AdminSettings:
    """[gateway.admin]: /live /ready /metrics /connections/{id}, never on the public port."""

    listen: str = setting(
        "",
        reason='Where, as "host:port". Empty is loopback on the port after the gateway\'s: what it tells is not for '
        'the public. "off" opens nothing.',
        validator=_check(lambda text: text in ("", "off") or bool(_address(text)), 'write "host:port", "off" or ""'),
    )


@attrs.frozen(kw_only=True)
class DrainSettings:
    """[gateway.drain]: how a gateway goes."""

    timeout: Duration = setting(
        20.0,
        unit="seconds",
        reason="From the signal to the end of the tree. Orchestrators kill after 30 s by default; 20 s leaves a third.",
        validator=between(0, 3600),
    )
    spread: Duration = setting(
        2.0,
        unit="seconds",
        reason="Over which the closes are spread. Clients return as fast as they are let go: 10,000 at once are a "
        "storm, over 2 s they are 5,000 handshakes a second for the other nodes. A tenth of the timeout.",
        validator=between(0, 3600),
    )

    def __attrs_post_init__(self) -> None:
        if self.spread > self.timeout:
            raise ConfigError(
                "spread", f"{self.spread:g} s is longer than the timeout of {self.timeout:g} s", "shorten it"
            )


@attrs.frozen(kw_only=True)
class ListenSettings:
    """[gateway]: where it listens, and what it believes about who is asking."""

    host: str = setting(
        "127.0.0.1",
        reason="The address to listen on. Loopback, so that nothing is public before somebody decides it.",
        validator=_check(bool, 'write an address such as "0.0.0.0" for every interface'),
    )
    port: int = setting(
        8000, reason="0 lets the system choose. 8000 is above 1023, so it needs no root.", validator=between(0, 65_535)
    )
    uds: str = setting("", reason="The path of a Unix socket, instead of host and port. Empty is none.")
    allowed_origins: tuple[str, ...] = setting(
        (),
        reason='Origins other than our own whose pages may connect, as "https://example.org"; "*" is every page.',
        validator=_check(_is_origin, 'write scheme and host only, such as "https://example.org", or "*"'),
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        reason="Addresses or networks whose X-Forwarded-For and -Proto are believed. None: anybody can write a header.",
        validator=_check(_is_network, 'write an address or a network such as "10.0.0.0/8"'),
    )
    public_url: str = setting(
        "",
        reason="How browsers reach us, for the same-origin check behind TLS. Empty is what the Host header says.",
        validator=_check(_is_public_url, 'write a URL such as "https://example.org"'),
    )
    admin: AdminSettings = setting(AdminSettings(), reason="")
    limits: Limits = setting(Limits(), reason="")
    heartbeat: HeartbeatConfig = setting(HeartbeatConfig(), reason="")
    drain: DrainSettings = setting(DrainSettings(), reason="")

    def __attrs_post_init__(self) -> None:
        if self.admin.listen == "" and self.port == 65_535:
            raise ConfigError("admin.listen", "port 65535 has no next one", 'write "127.0.0.1:8001" or "off"')
        if self.admin_address == (self.host, self.port) and self.port and not self.uds:
            raise ConfigError("admin.listen", f"{self.host}:{self.port} is the public address", "choose another port")
        if self.heartbeat.ping_timeout <= WHEEL_SLOT:
            fact = f"{self.heartbeat.ping_timeout:g} s is not above the {WHEEL_SLOT:g} s by which a timer may be late"
            raise ConfigError("heartbeat.ping_timeout", fact, 'write "2s" or more')

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """Host and port of the admin listener; None if it is off. Port 0 beside a public port 0: the system chooses."""
        if self.admin.listen == "off":
            return None
        return _address(self.admin.listen) or ("127.0.0.1", self.port + 1 if self.port else 0)


@attrs.frozen(kw_only=True)
class TopicSettings:
    """[topics."pattern"]: what clients may do with the topics of that pattern, and what is kept."""

    join: Who = setting("authenticated", reason="Who may join. A topic for everybody has to say so.")
    publish: Who = setting("nobody", reason="Who may publish. Most topics are written by the application alone.")
    presence: bool = setting(
        False, reason="Whether members see each other. Off: a list of who is there is personal data."
    )
    history: History = setting(
        History.none(),
        reason="What is kept for who comes back, as { size, ttl, max_bytes }. Nothing: every topic would cost memory.",
    )
    slow: SlowPolicy = setting(
        "disconnect", reason='Who reads too slowly comes back and recovers; "drop_oldest", "conflate" lose messages.'
    )
    max_members: int | None = setting(
        None,
        unit="members",
        reason="On one topic. Not set is no limit but that of connections.",
        validator=attrs.validators.optional(between(1, 2**31)),
    )


OPEN = TopicSettings(join="anyone", publish="anyone", presence=True)
"""Any other name in development mode."""
CLOSED = TopicSettings(join="nobody", publish="nobody")
"""Any other name otherwise: a file that declares topics means those."""
DEVELOPMENT_TOPICS: Mapping[str, TopicSettings] = MappingProxyType(
    {
        "public:*": attrs.evolve(OPEN, history=History(size=100, ttl=3600.0)),
        "private:*": TopicSettings(join="authenticated", publish="authenticated", presence=True),
    }
)


class TopicPattern:
    """
    A pattern of topic names: a whole name, `prefix*`, or a template such as `game:{game_id}:{side}`.

    `{name}` stands for one or more characters other than `:`, at most one of them between two colons, which keeps
    matching linear for names that strangers choose. `*` stands for any rest, also none, and may only be last.

    Raises:
        ConfigError: The text is no such pattern.
    """

    __slots__ = ("_expression", "rank", "shape", "text")

    def __init__(self, text: str) -> None:
        pieces = re.split(r"(\{[A-Za-z_][A-Za-z0-9_]*\}|\*\Z)", text)
        self._refuse_misuse(text, pieces)
        self.text = text
        wild = pieces[1::2]
        self.shape = "".join("{}" if piece in wild and piece != "*" else piece for piece in pieces)
        """The text without the names: two patterns of one shape match the same topics."""
        self.rank = (not wild, len(pieces[0]), "*" not in wild, sum(map(len, pieces[::2])))
        """Greater is more specific: a whole name, a longer literal prefix, no `*`, more literal text."""
        self._expression = re.compile("".join(map(self._piece, pieces)), re.DOTALL)

    @staticmethod
    def _piece(piece: str) -> str:
        if piece == "*":
            return ".*"
        return f"(?P<{piece[1:-1]}>[^:]+)" if piece[:1] == "{" else re.escape(piece)

    @staticmethod
    def _refuse_misuse(text: str, pieces: list[str]) -> None:
        names = [piece for piece in pieces[1::2] if piece != "*"]
        if re.search(r"[*{}]", "".join(pieces[::2])):
            raise ConfigError("", "a * is only allowed last, braces only around a name", 'write "a:*" or "a:{id}"')
        if len(set(names)) < len(names) or any(part.count("{") > 1 for part in text.split(":")):
            raise ConfigError("", "two names are equal, or between the same colons", 'write "a:{one}:{two}"')
        try:
            check_topic_name(text)
        except Refused as error:
            raise ConfigError("", error.message) from error

    def match(self, name: str) -> dict[str, str] | None:
        """Returns the parts that the template names, `{}` for patterns without any, None if `name` does not match."""
        found = self._expression.fullmatch(name)
        return found.groupdict() if found else None


class TopicTable:
    """
    Finds the settings of a topic: those of the most specific pattern that matches its name. Pure.

    Args:
        topics: Settings by pattern.
        otherwise: The settings of names that no pattern matches.

    Raises:
        ConfigError: A pattern is wrong, or two of them match the same names.
    """

    def __init__(self, topics: Mapping[str, TopicSettings], otherwise: TopicSettings = CLOSED) -> None:
        self._otherwise = otherwise
        ranked = sorted(map(_pattern, topics), key=lambda one: (one.rank, one.text), reverse=True)
        self._exact = {one.text: topics[one.text] for one in ranked if one.rank[0]}
        self._patterns = [(one, topics[one.text]) for one in ranked if not one.rank[0]]
        self._refuse_twins([one for one, _ in self._patterns])
        self._remembered = functools.lru_cache(MAX_REMEMBERED_TOPICS)(self._find)

    def settings_for(self, name: str) -> TopicSettings:
        """Returns the settings of the topic `name`. Never raises; may be called from any thread."""
        return self._remembered(name)

    def _find(self, name: str) -> TopicSettings:
        if name in self._exact:
            return self._exact[name]
        matching = (settings for pattern, settings in self._patterns if pattern.match(name) is not None)
        return next(matching, self._otherwise)

    @staticmethod
    def _refuse_twins(patterns: list[TopicPattern]) -> None:
        seen: dict[str, str] = {}
        for pattern in patterns:
            if pattern.shape in seen:
                fact = f"it matches the same names as {shown(seen[pattern.shape])}"
                raise ConfigError(quote_key(pattern.text), fact, "remove one of them")
            seen[pattern.shape] = pattern.text


def _pattern(text: str) -> TopicPattern:
    try:
        return TopicPattern(text)
    except ConfigError as error:
        raise error.within(quote_key(text)) from None


@attrs.frozen(kw_only=True)
class EngineSettings:
    """[engine]: where positions and history come from."""

    url: str = setting(
        "memory://",
        reason="The scheme chooses the engine. Memory needs nothing and forgets at the end of the process.",
        validator=_check(lambda text: re.match(r"[a-z][a-z0-9+]*://", text), 'write a URL such as "memory://"'),
    )


@attrs.frozen(kw_only=True)
class LogSettings:
    """[log]: how log lines look."""

    format: Literal["auto", "console", "json"] = setting(
        "auto", reason='"auto" is "console" for a person at a terminal and "json" for everything else.'
    )


def _read_only(topics: Mapping[str, TopicSettings]) -> Mapping[str, TopicSettings]:
    return MappingProxyType(dict(topics))


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """Everything that can be configured. Immutable; two gateways may have two."""

    development: bool = setting(
        False,
        reason="Whether names that no pattern matches are open to anyone. True without a file and without an app.",
    )
    gateway: ListenSettings = setting(ListenSettings(), reason="")
    topics: Mapping[str, TopicSettings] = attrs.field(
        factory=dict, converter=_read_only, metadata={"reason": "What each kind of topic allows, by pattern."}
    )
    engine: EngineSettings = setting(EngineSettings(), reason="")
    log: LogSettings = setting(LogSettings(), reason="")

    def __attrs_post_init__(self) -> None:
        try:
            self.topic_table()
        except ConfigError as error:
            raise error.within("topics") from None

    def topic_table(self) -> TopicTable:
        """Returns a new table of `topics`; other names are open in development mode only."""
        return TopicTable(self.topics, OPEN if self.development else CLOSED)


# --- sources


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


def setting_leaves() -> dict[str, Leaf]:
    """Returns every setting by its dotted path; `topics` is one of them, since its patterns are the user's."""
    return {leaf.path: leaf for leaf in leaves(GatewaySettings, shapes=SHAPES)}


def variables() -> dict[str, str]:
    """Returns the dotted path of each environment variable: HUBBUB_, then the path in capitals, `__` for each dot."""
    long = {PREFIX + path.upper().replace(".", "__"): path for path in setting_leaves() if path != "topics"}
    return {**SHORT_VARIABLES, **long}


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
    implied = file is None and not app and "development" not in values
    _add_development(values, origins, implied=implied)
    settings = _structure(values, origins)
    _refuse_contradictions(settings, origins, implied=implied)
    every = dict.fromkeys((path for path in setting_leaves() if path != "topics"), "default")
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
    given = sorted(name for name in environ if name.startswith(PREFIX))
    wrong = [_unknown_variable(name, known) for name in given if name not in known]
    paths = {name: known[name] for name in given if name in known}
    wrong += _set_twice(paths)
    if wrong:
        raise gather(wrong)
    values = {path: _from_text(environ[name], found[path].shape) for name, path in paths.items()}
    return _nest(values), {path: f"env {name}" for name, path in paths.items()}


def _unknown_variable(name: str, known: Mapping[str, str]) -> ConfigError:
    return ConfigError(name, "there is no such environment variable", suggestion(name, known))


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
    origins.update((f"topics.{quote_key(pattern)}.{name}", "development mode") for pattern in added for name in _TOPIC)


_TOPIC = tuple(field.name for field in attrs.fields(TopicSettings))


def _structure(values: Mapping[str, Any], origins: Mapping[str, str]) -> GatewaySettings:
    try:
        settings: GatewaySettings = strict_converter(SHAPES).structure(values, GatewaySettings)
    except ConfigError as error:
        raise _with_origin(error, origins) from None
    return settings


def _with_origin(error: ConfigError, origins: Mapping[str, str]) -> ConfigError:
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
    if implied and not listen.uds and not _is_loopback(listen.host):
        fact = f"{shown(listen.host)} is not loopback, and without a file every topic is open to anyone"
        hint = "write a file that declares topics, or set HUBBUB_DEVELOPMENT=true if that is what you want"
        raise ConfigError("gateway.host", fact, hint, origin=origins.get("gateway.host", ""))


def _is_meant(path: str, settings: GatewaySettings, origins: Mapping[str, str]) -> bool:
    """Returns whether somebody wants this value, and did not just keep the line of a printed file of defaults."""
    value, default = getattr(settings.gateway, path.rpartition(".")[2]), setting_leaves()[path].default
    return path in origins and (value != default or not origins[path].startswith("file "))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
