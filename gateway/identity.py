"""Who is at the other end of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs


@attrs.frozen
class Principal:
    """A person or a service. The empty `id` is anybody: all anonymous connections count as one user."""

    id: str = ""
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, object] = attrs.field(factory=lambda: MappingProxyType({}), hash=False)
    expires: float | None = None
    """Wall-clock seconds since 1970 after which this identity must be renewed; None: never."""

    @property
    def is_authenticated(self) -> bool:
        return bool(self.id)


ANONYMOUS = Principal()
