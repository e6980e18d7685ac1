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
from .reasons import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .websocket import WebSocket

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
    """An endpoint that is a class; the base of `WebSocketEndpoint`, without what its users see."""

    encoding: str | None = None
    _disconnected = False

    def on_start(self) -> Any:
        if self.ws._gone is None:  # else it was made for the last word only
            return self._connect()
        return None

    async def _connect(self) -> None:
        await _result(self.on_connect(self.ws))
        if self.ws.state.value == "connecting":
            await self.ws.accept()

    @handles(FrameReady)
    def frame_ready(self, _: FrameReady) -> Any:
        if not self.ws._has_frame():
            return None
        frame = self.ws._take()
        data: Any = frame.data
        if self.encoding == "json":
            data = frame.json()
        elif self.encoding == "text":
            data = frame.text()
        elif self.encoding == "bytes":
            data = frame.bytes()
        return self._end_normally(self.on_receive(self.ws, data))

    def _end_normally(self, result: Any) -> Any:
        """A `WebSocketDisconnect` that escapes a handler is a normal end."""
        return _until_gone(result) if isinstance(result, CoroutineType) else None

    @handles(Ended)
    async def ended(self, ended: Ended) -> None:
        if self._disconnected:
            return
        self._disconnected = True
        try:
            await _result(self.on_disconnect(self.ws, ended.code))
        except WebSocketDisconnect:
            pass  # it tried to send: the socket is gone, as it was told
        finally:
            self._machine(SessionDone())

    def on_connect(self, ws: WebSocket) -> Any: ...

    def on_receive(self, ws: WebSocket, data: Any) -> Any: ...

    def on_disconnect(self, ws: WebSocket, code: int) -> Any: ...


async def _result(result: Any) -> Any:
    return await result if isinstance(result, CoroutineType) else result


async def _until_gone(running: Any) -> None:
    try:
        await running
    except WebSocketDisconnect:
        return
