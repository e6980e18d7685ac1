"""
What can be configured, in frozen classes: each key with its default, unit and reason.

Rules of this file: where nobody said anything, a topic's name is closed; what contradicts itself cannot be made.

What it refuses to know: where a value came from, how a setting is obeyed, and who a peer is.
"""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import ipaddress
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
from .tokens import Tokens
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

MASK = "***"
"""What is printed for a secret. A printed file that is read again must not make it the secret."""

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


def _is_proxy(text: str) -> bool:
    """Whether it is a network, an address, or the word for the peers of a Unix socket."""
    try:
        return text == "unix" or ipaddress.ip_network(text) is not None
    except ValueError:
        return False


def _is_mode(text: str) -> bool:
    return re.fullmatch(r"0?[0-7]{3}", text) is not None


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


def _is_secret(text: str) -> bool:
    """Whether tokens can be checked with it: others would be believed that everybody can sign."""
    if text == MASK:
        return False
    try:
        return not text or Tokens(text) is not None
    except ValueError:
        return False


@attrs.frozen(kw_only=True)
class AuthSettings:
    """[gateway.auth]: what proves who somebody is, and how long we wait for it."""

    jwt_secret: str = attrs.field(
        default="",
        repr=False,
        validator=_check(_is_secret, f'write a secret text of your own; no public key, and not "{MASK}"'),
        metadata={
            "secret": True,
            "reason": "What tokens are signed with (JWT, HS256): of connections and of subscriptions. Empty believes "
            "none. Any length works; RFC 7518 3.2 wants 32 bytes, as `openssl rand -base64 48` prints.",
        },
    )
    anonymous: bool = setting(
        True,
        reason="Whether clients without a token may connect. True: what they may do is up to each topic, and a public "
        "page has no tokens.",
    )
    authenticate_within: Duration = setting(
        10.0,
        unit="seconds",
        reason="From the upgrade until a client has said who it is, where that is needed. Clients do it at once; 10 s "
        "is a slow phone, and short enough that silent sockets do not pile up.",
        validator=between(1, 3600),
    )
    query_token: bool = setting(
        False,
        reason="Whether ?token= is believed. Off: URLs end up in the logs of every proxy, and in histories.",
    )
    refresh_grace: Duration = setting(
        25.0,
        unit="seconds",
        reason="From the end of a token until what it allowed ends. 25 s, as in Centrifugo: a client that gets a new "
        "one when the old one ends has time for a few attempts.",
        validator=between(0, 3600),
    )


def _are_keys(text: str) -> bool:
    """Whether a header can carry each of them."""
    return not text or (bool(text.split()) and text.isascii() and text.isprintable() and text != MASK)


@attrs.frozen(kw_only=True)
class ApiSettings:
    """[gateway.api]: how other back ends publish, on the public port: POST /api/publish and others."""

    key: str = attrs.field(
        default="",
        repr=False,
        validator=_check(_are_keys, f'write printable ASCII, as `openssl rand -hex 32` prints, and not "{MASK}"'),
        metadata={
            "secret": True,
            "reason": "What a back end sends as X-API-Key; who has it may do everything. Empty closes the API. Several "
            "keys, separated by spaces, all count: one is replaced while the other is still in use.",
        },
    )

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.key.split())


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
class TlsSettings:
    """[gateway.tls]: the certificate of the public listener, where no proxy in front of it has one."""

    certificate: str = setting("", reason="The file of the certificate and its chain, PEM. Empty is no TLS.")
    key: str = setting("", reason="The file of its private key, PEM, not encrypted. With a certificate only.")

    def __attrs_post_init__(self) -> None:
        if self.certificate and not self.key:
            raise ConfigError("key", "certificate is set and key is not", "name the file of its private key")
        if self.key and not self.certificate:
            raise ConfigError("certificate", "key is set and certificate is not", "name the file of the certificate")


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
    uds_mode: str = setting(
        "660",
        reason="Permissions of its file, octal. Who connects must be able to write: the owner and the group, to which "
        'the proxy in front belongs; "666" lets everybody on the machine in.',
        validator=_check(_is_mode, 'write three octal digits, such as "660"'),
    )
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
    trusted_proxies: tuple[str, ...] = setting(
        (),
        reason="Networks and addresses whose X-Forwarded-For and -Proto are believed; the first hop outside of them is "
        'the client. "unix" is whoever reaches the Unix socket. Nobody: anybody can send these headers.',
        validator=_check(_is_proxy, 'write a network or an address, such as "10.0.0.0/8", or "unix"'),
    )
    tls: TlsSettings = setting(TlsSettings(), reason="")
    admin: AdminSettings = setting(AdminSettings(), reason="")
    api: ApiSettings = setting(ApiSettings(), reason="")
    auth: AuthSettings = setting(AuthSettings(), reason="")
    limits: Limits = setting(Limits(), reason="")
    heartbeat: HeartbeatConfig = setting(HeartbeatConfig(), reason="")
    drain: DrainSettings = setting(DrainSettings(), reason="")

    def __attrs_post_init__(self) -> None:
        if self.uds and self.tls.certificate:
            raise ConfigError("tls.certificate", f"uds is {shown(self.uds)}, and stays on this machine", "keep one")
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
    presence_grace: Duration = setting(
        2.0,
        reason="How long somebody who was cut off is still shown, so that a page loaded again is no leave and join.",
        validator=between(0, 60),
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
