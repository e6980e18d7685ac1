"""
The app code of one connection: the child of its machine.

A handler here may wait for a database as long as it likes: its machine goes on delivering broadcasts. First it is found
out who the client is and whether it may be here; then middleware, then the endpoint. When the socket is gone the
session hears it once, has its last word, and says that it is done; then memberships end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, handles

from .authenticators import identify
from .hooks import result
from .messages import Close, Ended, HookFailed, SessionDone
from .passage import OPEN
from .permissions import check_permissions
from .quick import quick
from .reasons import CLOSE_REASONS, InvalidData, InvalidToken, Refused, WebSocketDisconnect, cut_reason
from .websocket import ConnectionState, Frame, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .endpoint import WebSocketEndpoint
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


@attrs.frozen(eq=False)
class Finished:
    """The endpoint function has returned, or raised."""

    error: BaseException | None


class Session(Actor):
    """Base of both kinds of endpoints."""

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


class FunctionSession(Session):
    """An endpoint that is a function: a task of its own, fed by the WebSocket's queue."""

    def __init__(
        self,
        ws: WebSocket,
        function: Callable[..., Awaitable[None]],
        arguments: dict[str, Any],
        passage: Passage = OPEN,
    ) -> None:
        super().__init__(ws, passage)
        self._function = function
        self._arguments = arguments
        self._task: asyncio.Task[None] | None = None

    def on_start(self) -> None:
        if self.ws._gone is None:  # else it was made for the last word only
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"endpoint {self.ws.path}")

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._enter(lambda ws: self._function(ws, **self._arguments))
        except BaseException as raised:
            error = raised
        if self.actor_ref.is_alive():
            self.actor_ref.tell(Finished(error))

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> None:
        """The function takes frames itself."""

    @handles(Ended)
    def ended(self, ended: Ended) -> Any:
        self._is_over = True
        if self._task is None or self._task.done():
            return self._end(ended.code)
        self.timers.once("goodbye", self._task, GOODBYE)
        return None

    async def _end(self, code: int) -> None:
        self.ws._has_said_goodbye = True
        try:
            await self._say_goodbye(code)
        finally:
            self._machine(SessionDone())

    @handles(asyncio.Task)
    def overdue(self, task: asyncio.Task[None]) -> None:
        task.cancel()

    @handles(Finished)
    async def finished(self, finished: Finished) -> None:
        """
        A function that has raised is over, whatever `on_error` makes of it: nobody is left to receive. What its client
        sent wrongly is no failure of it, and `on_error` does not hear of it.
        """
        error, close = finished.error, Close()
        if isinstance(error, InvalidData):
            close = Close("invalid_data", text=cut_reason(error.fact), ended_by="client")
        if isinstance(error, InvalidData | asyncio.CancelledError):
            error = None
        try:
            if isinstance(error, Exception):
                async with asyncio.timeout(GOODBYE):
                    await self._recover(error)
        finally:
            if self._is_over:
                await self._end(self.ws._gone.code if self.ws._gone is not None else 1006)
            elif error is None:
                self._machine(close)
        if error is not None:
            raise error

    def on_stop(self) -> Any:
        if self._task is not None and not self._task.done():
            self._task.cancel()
        return super().on_stop()


class EndpointSession(Session):
    """An endpoint that is a class: an instance of it per connection, one handler at a time."""

    def __init__(self, ws: WebSocket, endpoint_class: type[WebSocketEndpoint], passage: Passage = OPEN) -> None:
        super().__init__(ws, passage)
        self._endpoint = endpoint_class(ws)
        self._endpoint._actor = self
        self._receive = passage.message(self._innermost)

    def on_start(self) -> Any:
        if self.ws._gone is None:  # else it was made for the last word only
            return self._connect()
        return None

    async def _connect(self) -> None:
        try:
            await self._enter(lambda _: self._endpoint._open())
        except Exception as error:
            if self.ws.state is ConnectionState.CONNECTING:
                raise  # there is no socket to keep: the upgrade is answered with 500
            await self._recover(error)

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> Any:
        return self._take() if self.ws._has_frame() else None

    async def _take(self) -> None:
        """One frame: as it came, or one that a `receive` in a handler brought through the middleware and left."""
        ws = self.ws
        try:
            passed = await ws._intake.take_passed() if ws._intake.has_passing else None
            if passed is not None:
                await result(self._endpoint._receive(passed))
            elif ws._intake.frames:
                await self._receive(ws, ws._intake.take())
        except WebSocketDisconnect:
            return
        except Refused as error:
            self._answer(error)
        except InvalidData as error:
            self._answer(Refused("bad_request", f"the message is {error.fact}"))
        except Exception as error:
            await self._recover(error)

    def on_receive(self, message: Any) -> Any:
        """What other actors and timers tell: for the endpoint's `@handles`."""
        handler = self._endpoint._handler_of(message)
        return super().on_receive(message) if handler is None else self._tell_endpoint(handler, message)

    async def _tell_endpoint(self, handler: Callable[[Any, Any], Any], message: Any) -> None:
        try:
            await result(handler(self._endpoint, message))
        except WebSocketDisconnect:
            return
        except Exception as error:
            await self._recover(error)

    async def _innermost(self, ws: WebSocket, frame: Frame) -> None:
        await ws._intake.tell_hooks(frame)
        await result(self._endpoint._receive(frame))

    def _error_handlers(self) -> list[Callable[..., Any]]:
        own = getattr(self._endpoint, "on_error", None)
        return [*([own] if own is not None else []), *super()._error_handlers()]

    def _last_words(self) -> list[Callable[..., Any]]:
        return [self._endpoint.on_disconnect, *super()._last_words()]

    @handles(Ended)
    async def ended(self, ended: Ended) -> None:
        if self._is_over:
            return
        self._is_over = self.ws._has_said_goodbye = True
        try:
            await self._say_goodbye(ended.code)
        finally:
            self._machine(SessionDone())
