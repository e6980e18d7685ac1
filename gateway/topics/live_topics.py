"""
The topics that live on this node: found by name, started by the first word for them, forgotten when they end.

A name has one topic at a time. While one is ending (the `on_stop` of its app code may still save), what it is told
waits here, and goes to the next one behind what the old one had not handled: so everybody's words keep their order.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from actors import ActorDeadError, ActorRef, MailboxFull

from ..limits.shared_buckets import NOBODY
from ..limits.token_bucket import too_many
from ..messages.topic_messages import Depart, Settle, Submit
from ..reasons import Refused
from .answers import answer
from .topic import TopicActor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..node import Node

MAX_WAITING = 10_000
"""Commands that wait for the next topic of one name: two seconds of what 100 clients may say, or a second's joins."""

PORTION = 100
"""Topics that are asked to settle between two turns of everybody else; 5 ms. All that may live would be 5 s."""


class LiveTopics:
    """At most one actor a name, whoever asks first; plain threads publish as well."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._refs: dict[str, ActorRef[TopicActor]] = {}
        self._waiting: dict[str, deque[object]] = {}
        """For the next topic of a name whose last one is ending."""
        self._changing = threading.Lock()
        self.supervisor: ActorRef[Any]
        """/topics; there from `Node.grow` on."""

    def tell(self, name: str, message: object, creator: str = NOBODY) -> None:
        """
        Tells a topic, which is started if it does not live.

        Args:
            creator: Whose quota a topic counts for that has to be started, as `shared_buckets.key_of` says it.

        Raises:
            Refused: The topic, or the node, has too much.
            ActorDeadError: The tree is going down.
        """
        ref: ActorRef[TopicActor] | None = self._refs.get(name)
        if ref is None or not ref.is_alive():
            ref = self._start_or_wait(name, message, creator)
        if ref is None:
            return
        try:
            ref.tell(message)
        except ActorDeadError:  # it ended between the look and the put, on another thread
            self.tell(name, message, creator)
        except MailboxFull as error:
            raise _too_much(name) from error

    def tell_if_live(self, name: str, message: object) -> bool:
        """
        Tells a topic if it lives, or may live again by what waits for it, and starts none. Loop thread only.

        Returns:
            Whether it was told. If not, the topic has ended, and has told its members so.
        """
        ref = self._refs.get(name)
        if ref is not None and ref.is_alive():
            ActorRef.tell(ref, message)  # past any bound: the last word of a member, or its place would stay taken
            return True
        return self._keep(name, (message,))

    def hand_over(self, name: str, messages: Sequence[object]) -> None:
        """The last words of a topic that ends: what it was told and will not handle, in order."""
        self._keep(name, messages, is_older=True)

    def names(self) -> tuple[str, ...]:
        """In the order in which they were started."""
        return tuple(name for name, ref in self._refs.items() if ref.is_alive())

    def is_live(self, name: str) -> bool:
        """Whether somebody may be in it: it has an actor that has not ended, be it in a restart."""
        ref = self._refs.get(name)
        return ref is not None and ref.is_alive()

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
        loop, asked = asyncio.get_running_loop(), []
        deadline = loop.time() + seconds
        for ref in tuple(self._refs.values()):
            if ref.is_alive():
                left = max(0.0, deadline - loop.time())
                asked.append(loop.create_task(ref.request(Settle(), timeout=left)))
                if len(asked) % PORTION == 0:
                    await asyncio.sleep(0)
        await asyncio.gather(*asked, return_exceptions=True)

    def _check_has_room(self) -> None:
        most = self._node.limits.max_topics
        if len(self._refs) >= most:
            raise Refused("limit_exceeded", f"this node has {most} topics already", temporary=True)

    def _check_may_create(self, creator: str) -> None:
        wait = self._node.quotas.wait_to_create(creator, self._node.now()) if creator else 0.0
        if wait > 0.0:
            raise too_many(wait, "too many new topics from your address; ")

    # --- one after the other

    def _start_or_wait(self, name: str, message: object, creator: str) -> ActorRef[TopicActor] | None:
        """The topic that lives by now, or a new one. None: the old one is not gone yet, and the message waits."""
        with self._changing:
            waiting, ref = self._waiting.get(name), self._refs.get(name)
            if waiting is None and ref is not None and ref.is_alive():
                return ref
            if waiting is None:
                is_ending = self._ending(name) is not None
                if not is_ending:
                    self._check_has_room()  # first: a topic that does not come to life counts for nobody
                self._check_may_create(creator)
                if not is_ending:
                    ref = self._refs[name] = self._spawn(name)
                    return ref
            elif len(waiting) >= MAX_WAITING:
                raise _too_much(name)
        return None if self._keep(name, (message,)) else self._start_or_wait(name, message, NOBODY)

    def _ending(self, name: str) -> ActorRef[Any] | None:
        """The topic of that name that takes nothing more and is not gone."""
        ref = self.supervisor._relations().children.get(name)
        return ref if ref is not None and not ref.is_alive() else None

    def _keep(self, name: str, messages: Sequence[object], *, is_older: bool = False) -> bool:
        """Puts them where they wait for the next topic; False if no topic of that name is ending."""
        with self._changing:
            waiting, ending = self._waiting.get(name), self._ending(name)
            if waiting is None and ending is None:
                return False
            is_first = waiting is None
            waiting = self._waiting.setdefault(name, deque())
            if is_older:
                waiting.extendleft(reversed(messages))
            else:
                waiting.extend(messages)
        if is_first:
            assert ending is not None
            ending.terminated.add_done_callback(lambda: self._succeed(name))
        return True

    def _succeed(self, name: str) -> None:
        """The old one is gone: the next one gets what waited, unless these are the last words of members only."""
        with self._changing:
            waiting = self._waiting.pop(name)
            if all(isinstance(message, Depart) for message in waiting):
                return
            try:
                ref = self._spawn(name)
            except Refused as refusal:
                error = refusal
            except ActorDeadError:  # the tree is going down
                error = Refused("shutting_down")
            else:
                for message in waiting:
                    ActorRef.tell(ref, message)  # past any bound: it was taken before
                self._refs[name] = ref
                return
        for message in waiting:  # not under the lock: who is answered may say something to a topic
            if isinstance(message, Submit):
                answer(message.origin, message.command.reply, error)

    def _spawn(self, name: str) -> ActorRef[TopicActor]:
        self._check_has_room()
        node = self._node
        settings, behaviour = node.settings_of(name), node.behaviour_for(name)
        return node.system.spawn(TopicActor, node, name, settings, behaviour, under=self.supervisor, name=name)


def _too_much(name: str) -> Refused:
    return Refused("too_many_requests", f"{name} has as much to do as it may; come back in a moment")
