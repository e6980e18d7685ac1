"""
What the address of a client is, and whether it came over TLS, when proxies stand in between.

A header is only as good as who wrote it. The peer of the TCP connection is known; `X-Forwarded-For` is read from the
right, where the nearest proxy writes, and each address in it is believed only because the hop behind it is trusted. So
what a client sends itself stands to the left of what is believed. The first hop that is not trusted is the client.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"
"""In `trusted_proxies`: whoever reaches our Unix socket; such a peer has no address."""

MAX_HOPS = 16
"""Proxies in a row that are looked through; three is a long chain, and a header may hold hundreds of names."""

MAX_ADDRESS = 64
"""Characters of an element that can be an address: the longest IPv6 has 45, a port 6, the rest is a zone."""

UNDECLARED_AFTER = 20
"""Connections of one private address that bring the header before it is called a proxy: one may be an experiment."""

MAX_WATCHED = 64
"""Addresses that are counted for that: a machine has few proxies."""


class TrustedProxies:
    """
    Those whose headers are believed.

    Args:
        names: Networks and addresses, checked by the settings; `unix` for the peers of a Unix socket.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = tuple(names)
        self._has_unix = UNIX in names
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(name) for name in names if name != UNIX)

    def trusts(self, address: str) -> bool:
        """Whether a peer at this address is one of them; the empty one is that of a Unix socket."""
        if not address:
            return self._has_unix
        ip = read_address(address)
        return ip is not None and any(ip in network for network in self._networks)


def client_address(peer: str, forwarded_for: Sequence[str], trusted: TrustedProxies) -> str:
    """
    The address of the client, without port or zone; empty for one on a Unix socket that nobody speaks for.

    What a trusted proxy wrote and is no address (`unknown`, a name, nothing) ends the walk at that proxy: left of it
    stands what its client claims.

    Args:
        peer: The address at the other end of the TCP connection; empty for a Unix socket.
        forwarded_for: The values of `X-Forwarded-For`, one for each line of it, in order.
    """
    found = _plain(peer)
    if not forwarded_for or not trusted.trusts(found):
        return found
    named = [element for line in forwarded_for for element in line.split(",")]
    for element in reversed(named[-MAX_HOPS:]):
        ip = read_address(element)
        if ip is None:
            return found
        found = str(ip)
        if not trusted.trusts(found):
            return found
    return found


def client_scheme(peer: str, forwarded_proto: Sequence[str], trusted: TrustedProxies, *, is_tls: bool) -> str | None:
    """
    `http` or `https`, as the client sees us; None if that is not known.

    A proxy that says several things at once, or something else, has said nothing: which of them is the client's is
    nowhere written down.
    """
    if forwarded_proto and trusted.trusts(_plain(peer)):
        return _SCHEMES.get(forwarded_proto[0].strip().lower()) if len(forwarded_proto) == 1 else None
    return "https" if is_tls else None


_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def read_address(text: str) -> Ip | None:
    """`192.0.2.1`, `2001:db8::1`, each with a port, and with a zone, which is dropped; None for anything else."""
    text = text.strip()
    return _read(text) if 0 < len(text) <= MAX_ADDRESS else None


@lru_cache(maxsize=4_096)  # reading one takes 6 us, twice for each connection; 0.3 KiB each
def _read(text: str) -> Ip | None:
    try:
        ip = ipaddress.ip_address(_without_port(text).partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _without_port(text: str) -> str:
    """A port is after the bracket, or after the only colon there is. Raises ValueError for what is no port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host:
            raise ValueError(text)
        _check_port(rest)
        return host
    if text.count(":") == 1:
        host, colon, port = text.partition(":")
        _check_port(colon + port)
        return host
    return text


def _check_port(text: str) -> None:
    if text and not (text[0] == ":" and text[1:].isascii() and text[1:].isdigit() and len(text) <= 6):
        raise ValueError(text)


@lru_cache(maxsize=4_096)  # writing one takes 1 us more, for each time that it is asked; 0.2 KiB each
def _plain(peer: str) -> str:
    ip = read_address(peer)
    return peer if ip is None else str(ip)


class UndeclaredProxies:
    """Notices the proxy that nobody has declared: then all the world has its one address."""

    def __init__(self, trusted: TrustedProxies) -> None:
        self._trusted = trusted
        self._counts: dict[str, int] = {}
        self._is_said = False

    def note(self, peer: str, forwarded_for: Sequence[str]) -> int:
        """
        Notes a connection; how many there were by now if this is the moment to say so, once in a life, else 0.

        Only peers of private networks, of this machine and of Unix sockets are counted: a stranger who sends the
        header is a client that plays.
        """
        if self._is_said or not forwarded_for:
            return 0
        address = _plain(peer)
        if self._trusted.trusts(address) or not _is_near(address):
            return 0
        if address not in self._counts and len(self._counts) >= MAX_WATCHED:
            return 0
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count < UNDECLARED_AFTER:
            return 0
        self._is_said = True
        self._counts.clear()
        return count


def _is_near(address: str) -> bool:
    if not address:
        return True
    ip = read_address(address)
    return ip is not None and (ip.is_private or ip.is_link_local)
