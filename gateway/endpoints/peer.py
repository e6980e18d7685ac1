"""What is known of a connection from its upgrade request on: who asked for what, from where, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..access.handshake import Address, Handshake
    from ..access.identity import Principal
    from .passage import Encoding, Passage


class Peer:
    """Base of `WebSocket`. Nothing here changes but the principal."""

    def __init__(
        self, client: str, handshake: Handshake, principal: Principal, passage: Passage, created: float
    ) -> None:
        self._handshake = handshake
        self._passage = passage
        self.id = client
        self.principal = principal
        self.created = created
        """Wall-clock seconds since 1970 at the upgrade request."""

    @property
    def handshake(self) -> Handshake:
        return self._handshake

    @property
    def path(self) -> str:
        return self._handshake.path

    @property
    def path_params(self) -> Mapping[str, str]:
        return self._handshake.path_params

    @property
    def query_params(self) -> Mapping[str, str]:
        return self._handshake.query_params

    @property
    def query_string(self) -> str:
        return self._handshake.query_string

    @property
    def headers(self) -> Mapping[str, str]:
        return self._handshake.headers

    @property
    def client(self) -> Address:
        return self._handshake.client

    @property
    def client_host(self) -> str:
        return self._handshake.client.host

    @property
    def encoding(self) -> Encoding | None:
        """What handlers get of a message; None: a `str` or bytes, as it came."""
        return self._passage.encoding

    @property
    def expires(self) -> float | None:
        """Seconds from `created` until it ends; None: it does not."""
        return self._passage.expires

    @property
    def expires_at(self) -> float | None:
        """Wall-clock seconds since 1970 at which it ends; None: it does not."""
        return None if self._passage.expires is None else self.created + self._passage.expires
