"""Handles of rooms and channels: pure, start nothing, legal at import, usable from any thread and other actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .behaviour import Behaviour, on
from .publications import DEFAULT_EVENT
from .reasons import TopicKindError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .app import Gateway
    from .commands import HistoryRead, PresenceRead, Published
    from .member import Member
    from .receipts import Receipt
    from .websocket import WebSocket


class TopicHandle:
    """One topic by its whole name. Room and channel are two faces of one machine."""

    def __init__(self, app: Gateway, name: str) -> None:
        self._app = app
        self.name = name

    def join(self, ws: WebSocket) -> Receipt[Any]:
        return ws.join(self.name)

    def leave(self, ws: WebSocket) -> Receipt[Any]:
        return ws.leave(self.name)

    async def members(self) -> tuple[Member, ...]:
        """Who is here, on this node, in the order in which they joined."""
        return await self._app.node.members(self.name)

    async def presence(self) -> PresenceRead:
        """Raises Refused("not_available") if the topic keeps none."""
        return await self._app.node.presence(self.name)

    async def history(self, limit: int | None = None, *, reverse: bool = False) -> HistoryRead:
        """What is kept, oldest first unless `reverse`; at most 1,000 entries."""
        read: HistoryRead = await self._app.node.history(self.name, limit, reverse=reverse)
        return read

    @property
    def size(self) -> int:
        """Members on this node, now."""
        return self._app.node.topic_size(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class RoomHandle(TopicHandle):
    def broadcast(
        self, payload: object, *, event: str = DEFAULT_EVENT, exclude: object = (), save_history: bool | None = None
    ) -> Receipt[Published]:
        """To everybody in the room. Any thread; the calls of one thread keep their order."""
        return self._app.node.publish(self.name, payload, event, exclude, save_history)


class ChannelHandle(TopicHandle):
    """A topic with named events: `@channel.on("message") async def relay(member, data)`."""

    def __init__(self, app: Gateway, name: str) -> None:
        super().__init__(app, name)
        self._handlers: dict[str, Callable[..., Any]] = {}

    def publish(
        self, event: str, data: object, *, exclude: object = (), save_history: bool | None = None
    ) -> Receipt[Published]:
        return self._app.node.publish(self.name, data, event, exclude, save_history)

    def on(self, event: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """
        The handler of an event of clients: `(member, data)`, plain or async. One per event.

        Raises:
            TopicKindError: The name is declared as a Room, whose class holds the handlers.
        """
        if self._app.is_room(self.name):
            raise TopicKindError(self.name, "room", "channel")
        if event in self._handlers:
            raise ValueError(f"could not handle {event!r} of {self.name!r}: it has a handler already")

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self._handlers[event] = function
            return function

        return add

    @property
    def has_handlers(self) -> bool:
        return bool(self._handlers)

    def behaviour(self) -> type[Behaviour] | None:
        """The class that runs these handlers in the topic; None without any."""
        if not self._handlers:
            return None
        methods = {
            f"on_{number}": _method(event, function) for number, (event, function) in enumerate(self._handlers.items())
        }
        return type("ChannelBehaviour", (Behaviour,), methods)


def _method(event: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @on(event)
    def handle(self: Behaviour, member: Member, data: Any) -> Any:
        return function(member, data)

    return handle
