"""
This process's tree, and what its machines share: where topics and connections are found, time, limits, the engine.

    /                     guardian             [one_for_one, 3 in 60 s, then exit]
    |- engine             positions, history   [permanent]
    |- topics             one per live topic   [dynamic, budget per child]
    |- heartbeat          one timer wheel      [permanent]
    |- connections        one per socket       [dynamic, temporary]
    |- app                the app's own actors, as configured
    `- listener           the web server       [last to start, first to stop]

That is the default; `parts` says what a file may change about it, and the blueprint is what came of it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from actors import Actor, ActorDeadError, ActorRef, ActorSystem, Child, MailboxFull, handles

from .commands import PresenceRead, Publish, Published, ReadPresence, Reply
from .connection import ConnectionActor
from .engines.memory import MemoryEngine
from .events import EngineRestarted, ReceiptFailed
from .heartbeat import ClientBeats, Heartbeat, SteadyPings
from .identity import Principal
from .ids import Ids
from .limits import check_topic_name
from .member import Member
from .messages import Close, Origin, Settle, Submit
from .parts import HOME, PASSIVATE_AFTER, plan_tree
from .publications import clients, encode_payload, event_named
from .pulse import DEADLINES, SLOT, Pulse
from .quotas import Quotas
from .reasons import Refused
from .receipts import Receipt
from .shared_buckets import NOBODY
from .tokens import Tokens
from .topic import TopicActor
from .topic_patterns import TopicTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from .behaviour import Behaviour
    from .commands import HistoryRead
    from .config import GatewaySettings
    from .connection_view import ConnectionView
    from .engines.base import Engine
    from .heartbeat import HeartbeatConfig
    from .identity import TopicGrant
    from .message_limit import Limit
    from .permissions import Permit
    from .protocols.base import Liveness
    from .stream import Position
    from .tickets import Ticket

Beats = Heartbeat | SteadyPings | ClientBeats


class EngineKeeper(Actor):
    """/engine: owns the engine's housekeeping. The engine itself outlives a restart of this actor."""

    SWEEP = 60.0

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def on_start(self) -> None:
        self.timers.fixed_delay("sweep", self.SWEEP, self.SWEEP)

    def post_restart(self) -> None:
        self._node.events.publish(EngineRestarted(self.actor_ref.info().incarnation))

    @handles(float)
    def sweep(self, _: float) -> None:
        self._node.engine.sweep()


class Node:
    """
    One per gateway. Made before its system runs; `start` brings up the tree on the running loop.

    A `system` that is given keeps its own root, dispatcher and ask timeout: those are what its maker chose.

    Raises:
        ConfigError: The settings name a class that is none, or arguments that do not fit.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        behaviour_for: Callable[[str], type[Behaviour] | None],
        *,
        ids: Ids | None = None,
        engine: Callable[[Node], Engine] | None = None,
        system: ActorSystem | None = None,
        calls: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
        authenticators: Sequence[Any] = (),
        limited_events: AbstractSet[str] = frozenset(),
        permits: Mapping[str, Permit] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        self.limits = settings.gateway.limits
        self.quotas = Quotas(self.limits)
        """What connections share."""
        self.topics = settings.topic_table()
        self.heartbeat_config = settings.gateway.heartbeat
        self.auth = settings.gateway.auth
        self.tokens = Tokens(self.auth.jwt_secret) if self.auth.jwt_secret else None
        self.calls = calls
        """What clients may call, by method."""
        self.authenticators = tuple(authenticators)
        self.limited_events = limited_events
        """Names of events for which `limit_of` may find something."""
        self._permits: TopicTable[Permit | None] | None = TopicTable(permits, None) if permits else None
        self.passivate_after = settings.supervisor["topics"].passivate_after or PASSIVATE_AFTER
        self.blueprint = plan_tree(settings)
        self.ids = ids or Ids()
        self.system = system or self._make_system()
        self.pulse: Pulse | None = None
        self.is_draining = False
        self.numbers = itertools.count(1)
        """Of calls to the engine and of joins under way: unique in this process, whoever asked."""
        self._behaviour_for = behaviour_for
        self._make_engine = engine or (lambda node: MemoryEngine(node.clock, node.ids))
        self._live: dict[str, ActorRef[TopicActor]] = {}
        self._starting = threading.Lock()
        self._beats: dict[tuple[Liveness, HeartbeatConfig], Beats] = {}
        self._connections: dict[str, ActorRef[ConnectionActor]] = {}
        self._users: dict[str, dict[str, ActorRef[ConnectionActor]]] = {}

    def _make_system(self) -> ActorSystem:
        shared, root = self.settings.actors, self.blueprint.root
        return ActorSystem(
            "gateway",
            dispatcher=shared.dispatcher,
            ask_timeout=shared.ask_timeout,
            supervision=root.supervision,
        )

    async def start(self) -> None:
        """Brings up the tree, for who has nothing to do between the two steps."""
        await self.open()
        await self.grow()

    async def open(self) -> None:
        """Brings up the system; from here on facts can be subscribed to."""
        if self.system._env is None:
            await self.system.start()
        self.clock = self.system.env.clock
        self.events = self.system.events
        self.engine = self._make_engine(self)

    async def grow(self, declared: Sequence[Child] = (), fills: Mapping[str, object] | None = None) -> None:
        """
        Starts what stands below the root, in the configured order.

        Args:
            declared: The app's actors that are declared in code; they stand beside the configured ones.
            fills: By class name, what an actor's parameter with that annotation gets.
        """
        await self.blueprint.start(
            self.system,
            {"engine": Child(EngineKeeper, (self,)), "heartbeat": Child(Pulse, (self,))},
            additions={HOME: declared},
            fills=fills or {},
            started=self._note_part,
        )

    def _note_part(self, ref: ActorRef[Any]) -> None:
        if ref.path == "/topics":
            self._topics = ref
        elif ref.path == "/connections":
            self._sockets = ref
        elif ref.path == "/app":
            self.app = ref

    # --- time

    def now(self) -> float:
        return self.clock.now()

    def wall(self) -> float:
        return self.clock.wall()

    def first_ping(self, interval: float) -> float:
        """When a connection that opens now is looked at first: spread, so that a thousand at once are not pinged so."""
        return self.now() + interval / 2 + self.ids.spread(interval / 2)

    def call_at(self, ref: ActorRef[Any], what: str, at: float) -> None:
        if self.pulse is not None:
            self.pulse.call_at(ref, what, at)

    def cancel_call(self, ref: ActorRef[Any], what: str) -> None:
        if self.pulse is not None:
            self.pulse.cancel(ref, what)

    def cancel_calls(self, ref: ActorRef[Any]) -> None:
        for what in DEADLINES:
            self.cancel_call(ref, what)

    def liveness(self, kind: Liveness, config: HeartbeatConfig | None) -> Beats:
        """How a connection is watched; one object for all that are watched alike, which endpoints bound."""
        key = kind, config or self.heartbeat_config
        found = self._beats.get(key)
        if found is None:
            found = self._beats[key] = _BEATS[kind](key[1])
        return found

    def is_current(self, ref: ActorRef[Any]) -> bool:
        """Whether this actor's own turn is running."""
        return self.system.env.dispatcher.current is ref

    # --- topics

    def tell_topic(self, name: str, message: object, creator: str = NOBODY) -> None:
        """
        Tells a topic, which is started if it does not live. Raises Refused when it, or the node, has too much.

        Args:
            creator: Whose quota a topic counts for that has to be started, as `shared_buckets.key_of` says it.
        """
        ref = self._live.get(name)
        if ref is None or not ref.is_alive():
            self._check_may_create(creator)
            ref = self._start_topic(name)
        try:
            ref.tell(message)
        except ActorDeadError:  # it ended between the look and the put, on another thread
            self._start_topic(name).tell(message)
        except MailboxFull as error:
            raise Refused("too_many_requests", f"{name} has as much to do as it may") from error

    def tell_live_topic(self, name: str, message: object) -> bool:
        """Tells a topic if it lives, and starts none; whether it did. Loop thread only."""
        ref = self._live.get(name)
        if ref is None or not ref.is_alive():
            return False
        ActorRef.tell(ref, message)  # past any bound: the last word of a member, or its place would stay taken
        return True

    def topic_names(self) -> tuple[str, ...]:
        return tuple(name for name, ref in self._live.items() if ref.is_alive())

    def topic_size(self, name: str) -> int:
        """Members on this node, now."""
        ref = self._live.get(name)
        topic = ref._actor if ref is not None else None
        return len(topic.members()) if isinstance(topic, TopicActor) else 0

    def handles_event(self, topic: str, event: str) -> bool:
        """Whether the topic's app code takes this event of clients."""
        behaviour = self._behaviour_for(topic)
        return behaviour is not None and event in behaviour.events

    def limit_of(self, topic: str, event: str) -> Limit | None:
        """How often a client may send this event there, if the topic's app code says so."""
        behaviour = self._behaviour_for(topic)
        return None if behaviour is None else behaviour.limits.get(event)

    def topic_grant(self, token: str, topic: str, user: str) -> TopicGrant:
        """What a token allows in a topic. Raises Refused, or InvalidToken if it was made for something else."""
        if self.tokens is None:
            raise Refused("permission_denied", "this server takes no tokens: gateway.auth.jwt_secret is not set")
        return self.tokens.topic_grant(token, topic, user, self.wall())

    @property
    def has_permits(self) -> bool:
        """Whether the application wants to be asked about any topic."""
        return self._permits is not None

    def permit_of(self, topic: str) -> Permit | None:
        """Whom to ask in the application what a client may do in a topic."""
        return None if self._permits is None else self._permits.settings_for(topic)

    def topic_ended(self, name: str, ref: ActorRef[Any]) -> None:
        if self._live.get(name) is ref:
            del self._live[name]

    def _check_may_create(self, creator: str) -> None:
        wait = self.quotas.wait_to_create(creator, self.now()) if creator else 0.0
        if wait > 0.0:
            said = f"too many new topics from your address; wait {wait:.2f} s"
            raise Refused("too_many_requests", said, retry_after=round(wait, 3))

    def _start_topic(self, name: str) -> ActorRef[TopicActor]:
        with self._starting:  # plain threads publish as well, and one name has one topic
            ref = self._live.get(name)
            return ref if ref is not None and ref.is_alive() else self._spawn_topic(name)

    def _spawn_topic(self, name: str) -> ActorRef[TopicActor]:
        if len(self._live) >= self.limits.max_topics:
            raise Refused("limit_exceeded", f"this node has {self.limits.max_topics} topics already", temporary=True)
        check_topic_name(name, max_bytes=self.limits.max_topic_name_bytes)
        settings, behaviour = self.topics.settings_for(name), self._behaviour_for(name)
        # one that is ending may still have the name: it hands over to this one what it was told and did not handle
        free = name if name not in self._topics._relations().children else None
        ref = self.system.spawn(TopicActor, self, name, settings, behaviour, under=self._topics, name=free)
        self._live[name] = ref
        return ref

    # --- what app code does from outside

    def publish(
        self,
        topic: str,
        payload: object,
        event: str | None = None,
        exclude: object = (),
        save: bool | None = None,
        *,
        key: str | None = None,
        conflate: str | None = None,
        publisher: Origin | None = None,
    ) -> Receipt[Published]:
        """
        Any thread.

        Args:
            event: None: the action of a message; of anything else `message`.
            key: Publishing it again is answered with the first position.
            conflate: What it is the latest value of; see `Publication`.
            publisher: Who is shown as the sender; app code is not asked, whoever it is.
        """
        encoded, kind = encode_payload(payload)
        receipt: Receipt[Any] = Receipt(f"publish to {topic}", self.receipt_lost)
        reply = Reply("publish", topic=topic, receipt=receipt)
        named, but = event_named(event, payload), clients(exclude)
        command = Publish(topic, reply, encoded, kind, named, but, save, key, conflate=conflate)
        self._submit(topic, command, receipt, publisher)
        return receipt

    async def members(self, topic: str) -> tuple[Member, ...]:
        """Those of this node."""
        ref = self._live.get(topic)
        found = ref._actor if ref is not None else None
        if not isinstance(found, TopicActor):
            return ()
        return tuple(Member.of(found, one) for one in found.members())

    async def presence(self, topic: str) -> PresenceRead:
        receipt: Receipt[Any] = Receipt(f"presence of {topic}", self.receipt_lost)
        self._submit(topic, ReadPresence(topic, Reply("presence", topic=topic, receipt=receipt)), receipt)
        read: PresenceRead = await receipt
        return read

    async def history(
        self, topic: str, limit: int | None = None, *, since: Position | None = None, reverse: bool = False
    ) -> HistoryRead:
        from .commands import ReadHistory

        receipt: Receipt[Any] = Receipt(f"history of {topic}", self.receipt_lost)
        reply = Reply("history", topic=topic, receipt=receipt)
        self._submit(topic, ReadHistory(topic, reply, since, limit, reverse), receipt)
        read: HistoryRead = await receipt
        return read

    def handle(self, topic: str, event: str, payload: object, origin: Origin) -> Receipt[Any]:
        """As if that client had sent the event, which it needs no permission for. Any thread."""
        encoded, kind = encode_payload(payload)
        receipt: Receipt[Any] = Receipt(f"handle {event} in {topic}", self.receipt_lost)
        reply = Reply("publish", topic=topic, receipt=receipt)
        self._submit(topic, Publish(topic, reply, encoded, kind, event), receipt, origin)
        return receipt

    def origin_of(self, who: object) -> Origin:
        """Whose commands those of a WebSocket, a member or a connection's id are. Raises Refused if it is gone."""
        client = who if isinstance(who, str) else getattr(who, "id", "")
        ref = self._connections.get(client)
        machine = None if ref is None else ref._actor
        if not isinstance(machine, ConnectionActor):
            raise Refused("not_available", f"there is no connection {client!r} here; it is gone, or on another node")
        return machine.origin

    def in_turn(self, topic: str, act: Callable[[TopicActor], Any], what: str) -> Receipt[Any]:
        """Does something to a topic, in order with what it is told before and after. Any thread."""
        done: Receipt[Any] = Receipt(f"{what} {topic}", self.receipt_lost)
        asked: Receipt[Any] = Receipt(f"{what} {topic}", self.receipt_lost)
        asked.then(lambda answer: self._act(topic, act, answer, done))
        self._submit(topic, ReadPresence(topic, Reply("presence", topic=topic, receipt=asked)), asked)
        return done

    def _act(self, topic: str, act: Callable[[TopicActor], Any], answer: object, done: Receipt[Any]) -> None:
        """In the topic's turn; that it keeps no presence is no answer to what was wanted."""
        ref = self._live.get(topic)
        found = None if ref is None else ref._actor
        if isinstance(answer, Refused) and answer.reason != "not_available":
            done.fail(answer)
        elif isinstance(found, TopicActor):
            done.resolve(act(found))
        else:
            done.fail(Refused("shutting_down"))

    def clear_history(self, topic: str) -> Receipt[None]:
        """Forgets what a topic keeps, in order with what is published; positions go on. Any thread."""
        return self.in_turn(topic, lambda _: self.engine.clear(topic), "clear history of")

    def _submit(self, topic: str, command: Any, receipt: Receipt[Any], origin: Origin | None = None) -> None:
        try:
            self.check_open()
            self.tell_topic(topic, Submit(origin or APP, command))
        except Refused as error:
            receipt.fail(error)

    def receipt_lost(self, act: str, error: BaseException) -> None:
        self.events.publish(ReceiptFailed(act, error))

    # --- connections

    def open_connection(self, ticket: Ticket) -> ActorRef[ConnectionActor]:
        """The machine of an upgrade request that passed the first checks."""
        ref = self.system.spawn(ConnectionActor, self, ticket, under=self._sockets, name=ticket.client)
        self._connections[ticket.client] = ref
        self.quotas.entered(ticket.address_key)
        self.identified(ref, ticket.client, ticket.principal)
        try:
            ref._actor.open_session()
        except BaseException:  # its app code could not even be made; nobody else would end this machine
            ref.stop_now()
            raise
        return ref

    def view_of(self, client: str) -> ConnectionView | None:
        """How a connection of this node is now; None if there is none of that id."""
        ref = self._connections.get(client)
        machine = None if ref is None else ref._actor
        return machine.view() if isinstance(machine, ConnectionActor) else None

    def connection_refs(self) -> Iterable[ActorRef[ConnectionActor]]:
        return tuple(self._connections.values())

    def connection_ids(self) -> tuple[str, ...]:
        return tuple(self._connections)

    def connection(self, client: str) -> ActorRef[ConnectionActor] | None:
        return self._connections.get(client)

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def identified(self, ref: ActorRef[ConnectionActor], client: str, principal: Principal) -> None:
        """This connection is that principal's, until `forget`."""
        if principal.id:
            self._users.setdefault(principal.id, {})[client] = ref

    def connections_of(self, user: str) -> tuple[ActorRef[ConnectionActor], ...]:
        """The live connections of a principal on this node; of the anonymous, who are nobody, none."""
        return tuple(ref for ref in self._users.get(user, {}).values() if ref.is_alive())

    @property
    def user_count(self) -> int:
        """Principals with a connection here; the anonymous are none."""
        return len(self._users)

    def forget(self, client: str, user: str = "", address_key: str = NOBODY) -> None:
        self._connections.pop(client, None)
        self.quotas.left(address_key)
        theirs = self._users.get(user)
        if theirs is not None:
            theirs.pop(client, None)
            if not theirs:
                del self._users[user]

    def close_connection(
        self, client: str, reason: str | None = None, ended_by: str = "app", *, code: int = 1000, text: str = ""
    ) -> bool:
        """Ends it by a reason of the table, or with a code; whether there was such a connection."""
        ref = self._connections.get(client)
        if ref is None or not ref.is_alive():
            return False
        ref.tell(Close(reason, code, text, ended_by))
        return True

    # --- going

    def check_open(self) -> None:
        if self.is_draining:
            raise Refused("shutting_down", "this server is about to stop; come back in a moment")

    async def drain(self, seconds: float, spread: float) -> None:
        """
        Lets go of all connections: closes are spread over `spread` seconds, and each has until `seconds` to leave.

        Commands are refused from now on; what was accepted is delivered first.
        """
        self.is_draining = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        await self._settle_topics(seconds / 2)
        gone = [ref.terminated for ref in self.connection_refs()]
        for client in tuple(self._connections):
            loop.call_later(self.ids.spread(spread), self.close_connection, client, "shutdown", "shutdown")
        try:
            async with asyncio.timeout_at(deadline):
                for future in gone:
                    await future
        except TimeoutError:
            return  # the tree's own deadlines end what is left

    async def _settle_topics(self, seconds: float) -> None:
        """Waits until every topic has handled what it was told before; in bounded time, whatever one of them does."""
        live = [ref for ref in self._live.values() if ref.is_alive()]
        asked = [ref.request(Settle(), timeout=seconds) for ref in live]
        await asyncio.gather(*asked, return_exceptions=True)

    async def stop(self) -> None:
        self.is_draining = True
        await self.system.stop()


APP = Origin(None, "", Principal("app", frozenset(("app",))))
"""Who publishes when app code does: no connection, and no permission is asked."""


_BEATS: dict[Liveness, Callable[[HeartbeatConfig], Beats]] = {
    "silence": lambda config: Heartbeat(config, slot=SLOT),
    "steady": lambda config: SteadyPings(config, slot=SLOT),
    "client": lambda config: ClientBeats(),
}
