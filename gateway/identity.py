"""Who is at the other end of a connection, and what a token lets them join."""

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
    info: bytes | None = None
    """Encoded JSON that others see of this connection, in presence and beside what it publishes (Centrifuge:
    `conn_info`)."""
    topics: tuple[str, ...] = ()
    """What the server joins for this connection as soon as it is identified, in this order, without being asked."""

    @property
    def is_authenticated(self) -> bool:
        return bool(self.id)


ANONYMOUS = Principal()


@attrs.frozen
class TopicGrant:
    """What a subscription token allows: to join one topic, for one user, whatever the topic's settings say."""

    info: bytes | None = None
    """Encoded JSON that others see of this connection in that topic (Centrifuge: `chan_info`)."""
    expires: float | None = None
    """Wall-clock seconds since 1970 after which the subscription must be renewed; None: never."""
