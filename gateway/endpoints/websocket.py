"""
A connection as app code sees it: accept, receive, send, close, rooms.

Acts happen at the call and return a receipt; only `receive*` are coroutines. `WebSocketDisconnect` is the one exception
of a socket that is gone, from receive and from send.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from actors import is_idle, is_on_its_thread

from ..access.identity import Principal
from ..close_codes import validate_close
from ..messages.connection_messages import Accept, Adopt, Close, HookFailed, Refuse
from ..messages.receipts import Receipt
from ..reasons import NotAccepted, WebSocketDisconnect
from .hooks import result
from .intake import Frame, Intake
from .liveness import Liveness
from .passage import OPEN
from .peer import Peer
from .speaker import ConnectionState, Speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actors import ActorRef

    from ..access.handshake import Handshake
    from ..node import Node
    from .passage import Passage


__all__ = ["ConnectionState", "Frame", "WebSocket"]


class WebSocket(Peer, Speaker):
    """One connection. Made by the gateway; handed to endpoints, calls and hooks."""

    def __init__(
        self,
        node: Node,
        ref: ActorRef[Any],
        client: str,
        handshake: Handshake,
        principal: Principal,
        passage: Passage = OPEN,
    ) -> None:
        Peer.__init__(self, client, handshake, principal, passage, created=node.wall())
        Speaker.__init__(self, node, ref)
        self._intake = Intake(self)
        self._greeting: asyncio.Task[None] | None = None
        self._session: ActorRef[Any] | None = None
        self._was_accepted = False
        self._has_said_goodbye = False
        self._liveness: Liveness | None = None

    # --- what it is

    @property
    def is_connected(self) -> bool:
        return self.state is ConnectionState.CONNECTED

    @property
    def heartbeat(self) -> Liveness:
        """Whether this connection is watched for its silence; most endpoints never ask."""
        if self._liveness is None:
            self._liveness = Liveness(self, self._passage.heartbeat or self._node.heartbeat_config)
        return self._liveness

    def now(self) -> float:
        """Seconds of the gateway's clock, which never goes back; for measuring, not for dates."""
        return self._node.now()

    def identify(self, principal: Principal) -> None:
        """
        Says who this is, at any time: for permissions, members and facts from now on.

        What it is a member of already stays as it was joined. Where the anonymous may not connect, an endpoint that
        does this itself is declared with `identifies=True`. Raises TypeError for what is no principal.
        """
        given: object = principal
        if not isinstance(given, Principal):
            words = "write Principal(id), or Principal() for nobody"
            raise TypeError(f"could not identify as a value of type {type(given).__name__}: {words}")
        self.principal = principal
        self._tell(Adopt(principal), None)

    # --- its life

    def accept(self, subprotocol: str | None = None) -> Receipt[None]:
        """
        Answers the upgrade with 101. Await it to know that the socket is open and that every `on_connect` of the app
        has returned; a second accept does nothing.
        """
        receipt: Receipt[None] = Receipt("accept", self._node.receipt_lost)
        if self.state is not ConnectionState.CONNECTING:
            receipt.resolve(None)
            return receipt
        self._upgrade(subprotocol, receipt)
        return self._greet(receipt) if self._passage.hooks.connected else receipt

    def _upgrade(self, subprotocol: str | None, receipt: Receipt[None] | None) -> None:
        """A call, unless the machine has something to do before: a message would cost it a turn."""
        self.state, self._was_accepted = ConnectionState.CONNECTED, True
        machine, accept = self._ref._actor, Accept(subprotocol, receipt)
        if machine is not None and is_on_its_thread(self._ref) and is_idle(self._ref):
            machine.accept(accept)
        else:
            self._tell(accept, receipt)

    def _greet(self, opened: Receipt[None]) -> Receipt[None]:
        """The app's own `on_connect`, beside the endpoint: that one waits for it only if it awaits the accept."""
        greeted: Receipt[None] = Receipt("accept", self._node.receipt_lost)
        self._greeting = asyncio.get_running_loop().create_task(self._run_greeting(opened, greeted))
        return greeted

    async def _run_greeting(self, opened: Receipt[None], greeted: Receipt[None]) -> None:
        try:
            await opened
            for hook in self._passage.hooks.connected:
                await result(hook(self))
        except WebSocketDisconnect as gone:
            greeted.fail(gone)
        except BaseException as error:  # out of a task a SystemExit would end the loop, with everybody on it
            self._to_session(HookFailed(error))
            greeted.resolve(None)  # whether the connection stays is for `on_error` to say
        else:
            greeted.resolve(None)

    def refuse(self, status: int = 403, text: str = "") -> None:
        """
        Answers the upgrade with an HTTP status instead; only before `accept`.

        Raises:
            RuntimeError: It was answered already. ValueError: That status refuses nothing.
        """
        if type(status) is not int or not 300 <= status <= 599:
            raise ValueError(f"could not refuse with {status!r}: that is no status of a refusal; use 400 to 599")
        if self.state is not ConnectionState.CONNECTING:
            raise RuntimeError(f"could not refuse with {status}: the upgrade was answered already; use close()")
        self.state = ConnectionState.DISCONNECTED
        self._tell(Refuse(status, text), None)

    def close(self, code: int = 1000, reason: str = "") -> Receipt[None]:
        """
        Starts the close; what was sent before leaves first. Idempotent, also on a socket that is gone.

        A slow reader has 10 s for that (`gateway.limits.outbox_age`), then it is closed as `slow_consumer` instead;
        until then nothing of what it sends is heard.

        Before `accept`, a code from 4000 on upgrades and closes with it; any other refuses the upgrade with 403.
        """
        validate_close(code, reason)
        if self.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            self.state, self._leaving = ConnectionState.DISCONNECTING, (code, reason)
            self._tell(Close(code=code, text=reason), None)
        return Receipt.of(None)

    # --- receiving

    async def receive(self, timeout: float | None = None) -> Frame:
        """
        The next message, in order.

        Cancellation: safe, as is a timeout: a frame that arrives meanwhile is taken by the next call.

        Raises:
            TimeoutError: None within `timeout` seconds.
            WebSocketDisconnect: The socket is gone and everything it sent was taken.
            NotAccepted: Before `accept`.
        """
        if self.state is ConnectionState.CONNECTING:
            await self._parted().pace()
            raise NotAccepted("receive")
        if self._intake.is_over:
            await self._parted().pace()  # outside of the timeout: what is known already is no matter of time
            raise self._how_it_ended()
        if timeout is None:
            return await self._intake.receive()
        async with asyncio.timeout(timeout):
            return await self._intake.receive()

    async def receive_text(self, timeout: float | None = None) -> str:
        """Raises InvalidText (a `UnicodeDecodeError`) for a binary message that is none, as `receive_json` does."""
        return (await self.receive(timeout)).text()

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        return (await self.receive(timeout)).bytes()

    async def receive_json(self, timeout: float | None = None) -> Any:
        """Raises InvalidJSON (a `json.JSONDecodeError`) for what is none; who catches it keeps the connection."""
        return (await self.receive(timeout)).json()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Accepts, if nobody has; then messages until the socket is gone. That ends it without an exception."""
        if self.state is ConnectionState.CONNECTING:
            try:
                await self.accept()
            except WebSocketDisconnect:
                return
        while True:
            try:
                frame = await self.receive()
            except WebSocketDisconnect:
                return
            yield frame

    # --- what the machine does, on the loop's thread

    def _leave(self, code: int, reason: str) -> None:
        """The machine has begun to close: what waits still leaves, nothing is added."""
        if self.state is ConnectionState.CONNECTED:
            self.state, self._leaving = ConnectionState.DISCONNECTING, (code, reason)

    def _end(self, code: int, reason: str) -> None:
        self.state = ConnectionState.DISCONNECTED
        self._gone = WebSocketDisconnect(code, reason)
        self._intake.end(self._gone)
        if not self._intake.is_touched:
            self._part_with_intake()

    def _let_go(self) -> None:
        """Its session ends: what runs beside it, and whose outcome nobody will ask for, ends too."""
        for task in (self._greeting, self._intake.task):
            if task is not None:
                task.cancel()
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._part_with_intake()  # only now, where it passes messages on

    def _part_with_intake(self) -> None:
        """Nothing that it passes on is shown this object any more: no cycle that somebody has to look for."""
        self._intake._ws = weakref.proxy(self)

    @property
    def _has_company(self) -> bool:
        """Whether something runs beside its session."""
        greeting, passing = self._greeting, self._intake.task
        return (greeting is not None and not greeting.done()) or (passing is not None and not passing.done())

    def _to_session(self, message: object) -> None:
        if self._session is not None and self._session.is_alive():
            self._session.tell(message)
