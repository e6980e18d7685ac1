"""
The app code of one connection: the child of its machine.

A handler here may wait for a database as long as it likes: its machine goes on delivering broadcasts. First it is found
out who the client is and whether it may be here; then middleware, then the endpoint, if the client is known by then or
may be unknown. When the socket is gone the session hears it once, has its last word, and says that it is done; then
memberships end. One that rests is stopped in place, and has its last word in that.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar

from actors import Actor, handles

from ..access.authenticators import identify
from ..access.permissions import check_permissions
from ..messages.connection_messages import HookFailed
from ..quick import quick
from ..reasons import CLOSE_REASONS, InvalidToken, Refused, is_departure
from .hooks import result
from .passage import OPEN
from .websocket import ConnectionState, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

    from ..access.handshake import Handshake
    from ..access.identity import Principal
    from .passage import Passage

GOODBYE = 5.0
"""Seconds an endpoint may still run after its socket is gone; then it is cancelled."""

REFUSED_AS = {"unauthorized": 401, "token_expired": 401, "too_many_requests": 429, "internal": 500}
"""The HTTP status of an upgrade that was refused for that reason; 403 for any other."""


@quick(eq=False)
class FrameReady:
    """A frame stands in the queue of the WebSocket; it may have been taken by a `receive` by the time this comes."""


@quick(eq=False)
class GoOn:
    """To a session, by itself: what is left to be awaited of a frame that was taken where it was read."""

    rest: Awaitable[None]


FRAME_READY = FrameReady()
"""It says nothing but that, and there is one for each message of a client."""


class Session(Actor):
    """Base of what runs the two kinds of endpoints: `FunctionSession`, `EndpointSession`."""

    starts_in_place = True
    """The upgrade waits for it: two turns and a request that is suspended cost an eighth of a connection."""

    is_told_of_frames: ClassVar[bool]
    """Whether a `FrameReady` comes for each frame; a function takes them itself."""

    hears_frames: ClassVar[bool] = False
    """Whether it can be handed a frame where that was read; `PlainSession`."""

    def __init__(self, ws: WebSocket, passage: Passage = OPEN) -> None:
        super().__init__()
        self.ws = ws
        ws._session = self.actor_ref
        self._passage = passage
        self._is_over = self._has_failed = self._was_found = False

    @property
    def rests(self) -> bool:
        """Whether nothing of it runs between two messages, and its last words need not wait: then it may be stopped."""
        return False

    def _machine(self, message: object) -> None:
        if self.ws._ref.is_alive():
            self.ws._ref.tell(message)

    async def _pass(self, innermost: Callable[[WebSocket], Awaitable[None]]) -> None:
        """Who it is, whether it may, and then through the middleware to the endpoint. Raises Refused."""
        await self._admit()
        guarded = innermost if self._may_be_unknown else partial(self._know_first, innermost)
        await self._passage.connect(guarded)(self.ws)

    @property
    def _may_be_unknown(self) -> bool:
        """
        Whether the endpoint is run for the anonymous: to find out who they are, or where they may connect. Who brought
        a token that no authenticator knows is not one of them: it has mistyped a key, or tries some. A token may also
        be known, and name nobody.
        """
        if self._passage.identifies:
            return True
        knows_none = bool(self._passage.authenticators) and self.ws.handshake.token is not None
        return self.ws._node.auth.anonymous and (self._was_found or not knows_none)

    async def _know_first(self, innermost: Callable[[WebSocket], Awaitable[None]], ws: WebSocket) -> None:
        """Authenticators and middleware had their say. Raises Refused, unless one of them has accepted already."""
        if ws.principal.is_authenticated:
            await innermost(ws)
        elif ws.state is ConnectionState.CONNECTING:
            raise Refused("unauthorized")
        else:
            ws.close(CLOSE_REASONS["stale"].raw_code, "not authenticated")

    async def _enter(self, way: Awaitable[None]) -> None:
        """Waits for the end of the way in, and of what is behind it. Refusals are answered."""
        try:
            await way
        except Refused as error:
            if self.ws.state is not ConnectionState.CONNECTING:
                self._answer(error)
                return
            self.ws.refuse(REFUSED_AS.get(error.reason, 403), error.reason)
        except Exception as error:
            if is_departure(error):
                return  # a normal end: the peer went while the endpoint was receiving or sending
            raise
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
            self._was_found = True
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
            except Exception as raised:
                if is_departure(raised):
                    return
                error = raised
            else:
                return
        raise error

    def _error_handlers(self) -> list[Callable[..., Any]]:
        return list(self._passage.hooks.failed)

    def _last_words(self) -> list[Callable[..., Any]]:
        return list(self._passage.hooks.disconnected)

    def _say_goodbye(self, code: int) -> Coroutine[Any, Any, None] | None:
        """
        Each last word once, also if one of them raises; then that is raised. What is left to be awaited, if anything.
        """
        errors: list[Exception] = []
        words = iter(self._last_words() if self.ws._was_accepted else ())
        saying = self._next_word(words, code, errors)
        if saying is not None:
            return self._say_on(saying, words, code, errors)
        _raise(errors)
        return None

    async def _say_on(
        self, saying: Awaitable[object], words: Iterator[Callable[..., Any]], code: int, errors: list[Exception]
    ) -> None:
        """
        The rest of them, from the first that waits on.

        Cancellation: cuts short the one in hand, the others still have their turn, and then it is raised.
        """
        cut: asyncio.CancelledError | None = None
        waiting: Awaitable[object] | None = saying
        while waiting is not None:
            try:
                await waiting
            except asyncio.CancelledError as error:
                cut = error
            except Exception as error:
                _note(errors, error)
            waiting = self._next_word(words, code, errors)
        if cut is not None:
            raise cut
        _raise(errors)

    def _next_word(
        self, words: Iterator[Callable[..., Any]], code: int, errors: list[Exception]
    ) -> CoroutineType[Any, Any, object] | None:
        """Says them until one has to be awaited; None: none of them has."""
        for last_word in words:
            try:
                saying = last_word(self.ws, code)
            except Exception as error:
                _note(errors, error)
            else:
                if isinstance(saying, CoroutineType):
                    return saying
        return None

    @handles(HookFailed)
    async def hook_failed(self, failed: HookFailed) -> None:
        if not isinstance(failed.error, Exception):
            raise failed.error
        await self._recover(failed.error)

    def on_failure(self, *_: object) -> None:
        """The last word is a fresh instance's."""
        self._has_failed = True

    def on_stop(self) -> Any:
        """Its machine ends, or it was killed, before it heard of an end: it has its last word here."""
        self.ws._let_go()
        is_left_to_another = self._has_failed and self.ws._ref.is_alive()
        if is_left_to_another or self.ws._has_said_goodbye or not self.ws._was_accepted:
            return None
        self._is_over = self.ws._has_said_goodbye = True
        if self.ws._gone is None:
            self.ws._end(CLOSE_REASONS["shutdown"].raw_code, CLOSE_REASONS["shutdown"].meaning)
        return self._say_goodbye(self.ws._gone.code if self.ws._gone is not None else 1006)


def _note(errors: list[Exception], error: Exception) -> None:
    """What a gateway that stops takes no more (leaves are then recorded, not announced) is no failure of last words."""
    if is_departure(error) or (isinstance(error, Refused) and error.reason == "shutting_down"):
        return
    errors.append(error)


def _raise(errors: list[Exception]) -> None:
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("several last words failed", errors)
