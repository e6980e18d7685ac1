"""An endpoint that is a function: a task of its own below the connection, which takes frames when it likes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from actors import handles
from actors.events import ActorFailed, HandlerAbandoned

from ..close_codes import cut_reason
from ..messages.connection_messages import Close, Ended, SessionDone
from ..reasons import InvalidData
from .hooks import result
from .passage import OPEN
from .session import GOODBYE, Session
from .websocket import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .passage import Passage
    from .websocket import WebSocket


GRACE = 1.0
"""Seconds a function that was cancelled may take for its own clean-up, as any handler of an actor."""


@attrs.frozen(eq=False)
class Finished:
    """The endpoint function has returned, or raised."""

    error: BaseException | None


class FunctionSession(Session):
    """An endpoint that is a function: a task of its own, fed by the WebSocket's queue."""

    is_told_of_frames = False

    def __init__(
        self,
        ws: WebSocket,
        function: Callable[..., Awaitable[None]],
        arguments: Mapping[str, Any],
        passage: Passage = OPEN,
    ) -> None:
        super().__init__(ws, passage)
        self._function = function
        self._arguments = arguments
        self._task: asyncio.Task[None] | None = None
        self._has_finished = False
        """Whether it is known that the function is over; its task may be so before that is heard of."""

    def on_start(self) -> None:
        if self.ws.state is ConnectionState.CONNECTING:  # else it was made for the last word only
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"endpoint {self.ws.path}")
            self.claim(self._task)

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._enter(self._pass(lambda ws: self._function(ws, **self._arguments)))
        except BaseException as raised:
            error = raised
        if self.actor_ref.is_alive():
            self.actor_ref.tell(Finished(error))

    @handles(Ended)
    def ended(self, ended: Ended) -> Any:
        self._is_over = True
        if self._task is None or self._has_finished:
            return self._end(ended.code)
        self.timers.once("goodbye", self._task, GOODBYE)
        return None

    async def _end(self, code: int) -> None:
        self.ws._has_said_goodbye = True
        try:
            await result(self._say_goodbye(code))
        finally:
            self._machine(SessionDone())

    @handles(asyncio.Task)
    def overdue(self, task: asyncio.Task[None]) -> None:
        """Once more, with the grace of that, when its machine ends: `on_stop`."""
        task.cancel()

    @handles(Finished)
    async def finished(self, finished: Finished) -> None:
        """
        A function that has raised is over, whatever `on_error` makes of it: nobody is left to receive. What its client
        sent wrongly is no failure of it, and `on_error` does not hear of it.
        """
        self._has_finished = True
        error, close = finished.error, Close()
        if isinstance(error, InvalidData):
            close = Close("invalid_data", text=cut_reason(error.fact), ended_by="client")
        has_begun = self._is_over or self.ws.state is not ConnectionState.CONNECTING
        if isinstance(error, InvalidData) or (has_begun and isinstance(error, asyncio.CancelledError)):
            error = None  # on the way in a task of the app's own was cancelled: who was to say yes has not
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
        words = super().on_stop()
        return words if self._task is None or self._task.done() else self._cut(self._task, words)

    async def _cut(self, task: asyncio.Task[None], words: Awaitable[None] | None) -> None:
        """It has its grace for what it has to clean up."""
        task.cancel()
        try:
            if words is not None:
                await words
        finally:
            await asyncio.wait({task}, timeout=GRACE)
            if not task.done():
                self._abandon(task)

    def _abandon(self, task: asyncio.Task[None]) -> None:
        """
        Its coroutine is closed, as actors do with handlers. What swallows that as well goes on: wherever it asks its
        socket again, it waits there for ever.
        """
        self.ws._node.events.publish(HandlerAbandoned(self.actor_ref, GRACE))
        self.ws._parted().abandoned = task
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            task.get_coro().close()
        except RuntimeError as error:  # it goes on
            self.ws._node.events.publish(ActorFailed(self.actor_ref, error, "close"))
        task.cancel()  # what is closed already is then over
