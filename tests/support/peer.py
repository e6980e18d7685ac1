"""A client and the machine of its connection, without a network: what it sends, what it is told, how it goes."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import attrs

from gateway.access.handshake import Handshake
from gateway.access.identity import ANONYMOUS, Principal
from gateway.endpoints.passage import OPEN
from gateway.endpoints.tickets import Ticket
from gateway.engines.stream import History
from gateway.events import ConnectionClosed
from gateway.ids import Ids
from gateway.limits.limits import Limits
from gateway.node import Node
from gateway.protocols.native import NativeWire
from gateway.settings.config import GatewaySettings
from gateway.settings.listen import ListenSettings
from gateway.settings.topic import TopicSettings
from tests.support.fake_socket import FakeSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors import ActorRef, ActorSystem
    from gateway.access.permissions import Permit
    from gateway.endpoints.passage import Passage
    from gateway.engines.base import Engine
    from gateway.protocols.base import Wire
    from gateway.topics.behaviour import Behaviour

INSTANT = 1e-6
"""Virtual seconds: the clock moves only when nothing is ready, so after this everything that was has run."""

KEPT = TopicSettings(join="anyone", publish="anyone", presence=True, history=History(size=100, ttl=3600.0))
PLAIN = TopicSettings(join="anyone", publish="anyone")


async def settle() -> None:
    """Until everything that is ready has run. Virtual time only."""
    await asyncio.sleep(INSTANT)


async def passes(seconds: float) -> None:
    """Lets virtual time pass."""
    await asyncio.sleep(seconds)


def settings(topics: dict[str, TopicSettings] | None = None, **limits: Any) -> GatewaySettings:
    """Open topics: `kept*` with history and presence, any other name without history."""
    chosen = {"kept*": KEPT, "*": PLAIN} if topics is None else topics
    return GatewaySettings(topics=chosen, gateway=ListenSettings(limits=Limits(**limits)))


def facts_of(system: ActorSystem, *kinds: type) -> list[Any]:
    """Facts of these kinds, from now on."""
    found: list[Any] = []
    for kind in kinds:
        system.events.subscribe(kind, found.append)
    return found


async def start_node(
    system: ActorSystem,
    chosen: GatewaySettings | None = None,
    behaviour: type[Behaviour] | None = None,
    engine: Callable[[Node], Engine] | None = None,
    permits: Mapping[str, Permit] | None = None,
) -> Node:
    """A node in a system that runs; `behaviour` is the app code of every topic whose name starts with `room`."""

    def find(name: str) -> type[Behaviour] | None:
        return behaviour if name.startswith("room") else None

    ids = Ids(random.Random(7))
    limited = frozenset() if behaviour is None else frozenset(behaviour.limits)
    options: dict[str, Any] = {"ids": ids, "engine": engine, "permits": permits or {}, "limited_events": limited}
    node = Node(chosen or settings(), find, system=system, **options)
    await node.start()
    return node


class Peer:
    """One client on the native wire, unless another is given."""

    def __init__(
        self,
        node: Node,
        name: str = "",
        *,
        principal: Principal = ANONYMOUS,
        wire: Wire | None = None,
        socket: FakeSocket | None = None,
        session: Any = None,
        says_goodbye: bool = False,
        passage: Passage = OPEN,
    ) -> None:
        client = name or node.ids.connection_id()
        self.wire = NativeWire(says_hello=False) if wire is None else wire
        self.ticket = Ticket(client, self.wire, principal, Handshake("/ws"), "192.0.2.1", session, says_goodbye)
        self.ticket.passage = passage
        self.client = client
        self.node = node
        self.socket = FakeSocket() if socket is None else socket
        self.closes: list[ConnectionClosed] = []
        node.events.subscribe(ConnectionClosed, self._note)
        self._taken = 0
        if session is None:
            self.ticket.decide(None)
        self.ref: ActorRef[Any] = node.open_connection(self.ticket)
        if session is None:
            self.open()

    def open(self) -> None:
        """The 101 is out: the machine gets its socket."""
        self.socket.listener = self.ref._actor.inlet(self.socket)

    def send(self, action: str, **keys: Any) -> None:
        self.socket.feed(json.dumps({"action": action, **keys}))

    def heard(self) -> list[Any]:
        """What it was told since the last look."""
        objects = self.socket.objects()
        new, self._taken = objects[self._taken :], len(objects)
        return new

    async def says(self, action: str, **keys: Any) -> list[Any]:
        """Sends, and returns what it was told until nothing moved any more."""
        self.send(action, **keys)
        await settle()
        return self.heard()

    async def joins(self, room: str, **keys: Any) -> Any:
        """Joins; returns the reply, which must be a yes."""
        heard = await self.says("join_room", room=room, **keys)
        assert heard[0]["status"] == "joined", heard
        return heard[0]

    def events(self) -> list[tuple[int | None, Any]]:
        """Offset and payload of each publication since the last look."""
        return [(one.get("offset"), one["payload"]) for one in self.heard() if one.get("action") == "event"]

    @property
    def closed(self) -> ConnectionClosed:
        """The one fact of its end."""
        (fact,) = self.closes
        return fact

    def _note(self, fact: ConnectionClosed) -> None:
        if fact.connection == self.client:
            self.closes.append(fact)


def changed(chosen: TopicSettings, **changes: Any) -> TopicSettings:
    return attrs.evolve(chosen, **changes)
