"""Endpoints that are classes: one instance per connection, one handler at a time."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Iterable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from actors.cell.hook_names import HookNames

from ..arity import check_hooks
from ..close_codes import cut_reason
from ..messages.handlers import Handlers
from ..messages.publications import DEFAULT_EVENT
from ..messages.receipts import Receipt
from ..reasons import InvalidData, Refused
from .typed_frames import TypedFrames
from .websocket import ConnectionState, Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors import Actor, ActorRef
    from actors.cell.timers import Timers

    from ..access.identity import Principal
    from ..topics.member import Member
    from .passage_options import Several
    from .websocket import WebSocket

Rooms = Iterable[str] | AsyncIterable[str] | Awaitable[Iterable[str]]


class WebSocketEndpoint:
    """
    `@app.ws("/chat/{room}") class Chat(WebSocketEndpoint)`: override what you need.

    Messages with a type have a handler each, marked with `@on(Say)`: `(self, ws, message)`. What does not fit is
    answered with the field and the reason, and what the handler returns is the reply. Everything else, and all of it
    if nothing is marked, comes to `on_receive`.

    An exception in a handler comes to `on_error`; if that raises, this connection is closed with 1011 and nobody else
    notices. `on_disconnect` runs all the same, then on a fresh instance.

    Raises (at the class statement):
        TypeError: A name is taken that this class needs itself, a hook is misspelt, a hook or handler takes other
            arguments than it is called with, or a message class cannot be read.
    """

    encoding: Literal["json", "text", "bytes"] | None = None
    """What `on_receive` gets; None: what came."""

    sends: ClassVar[tuple[type, ...]] = ()
    """Message classes that go out beside those that handlers take: for documents, and for classes that do not say
    themselves that they are messages."""

    authenticators: ClassVar[Several] = ()
    """One or several, asked before the app's; the first that knows the client says who it is."""

    permissions: ClassVar[Several] = ()
    """One or several; all must allow it, after the app's."""

    identifies: ClassVar[bool] = False
    """Whether it says itself who its client is; see `WebSocketRouter.add_route`."""

    _typed: ClassVar[TypedFrames] = TypedFrames(Handlers.of(object), takes_rest=True)
    _receives_plainly: ClassVar[bool] = True
    """Whether each frame comes to `on_receive`, and that has nothing to wait for."""
    _parts_plainly: ClassVar[bool] = True
    """Whether its `on_disconnect` has nothing to wait for."""

    _inside: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        taken = sorted(_OURS & vars(cls).keys())
        if taken:
            names = ", ".join(map(repr, taken))
            raise TypeError(
                f"could not make {cls.__name__}: WebSocketEndpoint needs {names} itself; choose other names"
            )
        letter = _HOOKS.misspelt(cls)
        if letter is not None:
            raise TypeError(letter)
        check_hooks(cls, WebSocketEndpoint, _WRITTEN, may_yield={"rooms"})
        takes_rest = cls.on_receive is not WebSocketEndpoint.on_receive
        cls._typed = TypedFrames(Handlers.of(cls, cls.sends), takes_rest=takes_rest)
        cls._receives_plainly = not (cls._typed.has_handlers or inspect.iscoroutinefunction(cls.on_receive))
        cls._parts_plainly = not inspect.iscoroutinefunction(cls.on_disconnect)
        cls._inside = {
            kind: getattr(cls, name)  # an override without a mark of its own replaces the marked one
            for base in reversed(cls.__mro__)
            for name, function in vars(base).items()
            for kind in getattr(function, "_handles", ((), False))[0]  # what actors.handles leaves there
        }

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self._actor: Actor | None = None
        self.__rooms: tuple[str, ...] | None = None

    # --- what app code writes

    def on_connect(self, ws: WebSocket) -> Any:
        """May accept, refuse or close; if it does none of these, the connection is accepted after it."""

    def on_receive(self, ws: WebSocket, data: Any) -> Any:
        """One message of the client that no handler is marked for, in order."""

    def on_error(self, ws: WebSocket, error: Exception) -> Any:
        """What a handler, or `on_connect`, has raised. To return keeps the socket; to raise closes it with 1011."""
        raise error

    def on_disconnect(self, ws: WebSocket, code: int) -> Any:
        """Exactly once for each accepted connection; it leaves its rooms after this."""

    def rooms(self) -> Rooms:
        """
        The rooms of this connection, by their whole names: joined once it is accepted and `on_connect` has returned,
        before its first message; left by themselves. Plain, a coroutine or an async generator.

        A room that refuses it ends the connection: it is told the reason, and closed with 1008.
        """
        return ()

    # --- what app code calls

    @property
    def principal(self) -> Principal:
        return self.ws.principal

    def join(self, room: str) -> Receipt[Any]:
        return self.ws.join(room)

    def leave(self, room: str) -> Receipt[Any]:
        return self.ws.leave(room)

    def broadcast(
        self, payload: object, room: str | None = None, *, exclude: object = (), save_history: bool | None = None
    ) -> Receipt[Any]:
        """
        To everybody in the room, whether or not this connection is in it; it stays possible in `on_disconnect`.

        Args:
            payload: A message, published under its action, or anything else, as `message`.
            room: None: each of `rooms()`; of several the receipt has all outcomes, in their order.
            exclude: A connection, a member, an id, a principal, or several.
            save_history: None as the topic is set; False ephemeral; True kept also where nothing else is.

        Raises:
            ValueError: Neither a room is given nor does `rooms()` name one.
        """
        publish = self.ws._node.commands.publish
        ready: object = payload
        action: str | None = DEFAULT_EVENT
        if type(payload) is not str:  # the hot path: a text is no message
            ready, action = self._typed.messages.ready(payload)
        if room is not None:
            return publish(room, ready, action, exclude, save_history)
        sent = [publish(name, ready, action, exclude, save_history) for name in self._room_names()]
        return sent[0] if len(sent) == 1 else Receipt.all(sent)

    async def members(self, room: str) -> tuple[Member, ...]:
        """Those of this node, in the order in which they joined."""
        return self.ws._node.commands.members(room)

    @property
    def timers(self) -> Timers:
        """What they tell comes to methods marked with `@handles`."""
        return self._session().timers

    @property
    def actor_ref(self) -> ActorRef[Any]:
        """Whom other actors tell; what they tell comes to methods marked with `@handles`, which no client reaches."""
        return self._session().actor_ref

    def _session(self) -> Actor:
        if self._actor is None:
            words = "it has none before on_connect, nor after its end; use it in its hooks and handlers"
            raise RuntimeError(f"could not reach the actor of {type(self).__name__}: {words}")
        return self._actor

    def _room_names(self) -> tuple[str, ...]:
        """A fresh instance, which only has the last word, has joined nothing, and asks for them if it can."""
        names = self.__rooms
        if names is None:
            found = self.rooms()
            if inspect.iscoroutine(found):
                found.close()
            names = _names(found) if isinstance(found, Iterable) else ()
        if not names:
            raise ValueError(f"could not broadcast: rooms() of {type(self).__name__} names none; give a room")
        return names

    # --- what the session calls

    def _open(self) -> Awaitable[None] | None:
        """What is left to be awaited, if anything is. Raises what `on_connect` and `rooms` raise."""
        connecting = self.on_connect(self.ws)
        if isinstance(connecting, CoroutineType):
            return self._open_later(connecting)
        return self._connected()

    async def _open_later(self, connecting: Awaitable[None]) -> None:
        await connecting
        opening = self._connected()
        if opening is not None:
            await opening

    def _connected(self) -> Awaitable[None] | None:
        """`on_connect` has returned."""
        ws = self.ws
        if ws.state is ConnectionState.CONNECTING:
            if self._waits_for_accept():
                return self._accept_and_enter()
            ws._upgrade(None, None)  # to be suspended is the dearest part of it, a hundred thousand times
        elif ws.state is ConnectionState.CONNECTED and self._has_rooms():
            return self._enter_rooms()
        return None

    async def _accept_and_enter(self) -> None:
        await self.ws.accept()
        if self.ws.state is ConnectionState.CONNECTED:
            await self._enter_rooms()

    def _waits_for_accept(self) -> bool:
        """Whether something comes between the 101 and the first message."""
        return self._has_rooms() or bool(self.ws._passage.hooks.connected)

    def _has_rooms(self) -> bool:
        return type(self).rooms is not WebSocketEndpoint.rooms

    async def _enter_rooms(self) -> None:
        found = self.rooms()
        if isinstance(found, AsyncIterable):
            self.__rooms = _names([name async for name in found])
        else:
            self.__rooms = _names(await found if isinstance(found, Awaitable) else found)
        try:
            await Receipt.all([self.ws.join(name) for name in self.__rooms])
        except Refused as error:
            self.ws.send_error(error)
            self.ws.close(1008, cut_reason(error.message))

    def _receive(self, frame: Frame) -> Any:
        """One frame, in order. Raises what a handler raises, and Refused for what `on_receive` cannot be given."""
        typed = self._typed
        return typed.take(self, frame) if typed.has_handlers else self._take(frame.data)

    def _take(self, data: str | bytes) -> Any:
        encoding = self.encoding
        if encoding is None or (encoding == "text" and type(data) is str):
            return self.on_receive(self.ws, data)
        try:
            value = Frame(data).value(encoding)
        except InvalidData as error:
            raise Refused("bad_request", f"the message is {error.fact}") from None
        return self.on_receive(self.ws, value)

    def _handler_of(self, message: object) -> Callable[[Any, Any], Any] | None:
        """The `@handles` of its class, else of the nearest base."""
        return next((self._inside[kind] for kind in type(message).__mro__ if kind in self._inside), None)


def _names(found: Iterable[str]) -> tuple[str, ...]:
    """Each once; a `str` alone is one room, not its letters."""
    return (found,) if isinstance(found, str) else tuple(dict.fromkeys(found))


_HOOKS = HookNames.of(WebSocketEndpoint)
_WRITTEN = ("on_connect", "on_receive", "on_error", "on_disconnect", "rooms")
"""What app code writes, besides handlers."""
_OVERRIDABLE = frozenset({"encoding", "sends", "authenticators", "permissions", "identifies", "rooms"})
_OURS = frozenset(
    name for name in vars(WebSocketEndpoint) if not name.startswith(("__", "on_")) and name not in _OVERRIDABLE
) | {"ws", "_actor"}
"""What a subclass may not define: this class calls it, or fills it. `room` and `user` are free."""
