"""An endpoint that is a class: its instance below the connection, which is handed one frame at a time."""

from __future__ import annotations

import asyncio
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from actors import handles

from ..messages.connection_messages import Close, Ended, SessionDone
from ..reasons import InvalidData, Refused, is_departure
from .hooks import result
from .passage import OPEN
from .session import FrameReady, GoOn, Session
from .websocket import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .endpoint import WebSocketEndpoint
    from .passage import Passage
    from .websocket import Frame, WebSocket


class EndpointSession(Session):
    """An endpoint that is a class: an instance of it per connection, one handler at a time."""

    is_told_of_frames = True

    def __init__(self, ws: WebSocket, endpoint_class: type[WebSocketEndpoint], passage: Passage = OPEN) -> None:
        super().__init__(ws, passage)
        self._endpoint = endpoint_class(ws)
        self._endpoint._actor = self
        self._is_entered = False
        self._receive = passage.message(self._innermost) if ws._intake.is_touched else None

    @property
    def rests(self) -> bool:
        return self._endpoint._parts_plainly and not self._passage.hooks.disconnected and not self.ws._has_company

    def on_start(self) -> Any:
        if self.ws.state is not ConnectionState.CONNECTING:  # it was made for the last word only
            return None
        way = self._connect_at_once() if self._is_open() else self._pass(self._step_in)
        return None if way is None else self._connect(way)

    def _is_open(self) -> bool:
        """Whether nothing stands between the request and the endpoint."""
        passage = self._passage
        if passage.authenticators or passage.permissions or passage.middleware or not self._may_be_unknown:
            return False
        return self.ws._handshake.token is None or self.ws._node.tokens is None

    def _connect_at_once(self) -> Awaitable[None] | None:
        """With nobody to ask first there is no coroutine, unless `on_connect` is one."""
        self._is_entered = True
        try:
            return self._endpoint._open()
        except Exception as error:
            return _raised(error)

    async def _step_in(self, _: WebSocket) -> None:
        self._is_entered = True
        await result(self._endpoint._open())

    async def _connect(self, way: Awaitable[None]) -> None:
        try:
            await self._come_in(way)
        except (Exception, asyncio.CancelledError):
            if not self.ws._ref.is_alive():  # nobody makes a fresh one, and what has not started has no `on_stop`
                await result(self.on_stop())
            raise

    async def _come_in(self, way: Awaitable[None]) -> None:
        try:
            await self._enter(way)
        except Exception as error:
            if self.ws.state is ConnectionState.CONNECTING:
                raise  # there is no socket to keep: the upgrade is answered with 500
            await self._recover(error)
        if not self._is_entered and self.ws.is_connected:
            self._machine(Close())  # accepted on the way and not let in: as of a function, that is its end

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> Any:
        if not self._is_entered:
            return None
        intake = self.ws._intake
        if intake.is_touched:
            return self._take() if intake.has_any else None
        if not intake.frames:
            return None
        try:  # with nothing in between there is no coroutine, unless the endpoint's own handler is one
            outcome = self._endpoint._receive(intake.take())
        except Exception as error:
            return self._failed(error)
        return self._finish(outcome) if isinstance(outcome, CoroutineType) else None

    async def _finish(self, handling: Awaitable[object]) -> None:
        try:
            await handling
        except Exception as error:
            await self._failed(error)

    async def _take(self) -> None:
        """One frame: as it came, or one that a `receive` in a handler brought through the middleware and left."""
        intake = self.ws._intake
        try:
            passed = await intake.take_passed() if intake.has_passing else None
            if passed is not None:
                await result(self._endpoint._receive(passed))
            elif intake.frames:
                assert self._receive is not None, "frames that nothing touches are handed over"
                await self._receive(self.ws, intake.take())
        except Exception as error:
            await self._failed(error)

    async def _failed(self, error: Exception) -> None:
        """What a handler has raised: that the client is gone, an answer to it, or a failure. Raises what is left."""
        if is_departure(error):
            return
        if isinstance(error, Refused):
            self._answer(error)
        elif isinstance(error, InvalidData):
            self._answer(Refused("bad_request", f"the message is {error.fact}"))
        else:
            await self._recover(error)

    def on_receive(self, message: Any) -> Any:
        """What other actors and timers tell: for the endpoint's `@handles`."""
        handler = self._endpoint._handler_of(message)
        return super().on_receive(message) if handler is None else self._tell_endpoint(handler, message)

    async def _tell_endpoint(self, handler: Callable[[Any, Any], Any], message: Any) -> None:
        try:
            await result(handler(self._endpoint, message))
        except Exception as error:
            if not is_departure(error):
                await self._recover(error)

    async def _innermost(self, ws: WebSocket, frame: Frame) -> None:
        await ws._intake.tell_hooks(frame)
        await result(self._endpoint._receive(frame))

    def _error_handlers(self) -> list[Callable[..., Any]]:
        own = getattr(self._endpoint, "on_error", None)
        return [*([own] if own is not None else []), *super()._error_handlers()]

    def _release(self) -> None:
        super()._release()
        self._endpoint._actor = self._receive = None

    def _last_words(self) -> list[Callable[..., Any]]:
        return [self._endpoint.on_disconnect, *super()._last_words()]

    @handles(Ended)
    async def ended(self, ended: Ended) -> None:
        if self._is_over:
            return
        self._is_over = self.ws._has_said_goodbye = True
        try:
            await result(self._say_goodbye(ended.code))
        finally:
            self._machine(SessionDone())
        if not self.actor_ref.counts().queued:
            self.actor_ref.stop_now()  # before its machine ends: that need not wait for it, in a task of its own


class PlainSession(EndpointSession):
    """Of an endpoint whose `on_receive` is plain, with nothing in between: it hears frames where they are read."""

    hears_frames = True

    def hear(self, data: str | bytes) -> None:
        """
        The hot path: a frame that no queue has had. What that raises, or leaves to be awaited all the same, has a turn.
        """
        try:
            outcome = self._endpoint._take(data)
        except Exception as error:
            rest = self._failed(error)
        else:
            if type(outcome) is not CoroutineType:
                return
            rest = self._finish(outcome)
        self.actor_ref.tell(GoOn(rest))

    @handles(GoOn)
    def go_on(self, message: GoOn) -> Awaitable[None]:
        return message.rest


def session_of(endpoint_class: type[WebSocketEndpoint], passage: Passage) -> type[EndpointSession]:
    """Which of the two it needs."""
    is_plain = endpoint_class._receives_plainly and not passage.touches_messages
    return PlainSession if is_plain else EndpointSession


async def _raised(error: Exception) -> None:
    raise error
