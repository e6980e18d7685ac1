"""
This process's tree, and what its machines share: the directories, time, limits, the engine.

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
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from actors import ActorSystem, Child

from .connections.connection import ConnectionActor
from .connections.directory import Directory
from .engines.memory import MemoryEngine
from .events import ReceiptFailed
from .ids import Ids
from .limits.names import check_topic_name
from .limits.quotas import Quotas
from .pulse.heartbeat import ClientBeats, Heartbeat, SteadyPings
from .pulse.pulse import Pulse
from .reasons import Refused
from .settings.parts import HOME, PASSIVATE_AFTER, plan_tree
from .settings.topic_patterns import MAX_REMEMBERED_TOPICS, TopicTable
from .topics.app_commands import AppCommands
from .topics.engine_keeper import EngineKeeper
from .topics.live_topics import PORTION, LiveTopics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from actors import ActorRef

    from .access.identity import TopicGrant
    from .access.permissions import Permit
    from .endpoints.tickets import Ticket
    from .engines.base import Engine
    from .limits.message_limit import Limit
    from .protocols.base import Liveness
    from .pulse.heartbeat import HeartbeatConfig
    from .settings.config import GatewaySettings
    from .settings.topic import Topics, TopicSettings
    from .topics.behaviour import Behaviour

Beats = Heartbeat | SteadyPings | ClientBeats


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
        topics: Topics | None = None,
        params_of: Callable[[str], Mapping[str, str]] = lambda _: MappingProxyType({}),
    ) -> None:
        self.settings = settings
        self.limits = settings.gateway.limits
        self.quotas = Quotas(self.limits)
        """What connections share."""
        self.topics: Topics = topics or settings.topic_table()
        """What holds of each topic; as configured, unless an application says more."""
        self.settings_of = lru_cache(MAX_REMEMBERED_TOPICS)(self._find_settings)
        """Of a topic, whose name is checked before. Raises Refused for a bad one."""
        self.heartbeat_config = settings.gateway.heartbeat
        self.auth = settings.gateway.auth
        self.tokens = self.auth.tokens()
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
        self.publications = 0
        """Accepted by topics of this process so far."""
        self.numbers = itertools.count(1)
        """Of calls to the engine and of joins under way: unique in this process, whoever asked."""
        self.now: Callable[[], float]
        """Of the clock; one bound method for all who keep it. There from `open` on, as is the next."""
        self.wall: Callable[[], float]
        self.receipt_lost: Callable[[str, BaseException], None] = self._note_lost
        """Bound once: every receipt keeps it."""
        self.behaviour_for = behaviour_for
        """The app code of a topic, by its name; None: nobody looks after it."""
        self.params_of = params_of
        """What the pattern of that code names in the topic's name."""
        self._make_engine = engine or (lambda node: MemoryEngine(node.clock, node.ids, is_live=node.live.is_live))
        self._beats: dict[tuple[Liveness, HeartbeatConfig], Beats] = {}
        self.live = LiveTopics(self)
        self.directory = Directory(self.quotas)
        """Of connections."""
        self.commands = AppCommands(self)
        """What app code asks of topics."""

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
        self.clock, self.dispatcher = self.system.env.clock, self.system.env.dispatcher
        self.now, self.wall = self.clock.now, self.clock.wall
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
            self.live.supervisor = ref
        elif ref.path == "/connections":
            self.directory.supervisor = ref
        elif ref.path == "/app":
            self.app = ref

    # --- time

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
        if self.pulse is not None:
            self.pulse.cancel_all(ref)

    def liveness(self, kind: Liveness, config: HeartbeatConfig | None) -> Beats:
        """How a connection is watched; one object for all that are watched alike, which endpoints bound."""
        key = kind, config or self.heartbeat_config
        found = self._beats.get(key)
        if found is None:
            found = self._beats[key] = _BEATS[kind](key[1])
        return found

    def _find_settings(self, topic: str) -> TopicSettings:
        return self.topics.settings_for(check_topic_name(topic, max_bytes=self.limits.max_topic_name_bytes))

    # --- what the application says of a topic

    def handles_event(self, topic: str, event: str) -> bool:
        """Whether the topic's app code takes this event of clients."""
        behaviour = self.behaviour_for(topic)
        return behaviour is not None and event in behaviour.events

    def limit_of(self, topic: str, event: str) -> Limit | None:
        """How often a client may send this event there, if the topic's app code says so."""
        behaviour = self.behaviour_for(topic)
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

    # --- coming and going

    def open_connection(self, ticket: Ticket) -> ActorRef[ConnectionActor]:
        """The machine of an upgrade request that passed the first checks."""
        ref = self.system.spawn(ConnectionActor, self, ticket, under=self.directory.supervisor, name=ticket.client)
        self.directory.enter(ref, ticket)
        try:
            ref._actor.open_session()
        except BaseException:  # its app code could not even be made; nobody else would end this machine
            ref.stop_now()
            raise
        return ref

    def check_open(self) -> None:
        if self.is_draining:
            raise Refused("shutting_down", "this server is about to stop; come back in a moment")

    async def drain(self, seconds: float, spread: float) -> None:
        """
        Lets go of all connections: closes are spread over `spread` seconds, and each has until `seconds` to leave.

        Commands are refused from now on; what was accepted is delivered first. What waits for a slow reader stays in
        its outbox, where it shares its bytes with all others, and leaves as it reads.
        """
        self.is_draining = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        await self.live.settle(seconds / 2)
        gone = []
        for client, ref in zip(self.directory.ids(), self.directory.refs(), strict=True):
            gone.append(ref.terminated)
            loop.call_later(self.ids.spread(spread), self.directory.close, client, "shutdown", "shutdown")
            if len(gone) % PORTION == 0:
                await asyncio.sleep(0)
        try:
            async with asyncio.timeout_at(deadline):
                for future in gone:
                    await future
        except TimeoutError:
            return  # the tree's own deadlines end what is left

    def _note_lost(self, act: str, error: BaseException) -> None:
        """Nobody waits for the answer any more, and it was a refusal; those of a gateway that stops are expected."""
        if not (isinstance(error, Refused) and error.reason == "shutting_down"):
            self.events.publish(ReceiptFailed(act, error))

    @property
    def is_down(self) -> bool:
        """Whether its tree has ended."""
        return not self.system.root.is_alive()

    async def stop(self) -> None:
        self.is_draining = True
        await self.system.stop()


_BEATS: dict[Liveness, Callable[[HeartbeatConfig], Beats]] = {
    "silence": Heartbeat,
    "steady": SteadyPings,
    "client": lambda _: ClientBeats(),
}
