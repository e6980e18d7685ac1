"""Who a client of a test is, without a token: a badge that only the server of this test has given out and believes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..access.identity import Principal

if TYPE_CHECKING:
    from ..access.handshake import Handshake

HEADER = "Hubbub-Test-Badge"


class Badges:
    """
    An authenticator as an application may have one; one per server.

    The gateway itself knows nothing of it: without such an authenticator in its app, the header means nothing.
    """

    def __init__(self) -> None:
        self._holders: dict[str, Principal] = {}

    def issue(self, holder: Principal | str) -> dict[str, str]:
        """The headers to connect with as that principal, or as the person of that id."""
        badge = secrets.token_hex(16)
        self._holders[badge] = Principal(holder) if isinstance(holder, str) else holder
        return {HEADER: badge}

    async def __call__(self, handshake: Handshake) -> Principal | None:
        return self._holders.get(handshake.headers.get(HEADER, ""))
