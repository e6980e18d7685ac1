"""
The messages of one connection that its app code has not taken yet.

Theory of operation. The machine feeds frames; `receive` takes them, and so does the session of a class endpoint. Where
middleware or the app's `on_message` look at messages, a frame that `receive` wants passes them first, in a task: a
`receive` that is cancelled or times out meanwhile leaves it to the next one. Bounded by the connection's credit: while
it is spent, the socket is not read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .. import wire_json
from ..quick import quick
from ..reasons import InvalidData, InvalidJSON, InvalidText, Refused
from .hooks import result
from .parting import again

if TYPE_CHECKING:
    from ..reasons import WebSocketDisconnect
    from .passage import Encoding
    from .websocket import WebSocket


@quick(unsafe_hash=True)
class Frame:
    """One whole message of the client: `data` is a `str` for a text, bytes for a binary one."""

    data: str | bytes

    @property
    def type(self) -> str:
        """`text` or `binary`; or the `type` of a JSON object, which is how the oldest clients mark a pong."""
        if isinstance(self.data, bytes):
            return "binary"
        try:
            value = wire_json.decode(self.data)
        except InvalidJSON:
            return "text"
        kind = value.get("type") if isinstance(value, dict) else None
        return kind if isinstance(kind, str) else "text"

    def text(self) -> str:
        """Raises InvalidText, which is a `UnicodeDecodeError`, for a binary message that is none."""
        if isinstance(self.data, str):
            return self.data
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            raise InvalidText(*error.args) from None

    def bytes(self) -> bytes:
        return self.data if isinstance(self.data, bytes) else self.data.encode()

    def json(self) -> Any:
        """Raises InvalidJSON, which is a `json.JSONDecodeError`."""
        return wire_json.decode(self.data)

    def value(self, encoding: Encoding | None) -> Any:
        """What a handler with that encoding gets; None: `data` as it came. Raises InvalidData."""
        if encoding is None:
            return self.data
        return self.json() if encoding == "json" else self.text() if encoding == "text" else self.bytes()


class Intake:
    """
    One per connection; loop thread only.

    Args:
        ws: Gives back the credit of each frame that is taken from the queue.
    """

    __slots__ = ("_gone", "_passed", "_passing", "_waiting", "_ws", "frames", "is_touched")

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self.is_touched = ws._passage.touches_messages
        """Whether middleware or hooks look at messages before the endpoint does."""
        self._gone: WebSocketDisconnect | None = None
        self._passed: list[Frame] | None = None
        """Through the middleware; made for the first that goes there."""
        self._passing: asyncio.Task[None] | None = None
        self._waiting: list[asyncio.Future[None]] | None = None
        """Of each `receive` that has to wait: one that is cancelled takes nothing from another."""
        self.frames: list[Frame] = []
        """As they came, before any middleware. A list: bounded by the credit, and an empty deque takes 760 bytes."""

    def feed(self, data: str | bytes) -> None:
        self.frames.append(Frame(data))
        if self._waiting is not None:
            self._wake()

    def end(self, gone: WebSocketDisconnect) -> None:
        """Nothing comes any more; what waits may still be taken."""
        self._gone = gone
        self._wake()

    async def receive(self) -> Frame:
        """The next one that passes. Raises WebSocketDisconnect when there is none left; cancelling it loses nothing."""
        while not self._is_ready:
            if self.frames or self._passing is not None:
                await self._pass_on()
            elif self._gone is not None:
                raise again(self._gone)
            else:
                await self._next()
        return self._passed.pop(0) if self._passed else self.take()

    def take(self) -> Frame:
        """The next one as it came."""
        frame = self.frames.pop(0)
        machine = self._ws._ref._actor
        if machine is not None:  # a call and no message, which would cost its machine a turn
            machine.taken(len(frame.data))
        return frame

    @property
    def has_passing(self) -> bool:
        """Whether any is in the middleware, or came out of it and was not received."""
        return self._passing is not None or bool(self._passed)

    @property
    def has_any(self) -> bool:
        return bool(self.frames) or self.has_passing

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more, and nothing waits."""
        return self._gone is not None and not self.has_any

    async def take_passed(self) -> Frame | None:
        """What a `receive` has brought through the middleware and then left; None if there is no such."""
        while self._passing is not None:
            await self._pass_on()
        return self._passed.pop(0) if self._passed else None

    async def tell_hooks(self, frame: Frame) -> None:
        """The app's own `on_message`. Raises InvalidData, Refused, and what they raise."""
        hooks = self._ws._passage.hooks.received
        if hooks:
            value = frame.value(self._ws.encoding)
            for hook in hooks:
                await result(hook(self._ws, value))

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """What is under way in the middleware."""
        return self._passing

    @property
    def _is_ready(self) -> bool:
        if self._passed:
            return True
        return bool(self.frames) and self._passing is None and not self.is_touched

    async def _pass_on(self) -> None:
        if self._passing is None:
            self._passing = asyncio.get_running_loop().create_task(self._pass(self.take()))
        passing = self._passing
        try:
            await asyncio.shield(passing)
        finally:
            if passing.done() and self._passing is passing:
                self._passing = None

    async def _pass(self, frame: Frame) -> None:
        try:
            await self._ws._passage.message(self._keep)(self._ws, frame)
        except InvalidData as error:
            self._answer(Refused("bad_request", f"the message is {error.fact}"))
        except Refused as error:
            self._answer(error)

    async def _keep(self, ws: WebSocket, frame: Frame) -> None:
        """Innermost: there to be received."""
        await self.tell_hooks(frame)
        self._passed = [*(self._passed or ()), frame]

    def _answer(self, error: Refused) -> None:
        if self._ws.is_connected:
            self._ws.send_error(error)

    async def _next(self) -> None:
        """Until something has come, or the end."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if self._waiting is not None and waiter in self._waiting:  # cancelled
                self._waiting.remove(waiter)
        self._ws._has_waited()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        for waiter in waiting or ():
            if not waiter.done():
                waiter.set_result(None)
