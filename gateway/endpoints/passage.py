"""What a connection passes on its way to an endpoint: who it is, whether it may, what wraps it, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from .hooks import Hooks
from .middleware import around_connect, around_message, has_message

if TYPE_CHECKING:
    from ..pulse.heartbeat import HeartbeatConfig
    from .middleware import Connect, Receive

Encoding = Literal["json", "text", "bytes"]


@attrs.frozen(eq=False, kw_only=True)
class Passage:
    """One per endpoint, shared by its connections: those of the app, of its routers and its own, put together."""

    authenticators: tuple[Any, ...] = ()
    """Asked in this order, the endpoint's own before the app's; the first that knows the client says who it is."""
    permissions: tuple[Any, ...] = ()
    """All must allow it; the app's before the endpoint's own."""
    middleware: tuple[Any, ...] = ()
    """Outermost first: the app's, the routers', the endpoint's own."""
    hooks: Hooks = attrs.Factory(Hooks)
    expires: float | None = None
    """Seconds from the upgrade request after which the connection ends; None: never."""
    encoding: Encoding | None = None
    """What handlers get of a message; None: a `str` or bytes, as it came."""
    heartbeat: HeartbeatConfig | None = None
    """None: the gateway's."""
    identifies: bool = False
    """Whether the endpoint finds out itself who its client is, and so runs before that is known."""

    def within(self, outer: Passage) -> Passage:
        """This passage behind another one: what is there for it to pass first. Its times are its own."""
        return attrs.evolve(
            self,
            hooks=self.hooks.within(outer.hooks),
            authenticators=self.authenticators + outer.authenticators,
            permissions=outer.permissions + self.permissions,
            middleware=outer.middleware + self.middleware,
        )

    def connect(self, innermost: Connect) -> Connect:
        return around_connect(self.middleware, innermost)

    def message(self, innermost: Receive) -> Receive:
        return around_message(self.middleware, innermost)

    @property
    def touches_messages(self) -> bool:
        """Whether anything is to be done with a message before an endpoint that is a function receives it."""
        return bool(self.hooks.received) or any(has_message(one) for one in self.middleware)


OPEN = Passage()
"""Nothing in the way."""
