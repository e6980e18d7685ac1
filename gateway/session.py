"""
The app code of one connection: the child of its machine.

A handler here may wait for a database as long as it likes: its machine goes on delivering broadcasts. First it is found
out who the client is and whether it may be here; then middleware, then the endpoint. When the socket is gone the
session hears it once, has its last word, and says that it is done; then memberships end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from actors import Actor, handles

from .authenticators import identify
from .connection_messages import HookFailed
from .hooks import result
from .passage import OPEN
from .permissions import check_permissions
from .quick import quick
from .reasons import CLOSE_REASONS, InvalidToken, Refused, WebSocketDisconnect
from .websocket import ConnectionState, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .identity import Principal
    from .passage import Passage
    from .websocket import Handshake

GOODBYE = 5.0
"""Seconds an endpoint may still run after its socket is gone; then it is cancelled."""

REFUSED_AS = {"unauthorized": 401, "token_expired": 401, "too_many_requests": 429, "internal": 500}
"""The HTTP status of an upgrade that was refused for that reason; 403 for any other."""


@quick(eq=False)
class FrameReady:
    """A frame stands in the queue of the WebSocket; it may have been taken by a `receive` by the time this comes."""


FRAME_READY = FrameReady()
"""It says nothing but that, and there is one for each message of a client."""


class Session(Actor):
    """Base of what runs the two kinds of endpoints: `FunctionSession`, `EndpointSession`."""

    is_told_of_frames: ClassVar[bool]
    """Whether a `FrameReady` comes for each frame; a function takes them itself."""

    def __init__(self, ws: WebSocket, passage: Passage = OPEN) -> None:
        super().__init__()
        self.ws = ws
        ws._session = self.actor_ref
        self._passage = passage
        self._is_over = self._has_failed = False

    def _machine(self, message: object) -> None:
        if self.ws._ref.is_alive():
            self.ws._ref.tell(message)

    async def _enter(self, innermost: Callable[[WebSocket], Awaitable[None]]) -> None:
        """Who it is, whether it may, and then through the middleware to the endpoint. Refusals are answered."""
        try:
            await self._admit()
            await self._passage.connect(innermost)(self.ws)
        except WebSocketDisconnect:
            return  # a normal end: the peer went while the endpoint was receiving or sending
        except Refused as error:
            if self.ws.state is not ConnectionState.CONNECTING:
                self._answer(error)
                return
            self.ws.refuse(REFUSED_AS.get(error.reason, 403), error.reason)
        if self.ws.state is ConnectionState.CONNECTING:
            self.ws.refuse(403)  # somebody in between did not go on, and did not say why

    async def _admit(self) -> None:
        """Raises Refused."""
        passage = self._passage
        try:
            principal = await self._find_principal(passage.authenticators, self.ws.handshake)
        except InvalidToken:
            raise Refused("unauthorized") from None
        if principal is not None:
            self.ws.identify(principal)
        await check_permissions(passage.permissions, self.ws)

    async def _find_principal(self, authenticators: Sequence[Any], handshake: Handshake) -> Principal | None:
        """By the authenticators; where there are none, by the configured secret. Raises InvalidToken, Refused."""
        tokens = self.ws._node.tokens
        if authenticators or tokens is None or handshake.token is None:
            return await identify(authenticators, handshake)
        return tokens.principal(handshake.token, self.ws._node.wall())

    def _answer(self, error: Refused) -> None:
        if self.ws.is_connected:
            self.ws.send_error(error)

    async def _recover(self, error: Exception) -> None:
        """Whoever is declared for errors, until one returns; raises what is left."""
        for handler in self._error_handlers():
            try:
                await result(handler(self.ws, error))
            except WebSocketDisconnect:
                return
            except Exception as raised:
                error = raised
            else:
                return
        raise error

    def _error_handlers(self) -> list[Callable[..., Any]]:
        return list(self._passage.hooks.failed)

    def _last_words(self) -> list[Callable[..., Any]]:
        return list(self._passage.hooks.disconnected)

    async def _say_goodbye(self, code: int) -> None:
        """
        Each once, also if one of them raises; then that is raised.

        What a gateway that stops takes no more (leaves are then recorded, not announced) is no failure of theirs.
        """
        errors: list[Exception] = []
        for last_word in self._last_words() if self.ws._was_accepted else ():
            try:
                await result(last_word(self.ws, code))
            except WebSocketDisconnect:
                continue
            except Exception as error:
                if not (isinstance(error, Refused) and error.reason == "shutting_down"):
                    errors.append(error)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several last words failed", errors)

    @handles(HookFailed)
    async def hook_failed(self, failed: HookFailed) -> None:
        if isinstance(failed.error, Exception):
            await self._recover(failed.error)

    def on_failure(self, *_: object) -> None:
        """The last word is a fresh instance's."""
        self._has_failed = True

    def on_stop(self) -> Any:
        """Its machine ends, or it was killed, before it heard of an end: it has its last word here."""
        self.ws._let_go()
        if self._is_over or self._has_failed or self.ws._has_said_goodbye or not self.ws._was_accepted:
            return None
        self._is_over = self.ws._has_said_goodbye = True
        if self.ws._gone is None:
            self.ws._end(CLOSE_REASONS["shutdown"].raw_code, CLOSE_REASONS["shutdown"].meaning)
        return self._say_goodbye(self.ws._gone.code if self.ws._gone is not None else 1006)
