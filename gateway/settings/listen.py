"""What can be configured of the listeners: where, for whom, for how long, and how they go."""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import attrs

from actors.config.config import ConfigError, between, check, setting, shown
from actors.config.units import Duration

from ..limits.limits import Limits
from ..pulse.heartbeat import HeartbeatConfig
from ..pulse.wheel import SLOT
from .auth import ApiSettings, AuthSettings


def _is_origin(text: str) -> bool:
    """As browsers send it, which is what it is compared with."""
    return (
        text == "*"
        or re.fullmatch(r"(?!http:.*:80$|https:.*:443$)https?://[^/\s?#@A-Z\x80-\U0010ffff]+", text) is not None
    )


def _is_public_url(text: str) -> bool:
    return not text or re.fullmatch(r"https?://[^/\s?#@\x80-\U0010ffff]+(/[^\s?#]*)?", text) is not None


def _is_host(text: str) -> bool:
    """A name or an address, without a port; one of IPv6 stands in brackets in URLs only."""
    try:
        return re.fullmatch(r"[^\s/:\[\]\0]+", text) is not None or ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


def _is_path(text: str) -> bool:
    return "\0" not in text


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
        validator=check(lambda text: text in ("", "off") or bool(_address(text)), 'write "host:port", "off" or ""'),
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
        validator=check(_is_host, 'write an address such as "0.0.0.0" or "::" for every interface; the port is apart'),
    )
    port: int = setting(
        8000, reason="0 lets the system choose. 8000 is above 1023, so it needs no root.", validator=between(0, 65_535)
    )
    uds: str = setting(
        "",
        reason="The path of a Unix socket, instead of host and port. Empty is none.",
        validator=check(_is_path, "write a path, which has no NUL in it"),
    )
    uds_mode: str = setting(
        "660",
        reason="Permissions of its file, octal. Who connects must be able to write: the owner and the group, to which "
        'the proxy in front belongs; "666" lets everybody on the machine in.',
        validator=check(_is_mode, 'write three octal digits, such as "660"'),
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        reason='Origins other than our own whose pages may connect, as "https://example.org"; "*" is every page.',
        validator=check(
            _is_origin,
            'write scheme and host only, such as "https://example.org", or "*"; as browsers send it: in small letters, '
            "those of other scripts as xn--, and without the usual port",
        ),
    )
    public_url: str = setting(
        "",
        reason="How browsers reach us, for the same-origin check behind TLS. Empty is what the Host header says.",
        validator=check(_is_public_url, 'write a URL such as "https://example.org", other scripts as xn--'),
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        reason="Networks and addresses whose X-Forwarded-For and -Proto are believed; the first hop outside of them is "
        'the client. "unix" is whoever reaches the Unix socket. Nobody: anybody can send these headers.',
        validator=check(_is_proxy, 'write a network or an address, such as "10.0.0.0/8", or "unix"'),
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
        if self.heartbeat.ping_timeout <= SLOT:
            fact = f"{self.heartbeat.ping_timeout:g} s is not above the {SLOT:g} s by which a timer may be late"
            raise ConfigError("heartbeat.ping_timeout", fact, 'write "2s" or more')

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """
        Host and port of the admin listener; None if it is off. Port 0, given or beside a public port 0: the system
        chooses.
        """
        if self.admin.listen == "off":
            return None
        return _address(self.admin.listen) or ("127.0.0.1", self.port + 1 if self.port else 0)
