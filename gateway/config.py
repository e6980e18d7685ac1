"""
What can be configured, in frozen classes: each key with its default, unit and reason.

Rules of this file: where nobody said anything, a topic's name is closed; what contradicts itself cannot be made.

What it refuses to know: where a value came from, how a setting is obeyed, and who a peer is.
"""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from actors.config import ConfigError, Shapes, between, gather, setting, shown
from actors.references import places
from actors.settings import SHAPES as ACTOR_SHAPES
from actors.settings import ActorSettings, ActorsSettings, RuntimeSettings, SupervisorSettings, read_only
from actors.units import Duration, Size

from .heartbeat import HeartbeatConfig
from .limits import Limits
from .outbox import SlowPolicy
from .parts import BUILT_IN, HOME, PARTS
from .stream import History
from .topic_patterns import TopicTable

Who: TypeAlias = Literal["anyone", "authenticated", "nobody"]
"""Who among the clients may; the application's own code always may."""

SHAPES: Shapes = {
    **ACTOR_SHAPES,
    Limits: {
        "max_message": Size,
        "max_topic_name_bytes": Size,
        "outbox_bytes": Size,
        "outbox_age": Duration,
        "in_flight_bytes": Size,
    },
    HeartbeatConfig: {"ping_interval": Duration, "ping_timeout": Duration},
    History: {"ttl": Duration, "max_bytes": Size},
}
"""What the numbers of classes are that know nothing of files."""

WHEEL_SLOT = 1.0
"""Seconds by which the timer wheel may be late; a pong must have longer than that."""


def _check(is_right: Callable[[Any], object], hint: str) -> Callable[..., None]:
    """Returns a validator for a text, or for each text of a tuple."""

    def validate(_: object, field: attrs.Attribute[Any], value: str | tuple[str, ...]) -> None:
        for one in (value,) if isinstance(value, str) else value:
            if not is_right(one):
                raise ConfigError(field.name, f"{shown(one)} is refused", hint)

    return validate


def _is_origin(text: str) -> bool:
    return text == "*" or re.fullmatch(r"https?://[^/\s?#@]+", text) is not None


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


@attrs.frozen(kw_only=True)
class EngineSettings:
    """[engine]: where positions and history come from."""

    url: str = setting(
        "memory://",
        reason="The scheme chooses the engine. Memory needs nothing and forgets at the end of the process.",
        validator=_check(lambda text: text == "memory://", 'write "memory://", the one engine there is'),
    )


@attrs.frozen(kw_only=True)
class LogSettings:
    """[log]: how log lines look."""

    format: Literal["auto", "console", "json"] = setting(
        "auto", reason='"auto" is "console" for a person at a terminal and "json" for everything else.'
    )


def _with_built_in(supervisors: Mapping[str, SupervisorSettings]) -> Mapping[str, SupervisorSettings]:
    return read_only({**BUILT_IN, **supervisors})


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """Everything that can be configured. Immutable; two gateways may have two."""

    development: bool = setting(
        False,
        reason="Whether names that no pattern matches are open to anyone. True without a file and without an app.",
    )
    gateway: ListenSettings = setting(ListenSettings(), reason="")
    topics: Mapping[str, TopicSettings] = attrs.field(
        factory=dict, converter=read_only, metadata={"reason": "What each kind of topic allows, by pattern."}
    )
    engine: EngineSettings = setting(EngineSettings(), reason="")
    log: LogSettings = setting(LogSettings(), reason="")
    actors: ActorsSettings = setting(ActorsSettings(), reason="")
    supervisor: Mapping[str, SupervisorSettings] = attrs.field(
        factory=dict, converter=_with_built_in, metadata={"reason": "Supervisors by name; the gateway's own are there."}
    )
    actor: Mapping[str, ActorSettings] = attrs.field(
        factory=dict, converter=read_only, metadata={"reason": "The app's own actors by name; under app unless placed."}
    )

    def __attrs_post_init__(self) -> None:
        wrong = list(self._wrong())
        if wrong:
            raise gather(wrong)

    def _wrong(self) -> Iterator[ConfigError]:
        try:
            self.topic_table()
        except ConfigError as error:
            yield error.within("topics")
        try:
            places(self.runtime, PARTS, HOME)
        except ConfigError as error:
            yield error

    @property
    def runtime(self) -> RuntimeSettings:
        """What the actors obey."""
        return RuntimeSettings(actors=self.actors, supervisor=self.supervisor, actor=self.actor)

    def topic_table(self) -> TopicTable[TopicSettings]:
        """Returns a new table of `topics`; other names are open in development mode only."""
        return TopicTable(self.topics, OPEN if self.development else CLOSED)
