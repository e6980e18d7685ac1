"""Handles of rooms and channels: pure, start nothing, legal at import, usable from any thread and other actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, overload

from ..amounts import check_flag
from ..arity import refusal
from ..close_codes import validate_close
from ..limits.message_limit import check_limit
from ..limits.names import check_name
from ..messages.commands import Join, Leave, Reply
from ..messages.handlers import on
from ..messages.publications import checked_reason
from ..messages.receipts import Receipt
from ..messages.schemas import schema_of
from ..messages.topic_messages import Origin
from ..reasons import Refused, TopicKindError, WebSocketDisconnect
from ..topics.behaviour import Behaviour
from ..unknown_names import unknown_action

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorRef, Request

    from ..endpoints.websocket import WebSocket
    from ..engines.stream import Position
    from ..limits.message_limit import Limit
    from ..messages.commands import Face, HistoryRead, PresenceRead, Published
    from ..topics.member import Member
    from ..topics.topic import TopicActor
    from .app import Gateway

    Who: TypeAlias = WebSocket | Member | str
    """A connection: itself, as a member of some topic, or its id."""


R = TypeVar("R")


class TopicHandle:
    """One topic by its whole name. Room and channel are two faces of one machine."""

    _face: ClassVar[Face]

    def __init__(self, app: Gateway, name: str) -> None:
        check_name(name)
        self._app = app
        self.name = name

    def join(self, who: Who) -> Receipt[Any]:
        """As `WebSocket.join` of that connection. Any thread."""
        return self._act("join", who, lambda reply: Join(self.name, reply))

    def leave(self, who: Who) -> Receipt[Any]:
        """Ends its membership, if it is one. Any thread."""
        return self._act("leave", who, lambda reply: Leave(self.name, reply))

    def _act(self, act: str, who: Who, command: Callable[[Reply], Join | Leave]) -> Receipt[Any]:
        node = self._app.node
        receipt: Receipt[Any] = Receipt(f"{act} {self.name}", node.receipt_lost)
        machine = node.directory.get(who if isinstance(who, str) else who.id)
        if machine is None or not machine.is_alive():
            receipt.fail(WebSocketDisconnect(1006, "connection lost"))
        else:
            machine.tell(command(Reply(act, face=self._face, topic=self.name, receipt=receipt)))
        return receipt

    async def members(self) -> tuple[Member, ...]:
        """Who is here, on this node, in the order in which they joined."""
        return self._app.node.commands.members(self.name)

    async def presence(self) -> PresenceRead:
        """Raises Refused("not_available") if the topic keeps none."""
        return await self._app.node.commands.presence(self.name)

    async def history(
        self, limit: int | None = None, *, since: Position | None = None, reverse: bool = False
    ) -> HistoryRead:
        """
        What is kept, oldest first unless `reverse`; at most 1,000 publications, each with `value`, `event` and `at`.

        Args:
            since: Only what came after it; with `reverse`, before it.
        """
        return await self._app.node.commands.history(self.name, limit, since=since, reverse=reverse)

    def clear_history(self) -> Receipt[None]:
        """Forgets what is kept, in order with what is published before and after; positions go on. Any thread."""
        return self._app.node.commands.clear_history(self.name)

    def close(self, reason: str = "closed", *, may_return: bool = False) -> Receipt[int]:
        """
        Ends every membership on this node, no connection; awaiting gives how many. Any thread.

        Args:
            reason: What the members are told.
            may_return: Whether their clients should join again by themselves.

        Raises:
            TypeError, ValueError: The reason is none, as for `Member.kick`.
        """
        check_flag("may_return", may_return)
        checked_reason(reason)

        def kick_all(topic: TopicActor) -> int:
            return sum(topic.kick(one.client, reason, may_return=may_return) for one in topic.members())

        return self._app.node.commands.in_turn(self.name, kick_all, "close")

    def close_all(self, code: int = 1000, reason: str = "") -> Receipt[int]:
        """
        Closes the connection of every member on this node; awaiting gives how many. Any thread.

        Raises:
            ValueError: That code may not be sent, or the reason is too long for a close frame.
        """
        validate_close(code, reason)
        node = self._app.node

        def close_each(topic: TopicActor) -> int:
            members = topic.members()
            return sum(node.directory.close(one.client, ended_by="app", code=code, text=reason) for one in members)

        return node.commands.in_turn(self.name, close_each, "close every connection of")

    @property
    def size(self) -> int:
        """Members on this node, now."""
        return self._app.node.live.size(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class RoomHandle(TopicHandle):
    _face = "room"

    def broadcast(
        self,
        payload: object,
        *,
        event: str | None = None,
        exclude: object = (),
        save_history: bool | None = None,
        conflate: str | None = None,
    ) -> Receipt[Published]:
        """
        To everybody in the room. Any thread; the calls of one thread keep their order.

        Args:
            payload: A message, or anything JSON; a `str` is a text, bytes are binary.
            event: None: the action of a message; of anything else `message`.
            exclude: A connection, a member, an id, a principal, or several.
            save_history: None as the topic is set; False ephemeral: ordered, no offset, not recovered; True kept also
                where nothing else is.
            conflate: What this is the latest value of. In a topic with `slow="conflate"` it takes the place of one with
                the same key that a slow member has not been sent yet; elsewhere it means nothing. None: nothing is
                replaced by it, and nothing replaces it.
        """
        return self._app.node.commands.publish(self.name, payload, event, exclude, save_history, conflate=conflate)

    def tell(self, message: object) -> Receipt[None]:
        """
        Tells the room's code, for its `@handles`, and starts it if need be. Any thread.

        In order with what the same thread broadcasts before. A failure of the handler is the room's own, as nobody of
        its members is to blame. The receipt is resolved when the message waits in its mailbox.

        Raises, when it is awaited:
            Refused: `not_available`: no code is declared for the name; `internal`: it failed too often.
        """

        def hand_over(topic: TopicActor) -> None:
            topic.code().tell(message)

        return self._app.node.commands.in_turn(self.name, hand_over, "tell")

    @overload
    async def request(self, message: Request[R], *, timeout: float | None = None) -> R: ...
    @overload
    async def request(self, message: object, *, timeout: float | None = None) -> Any: ...
    async def request(self, message: object, *, timeout: float | None = None) -> Any:
        """
        Asks the room's code, as `ActorRef.request` does: what its handler returns, or raises. Starts it if need be.

        Args:
            timeout: Seconds; None for the system's, 5 s unless configured.

        Raises:
            Refused: As for `tell`, or by the handler.
            AskTimeout, AskedSelf, AskCycleError, ActorDeadError: As of `ActorRef.request`.
        """
        code: ActorRef[Any] = await self._app.node.commands.in_turn(self.name, _code_of, "ask")
        return await code.request(message, timeout=timeout)


def _code_of(topic: TopicActor) -> ActorRef[Any]:
    return topic.code()


class ChannelHandle(TopicHandle):
    """A topic with named events: `@channel.on("message") async def relay(member, data)`."""

    _face = "channel"

    def __init__(self, app: Gateway, name: str) -> None:
        super().__init__(app, name)
        self._handlers: dict[str, tuple[str | type, Callable[..., Any], Limit | None]] = {}
        self._behaviour: type[Behaviour] | None = None

    subscribe = TopicHandle.join
    unsubscribe = TopicHandle.leave
    subscribers = TopicHandle.members

    def publish(
        self,
        event: str | None,
        data: object,
        *,
        publisher: WebSocket | Member | None = None,
        exclude: object = (),
        save_history: bool | None = None,
        conflate: str | None = None,
    ) -> Receipt[Published]:
        """
        To every subscriber; no handler runs. Any thread; the calls of one thread keep their order.

        Args:
            event: None: the action of a message.
            publisher: Who is shown as the sender, and does not get it.
            exclude: Who else does not get it: a connection, a member, an id, a principal, or several.
            save_history: As in a room's `broadcast`.
            conflate: As there. None, with a publisher: what that one last said by this event.
        """
        node = self._app.node
        if publisher is None:
            return node.commands.publish(self.name, data, event, exclude, save_history, conflate=conflate)
        origin, but = Origin(None, publisher.id, publisher.principal), (publisher.id, exclude)
        return node.commands.publish(self.name, data, event, but, save_history, conflate=conflate, publisher=origin)

    def handle(self, event: str, who: Who, data: object) -> Receipt[Any]:
        """
        Runs the handler of an event as if `who` had sent it; awaiting gives what its client would be answered.

        Needs no membership and no permission. Any thread. The receipt fails with `Refused` if nothing handles the
        event, or the connection is gone, or the handler refuses it.
        """
        node = self._app.node
        try:
            if event not in self._handlers:
                raise unknown_action(f"{self.name} handles no", event, self._handlers)
            return node.commands.handle(self.name, event, data, node.directory.origin_of(who))
        except Refused as error:
            return Receipt.failed(f"handle {event} in {self.name}", error, node.receipt_lost)

    def on(self, what: str | type, *, limit: Limit | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """
        The handler of an event, or a message class, of clients: `(member, data)`, plain or async. One per event.

        Args:
            limit: How often each client may send it, in place of its connection's rate; None: that rate.

        Raises:
            TopicKindError: The name is declared as a Room, whose class holds the handlers.
            ValueError: That event has a handler already. TypeError: Neither an event nor a message class, a handler
                that takes other arguments, or no `Limit`.
        """
        if self._app.is_room(self.name):
            raise TopicKindError(self.name, "room", "channel")
        check_limit(limit)
        event = what if isinstance(what, str) and what else schema_of(what).action
        if event in self._handlers:
            raise ValueError(f"could not handle {event!r} of {self.name!r}: it has a handler already; do both in one")

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            wrong = refusal(function, 2)
            if wrong is not None:
                raise TypeError(f"could not handle {event!r} of {self.name!r}: {wrong}, the member and the data")
            self._handlers[event] = (what, function, limit)
            self._app.topics.channels[self.name] = self
            if limit is not None:
                self._app.limited_events.add(event)
            self._behaviour = None  # topics that live already run on without it
            return function

        return add

    @property
    def has_handlers(self) -> bool:
        return bool(self._handlers)

    def behaviour(self) -> type[Behaviour] | None:
        """The class that runs these handlers in the topic; None without any."""
        if self._handlers and self._behaviour is None:
            methods = {f"on_{number}": _method(*marked) for number, marked in enumerate(self._handlers.values())}
            self._behaviour = type("ChannelBehaviour", (Behaviour,), methods)
        return self._behaviour


def _method(what: str | type, function: Callable[..., Any], limit: Limit | None) -> Callable[..., Any]:
    @on(what, limit=limit)
    def handle(self: Behaviour, member: Member, data: Any) -> Any:
        return function(member, data)

    return handle
