"""
The app code of one connection: the child of its machine.

A handler here may wait for a database as long as it likes: its machine goes on delivering broadcasts. When the socket
is gone the session hears it once, has its last word, and says that it is done; then memberships end.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import attrs

from actors import Actor, handles

from .messages import Close, Ended, SessionDone
from .reasons import CLOSE_REASONS, WebSocketDisconnect
from .websocket import ConnectionState, Frame, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .endpoint import WebSocketEndpoint

GOODBYE = 5.0
"""Seconds an endpoint may still run after its socket is gone; then it is cancelled."""


@attrs.frozen(eq=False)
class FrameReady:
    """A frame stands in the queue of the WebSocket; it may have been taken by a `receive` by the time this comes."""


@attrs.frozen(eq=False)
class Finished:
    """The endpoint function has returned, or raised."""

    error: BaseException | None


class Session(Actor):
    """Base of both kinds of endpoints."""

    def __init__(self, ws: WebSocket) -> None:
        super().__init__()
        self.ws = ws

    def _machine(self, message: object) -> None:
        if self.ws._ref.is_alive():
            self.ws._ref.tell(message)


class FunctionSession(Session):
    """An endpoint that is a function: a task of its own, fed by the WebSocket's queue."""

    def __init__(self, ws: WebSocket, function: Callable[..., Awaitable[None]], arguments: dict[str, Any]) -> None:
        super().__init__(ws)
        self._function = function
        self._arguments = arguments
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    def on_start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"endpoint {self.ws.path}")

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._function(self.ws, **self._arguments)
        except WebSocketDisconnect:
            pass  # a normal end: the peer went while the endpoint was receiving or sending
        except BaseException as raised:
            error = raised
        if self.actor_ref.is_alive():
            self.actor_ref.tell(Finished(error))

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> None:
        """The function takes frames itself."""

    @handles(Ended)
    def ended(self, ended: Ended) -> None:
        self._is_over = True
        if self._task is None or self._task.done():
            self._machine(SessionDone())
        else:
            self.timers.once("goodbye", self._task, GOODBYE)

    @handles(asyncio.Task)
    def overdue(self, task: asyncio.Task[None]) -> None:
        task.cancel()

    @handles(Finished)
    def finished(self, finished: Finished) -> None:
        cancelled = isinstance(finished.error, asyncio.CancelledError)
        if self._is_over:
            self._machine(SessionDone(None if cancelled else finished.error))
        elif finished.error is None:
            self._machine(Close())
        if finished.error is not None and not cancelled:
            raise finished.error

    def on_stop(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()


class EndpointSession(Session):
    """An endpoint that is a class: an instance of it per connection, one handler at a time."""

    def __init__(self, ws: WebSocket, endpoint_class: type[WebSocketEndpoint]) -> None:
        super().__init__(ws)
        self._endpoint = endpoint_class(ws)
        self._is_over = self._has_failed = False

    def on_start(self) -> Any:
        if self.ws._gone is None:  # else it was made for the last word only
            return self._connect()
        return None

    async def _connect(self) -> None:
        try:
            await _result(self._endpoint.on_connect(self.ws))
            if self.ws.state is ConnectionState.CONNECTING:
                await self.ws.accept()
        except WebSocketDisconnect:
            return

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> Any:
        if not self.ws._has_frame():
            return None
        frame = self.ws._take()
        read = _READERS[self._endpoint.encoding]
        return _until_gone(self._endpoint.on_receive(self.ws, read(frame)))

    @handles(Ended)
    async def ended(self, ended: Ended) -> None:
        if self._is_over:
            return
        self._is_over = self.ws._has_said_goodbye = True
        try:
            await _until_gone(self._endpoint.on_disconnect(self.ws, ended.code))
        finally:
            self._machine(SessionDone())

    def on_failure(self, *_: object) -> None:
        """The last word is a fresh instance's."""
        self._has_failed = True

    def on_stop(self) -> Any:
        """Its machine ends, or it was killed, before it heard of an end: it has its last word here."""
        if self._is_over or self._has_failed or self.ws._has_said_goodbye or not self.ws._was_accepted:
            return None
        self._is_over = self.ws._has_said_goodbye = True
        if self.ws._gone is None:
            self.ws._end(CLOSE_REASONS["shutdown"].raw_code, CLOSE_REASONS["shutdown"].meaning)
        code = self.ws._gone.code if self.ws._gone is not None else 1006
        return _until_gone(self._endpoint.on_disconnect(self.ws, code))


_READERS: dict[str | None, Callable[[Frame], Any]] = {
    None: lambda frame: frame.data,
    "json": Frame.json,
    "text": Frame.text,
    "bytes": Frame.bytes,
}
"""What `on_receive` of an endpoint gets, by its `encoding`."""


async def _result(result: Any) -> Any:
    return await result if isinstance(result, CoroutineType) else result


async def _until_gone(result: Any) -> None:
    """A `WebSocketDisconnect` that escapes a handler is a normal end."""
    try:
        await _result(result)
    except WebSocketDisconnect:
        return
