"""The configured secret, and the tokens of whoever issues them with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import jwt

from gateway.pulse.heartbeat import HeartbeatConfig
from gateway.settings.auth import AuthSettings
from gateway.settings.topic import TopicSettings
from tests.support.peer import settings

if TYPE_CHECKING:
    from gateway.node import Node
    from gateway.settings.config import GatewaySettings

SECRET = "a secret of thirty-two bytes or more"


def with_auth(topics: dict[str, TopicSettings] | None = None, **changes: Any) -> GatewaySettings:
    """The secret is configured; `changes` are of `[gateway.auth]`. Pings are rare: nobody here answers one."""
    chosen = settings(topics)
    auth, rare = AuthSettings(jwt_secret=SECRET, **changes), HeartbeatConfig(ping_interval=3600.0)
    return attrs.evolve(chosen, gateway=attrs.evolve(chosen.gateway, auth=auth, heartbeat=rare))


def token(node: Node, user: str = "ada", lasts: float | None = None, **claims: Any) -> str:
    """Signed with the configured secret; `lasts` in seconds from now."""
    if lasts is not None:
        claims["exp"] = int(node.wall() + lasts)
    return jwt.encode({"sub": user, **claims}, SECRET, algorithm="HS256")
