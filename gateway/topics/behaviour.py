"""
The app code of a topic: one child of its machine, with one mailbox, so that handlers need no locks.

It may await, crash and be restarted; members, offsets and history are the machine's and go on. A handler that fails is
answered `internal`, and charged to the member whose message it was, not to the room: one client cannot close it.
"""

from __future__ import annotations

from functools import cached_property
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar

from actors import Actor, handles
from actors.cell.hook_names import HookNames
from actors.events import DeadLetter

from .. import wire_json
from ..amounts import check_flag
from ..arity import check_hooks
from ..messages.commands import Published, Result
from ..messages.handlers import Handlers, on
from ..messages.publications import DEFAULT_EVENT, Publication, checked_event, clients, encode_payload
from ..messages.receipts import Receipt
from ..messages.schemas import Messages
from ..messages.topic_messages import ClientEvent, Emptied, MemberJoining, MemberLeft
from ..reasons import InvalidJSON, Refused
from .handling import Handling
from .member import Member
from .state import SavingTable, saving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..limits.message_limit import Limit
    from ..node import Node
    from .topic import TopicActor

__all__ = ["Behaviour", "Room", "on"]


class Behaviour(Actor):
    """Base of `Room` and of what a channel's decorators make."""

    events: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """The handlers of clients' events, those of message classes under their action."""

    limits: ClassVar[Mapping[str, Limit]] = {}
    """Of those events that have one of their own."""

    _messages: ClassVar[Messages] = Messages()
    """What is checked where it comes in, and what goes out as a message."""

    sends: ClassVar[tuple[type, ...]] = ()
    """Message classes that go out beside those that handlers take: for documents, and for classes that do not say
    themselves that they are messages."""

    patience: ClassVar[float | None] = 30.0
    """Seconds that one handler may await: nobody else in the topic is served meanwhile. Longer is a failure, ended
    between one and two of these after it began; the next instance goes on with what waits. None: no limit."""

    passes_on: ClassVar[bool] = True
    """Whether an event of a client that no handler takes goes to everybody, as in a topic without app code. With False
    such an event is refused: everything that is published here has been through this class."""

    allows_joins: ClassVar[bool] = False

    keep_state: ClassVar[bool] = True
    """Whether a restarted behaviour gets its `state` back as it was after the last handler that succeeded."""

    state: Any = None

    _keeps: ClassVar[bool] = False
    """Whether there is a state to be kept, and it is to be."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        _check_names(cls)
        super().__init_subclass__(**kwargs)
        check_hooks(cls, Behaviour, _HOOKS)
        handlers = Handlers.of(cls, cls.sends)
        cls.events, cls._messages, cls.limits = handlers.calls, handlers.messages, handlers.limits
        cls.allows_joins = cls.on_join is not Behaviour.on_join
        cls._keeps = cls.keep_state and cls.initial_state is not Behaviour.initial_state
        if cls._keeps:
            cls._handlers = SavingTable(cls._handlers, (ClientEvent, MemberJoining))
            if "on_signal" in vars(cls):
                cls.on_signal = saving(cls.on_signal)  # type: ignore[assignment,method-assign]

    def __init__(self, topic: TopicActor, node: Node) -> None:
        super().__init__()
        self._topic = topic
        self._node = node
        self._handling = Handling(topic, type(self)._messages)
        self.state = topic.kept.restore(self.initial_state)

    # --- what app code writes

    def initial_state(self) -> Any:
        """
        What `self.state` begins with. It survives crashes, not the end of the topic; plain values, copied often.

        Raise `Refused` for a name that there is no room for: whoever asks is refused so.
        """
        return None

    def on_join(self, member: Member, params: object) -> Any:
        """
        Before a member is in: what it returns goes into the reply; raise `Refused` to refuse. At most 3 s.

        Args:
            params: What its client sent with the join, decoded JSON that nobody has checked; None if it sent nothing.
        """

    def on_leave(self, member: Member, reason: str) -> Any:
        """
        After a member has left, however its connection ended; once for each that `on_join` let in.

        That may be somebody who was gone before `on_join` had said yes, and was never seen by the others.
        """

    def on_empty(self) -> Any:
        """After the last member has left, and nobody has come since."""

    # --- what app code calls

    @property
    def name(self) -> str:
        """The topic's whole name."""
        return self._topic.name

    @cached_property
    def params(self) -> Mapping[str, str]:
        """
        What its pattern names in the name: `{"game_id": "7"}` of `game:{game_id}`. Texts that clients choose.

        What a client sent with its join is another thing: the `params` of `on_join`, and of its member.
        """
        return self._node.params_of(self.name)

    @property
    def restarts(self) -> int:
        """How often this behaviour was restarted; 0 in its first life."""
        return self.actor_ref.info().restarts

    def members(self) -> tuple[Member, ...]:
        """Who is here now, in the order in which they joined."""
        return tuple(Member.of(self._topic, one) for one in self._topic.members())

    def broadcast(
        self,
        payload: object,
        *,
        event: str | None = None,
        exclude: object = (),
        save_history: bool | None = None,
        sender: Member | None = None,
        conflate: str | None = None,
    ) -> Receipt[Published]:
        """
        Publishes to everybody here, at once and in the order of the calls.

        A handler that returns this receipt answers its client with the position.

        Args:
            sender: Who is shown as the sender; None: nobody, it comes from the room itself.
            conflate: What it is the latest value of, for slow readers of a topic with `slow="conflate"`.
            payload: A message, or anything JSON; a `str` is a text, bytes are binary.
            event: None: the action of a message; of anything else `message`.
            exclude: A member, a connection, its id, a principal, or several.
            save_history: None as the topic is set; False ephemeral: ordered, no offset, not recovered.
        """
        if save_history is not None:
            check_flag("save_history", save_history)
        ready, action = type(self)._messages.ready(payload)
        encoded, kind = encode_payload(ready)
        who = None if sender is None else self._topic.sender_of(sender.id, sender.principal)
        named = checked_event(event) if event else action or DEFAULT_EVENT
        publication = Publication(self.name, encoded, self._node.wall(), kind, named, who, clients(exclude), conflate)
        receipt: Receipt[Published] = Receipt(f"broadcast to {self.name}", self._node.receipt_lost)
        self._topic.accept(publication, save_history, None, lambda result: _settle(receipt, result))
        return receipt

    # --- what the machine tells

    def on_undelivered(self, messages: list[object]) -> None:
        """This topic ends. Its machine knows which client waits for an answer, and gives it; the rest is a fact."""
        for message in messages:
            if not isinstance(message, ClientEvent | MemberJoining | MemberLeft | Emptied):
                self._node.system.dead_letters.add(DeadLetter(self.actor_ref, message, "stopped"))

    @handles(ClientEvent)
    def _client_event(self, message: ClientEvent) -> Any:
        return self._handling.guard(message.member, message, self._save_state, self._take, message)

    def _take(self, message: ClientEvent) -> Any:
        handler = type(self).events[message.event]
        return handler(self, message.member, self._payload_of(message.event, message.publication))

    def _payload_of(self, event: str, publication: Publication) -> object:
        """What the handler of that event gets. Raises Refused."""
        messages = type(self)._messages
        if event in messages:
            return messages.from_payload(event, publication.payload, publication.kind)
        if publication.kind != "json":
            return publication.payload.decode() if publication.kind == "text" else publication.payload
        try:
            return wire_json.decode(publication.payload)
        except InvalidJSON as error:  # nested too deeply to be read here, or a number beyond all floats
            raise Refused("bad_request", f"not understood: {error.msg}") from None

    @handles(MemberJoining)
    def _member_joining(self, message: MemberJoining) -> Any:
        code, member = type(self).on_join, message.member
        return self._handling.guard(member, message, self._save_state, code, self, member, message.params)

    @handles(MemberLeft)
    def _member_left(self, message: MemberLeft) -> Any:
        return self._handling.blaming(message.member, self.on_leave, message.member, message.reason)

    @handles(Emptied)
    def _emptied(self, message: Emptied) -> Any:
        if self._topic.members():  # let in by a handler that ran before this came; their leaving will say it again
            return None
        return self._handling.blaming(message.member, self.on_empty)

    def _save_state(self) -> None:
        if self._keeps:
            self._topic.kept.save(self.state)


def _check_names(cls: type[Behaviour]) -> None:
    """Raises TypeError for what a class says in the place of what is read here, or given by another name."""
    refused = f"could not make {cls.__name__}: "
    taken = sorted(_OURS & vars(cls).keys())
    if taken:
        raise TypeError(f"{refused}Room needs {', '.join(map(repr, taken))} itself; choose other names")
    if "state" in vars(cls):
        raise TypeError(f"{refused}its state is what initial_state() returns, for each room anew; write that")
    if iscoroutinefunction(cls.initial_state):
        raise TypeError(f"{refused}its initial_state is a coroutine, and nobody could await it; await in on_start")


_OVERRIDABLE = {"initial_state", "patience", "passes_on", "keep_state", "sends", "state"}
_OURS = frozenset(name for name in vars(Behaviour) if not name.startswith(("__", "on_")) and name not in _OVERRIDABLE)
"""What a subclass may not define: this class calls it, or fills it."""

_HOOKS = ("on_join", "on_leave", "on_empty", "on_start", "initial_state")
"""What app code writes, besides handlers."""

Behaviour._hook_names = HookNames.of(Behaviour)


class Room(Behaviour):
    """
    A topic with app code: `@app.topic("game:{game_id}") class Game(Room)`.

    `on_start`, `on_join`, `on_leave`, `on_empty` and handlers marked with `@on` run one at a time, in order.
    """


def _settle(receipt: Receipt[Published], result: Result) -> None:
    if isinstance(result, Refused):
        receipt.fail(result)
    elif isinstance(result, Published):
        receipt.resolve(result)
