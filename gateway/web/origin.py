"""Whose pages may open sockets here: our own, and those that the configuration names."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_same_origin(
    origin: str | None, host: str | None, allowed: Sequence[str], public_url: str, scheme: str | None = None
) -> bool:
    """
    Whether a page of `origin` may connect.

    Browsers always send the header, other clients need not: without one there is no page to protect against. `null`,
    the origin of sandboxed pages and files, is nobody's.

    Args:
        scheme: `http` or `https` if it is known how browsers reach us; then a page of the other one is another origin.
            None: TLS may end before us, so the page's own is taken for ours.
    """
    if origin is None or "*" in allowed:
        return True
    if origin in allowed:
        return True
    asking = _address(origin)
    ours = _address(public_url or f"{scheme or origin.partition(':')[0]}://{host or ''}")
    is_other_scheme = not public_url and scheme is not None and origin.partition(":")[0] != scheme
    return asking is not None and asking == ours and not is_other_scheme


def is_local_name(host: str | None) -> bool:
    """
    Whether a `Host` names this machine as it calls itself: `localhost`, a name below that, or an address.

    Any other name is somebody's choice of what it means. A page of `evil.example` that has its own name point at
    127.0.0.1 is of the same origin as what it finds there (DNS rebinding), so a listener that is meant for this machine
    alone takes no such names.
    """
    try:
        name = urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name) is not None
    except ValueError:
        return False


def _address(url: str) -> tuple[str, int] | None:
    """Host and port; the scheme is left out, because TLS may end before us."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
