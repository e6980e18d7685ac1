"""What the upgrade request said, as app code sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from ..quick import quick


@attrs.frozen(weakref_slot=False)
class Address:
    """Where a client comes from; empty and 0 for a Unix socket."""

    host: str
    port: int


@quick
class Handshake:
    """What the upgrade request said; no third party's object in it."""

    path: str
    path_params: Mapping[str, str] = MappingProxyType({})
    query_string: str = ""
    query_params: Mapping[str, str] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    """Case-insensitive."""
    client: Address = Address("", 0)
    subprotocols: tuple[str, ...] = ()
    token: str | None = None
    """The credential it brought: in a header, a subprotocol, or its first command."""
    data: bytes | None = None
    """Encoded JSON that came with it in a first command."""
    at: float = 0.0
    """Wall-clock seconds since 1970 of the request."""
