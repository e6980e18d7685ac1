"""The topics that live on this node: found by name, started by the first word for them, forgotten when they end."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from actors import ActorDeadError, ActorRef, MailboxFull

from .limits import check_topic_name
from .reasons import Refused
from .shared_buckets import NOBODY
from .topic import TopicActor
from .topic_messages import Settle

if TYPE_CHECKING:
    from .node import Node


class LiveTopics:
    """At most one actor a name, whoever asks first; plain threads publish as well."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._refs: dict[str, ActorRef[TopicActor]] = {}
        self._starting = threading.Lock()
        self.supervisor: ActorRef[Any]
        """/topics; there from `Node.grow` on."""

    def tell(self, name: str, message: object, creator: str = NOBODY) -> None:
        """
        Tells a topic, which is started if it does not live. Raises Refused when it, or the node, has too much.

        Args:
            creator: Whose quota a topic counts for that has to be started, as `shared_buckets.key_of` says it.
        """
        ref = self._refs.get(name)
        if ref is None or not ref.is_alive():
            self._check_may_create(creator)
            ref = self._start(name)
        try:
            ref.tell(message)
        except ActorDeadError:  # it ended between the look and the put, on another thread
            self._start(name).tell(message)
        except MailboxFull as error:
            raise Refused("too_many_requests", f"{name} has as much to do as it may") from error

    def tell_if_live(self, name: str, message: object) -> bool:
        """Tells a topic if it lives, and starts none; whether it did. Loop thread only."""
        ref = self._refs.get(name)
        if ref is None or not ref.is_alive():
            return False
        ActorRef.tell(ref, message)  # past any bound: the last word of a member, or its place would stay taken
        return True

    def names(self) -> tuple[str, ...]:
        """In the order in which they were started."""
        return tuple(name for name, ref in self._refs.items() if ref.is_alive())

    def machine(self, name: str) -> TopicActor | None:
        """The actor itself, for who only reads; None if it has none now."""
        ref = self._refs.get(name)
        found = None if ref is None else ref._actor
        return found if isinstance(found, TopicActor) else None

    def size(self, name: str) -> int:
        """Members on this node, now."""
        machine = self.machine(name)
        return 0 if machine is None else len(machine.members())

    def ended(self, name: str, ref: ActorRef[Any]) -> None:
        """This actor takes nothing more. One that was started in its place meanwhile stays."""
        if self._refs.get(name) is ref:
            del self._refs[name]

    async def settle(self, seconds: float) -> None:
        """Waits until each has handled what it was told before; at most so long, whatever one of them does."""
        live = [ref for ref in self._refs.values() if ref.is_alive()]
        asked = [ref.request(Settle(), timeout=seconds) for ref in live]
        await asyncio.gather(*asked, return_exceptions=True)

    def _check_may_create(self, creator: str) -> None:
        wait = self._node.quotas.wait_to_create(creator, self._node.now()) if creator else 0.0
        if wait > 0.0:
            said = f"too many new topics from your address; wait {wait:.2f} s"
            raise Refused("too_many_requests", said, retry_after=round(wait, 3))

    def _start(self, name: str) -> ActorRef[TopicActor]:
        with self._starting:
            ref = self._refs.get(name)
            return ref if ref is not None and ref.is_alive() else self._spawn(name)

    def _spawn(self, name: str) -> ActorRef[TopicActor]:
        node, most = self._node, self._node.limits.max_topics
        if len(self._refs) >= most:
            raise Refused("limit_exceeded", f"this node has {most} topics already", temporary=True)
        check_topic_name(name, max_bytes=node.limits.max_topic_name_bytes)
        settings, behaviour = node.topics.settings_for(name), node.behaviour_for(name)
        # one that is ending may still have the name: it hands over to this one what it was told and did not handle
        free = name if name not in self.supervisor._relations().children else None
        ref = node.system.spawn(TopicActor, node, name, settings, behaviour, under=self.supervisor, name=free)
        self._refs[name] = ref
        return ref
