"""
What app code asks of topics from outside their turns: the commands of a client, without a connection or a permission.

Each goes into the topic's mailbox as those of clients do, so both have one order. What only reads who is there now does
not wait for a turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..access.identity import Principal
from ..amounts import check_flag
from ..messages.commands import InTurn, PresenceRead, Publish, Published, ReadHistory, ReadPresence, Reply
from ..messages.publications import clients, encode_payload, event_named
from ..messages.receipts import Receipt
from ..messages.topic_messages import Origin, Submit
from ..reasons import Refused
from .member import Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engines.stream import Position
    from ..messages.commands import HistoryRead
    from ..node import Node
    from .topic import TopicActor

APP = Origin(None, "", Principal("app", frozenset(("app",))))
"""Who publishes when app code does: no connection, and no permission is asked."""


class AppCommands:
    """Of one node. Refusals come from what is returned, never from the call, so a thread can ignore them."""

    def __init__(self, node: Node) -> None:
        self._node = node

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
        if save is not None:
            check_flag("save_history", save)
        encoded, kind = encode_payload(payload)
        receipt: Receipt[Any] = Receipt(f"publish to {topic}", self._node.receipt_lost)
        reply = Reply("publish", topic=topic, receipt=receipt)
        named, but = event_named(event, payload), clients(exclude)
        command = Publish(topic, reply, encoded, kind, named, but, save, key, conflate=conflate)
        self._submit(topic, command, receipt, publisher)
        return receipt

    def handle(self, topic: str, event: str, payload: object, origin: Origin) -> Receipt[Any]:
        """As if that client had sent the event, which it needs no permission for. Any thread."""
        encoded, kind = encode_payload(payload)
        receipt: Receipt[Any] = Receipt(f"handle {event} in {topic}", self._node.receipt_lost)
        reply = Reply("publish", topic=topic, receipt=receipt)
        self._submit(topic, Publish(topic, reply, encoded, kind, event), receipt, origin)
        return receipt

    def members(self, topic: str) -> tuple[Member, ...]:
        """Those of this node, now."""
        machine = self._node.live.machine(topic)
        return () if machine is None else tuple(Member.of(machine, one) for one in machine.members())

    async def presence(self, topic: str) -> PresenceRead:
        receipt: Receipt[Any] = Receipt(f"presence of {topic}", self._node.receipt_lost)
        self._submit(topic, ReadPresence(topic, Reply("presence", topic=topic, receipt=receipt)), receipt)
        read: PresenceRead = await receipt
        return read

    async def history(
        self, topic: str, limit: int | None = None, *, since: Position | None = None, reverse: bool = False
    ) -> HistoryRead:
        check_flag("reverse", reverse)
        receipt: Receipt[Any] = Receipt(f"history of {topic}", self._node.receipt_lost)
        reply = Reply("history", topic=topic, receipt=receipt)
        self._submit(topic, ReadHistory(topic, reply, since, limit, reverse), receipt)
        read: HistoryRead = await receipt
        return read

    def clear_history(self, topic: str) -> Receipt[None]:
        """Forgets what a topic keeps, in order with what is published; positions go on. Any thread."""
        return self.in_turn(topic, lambda _: self._node.engine.clear(topic), "clear history of")

    def in_turn(self, topic: str, act: Callable[[TopicActor], Any], what: str) -> Receipt[Any]:
        """Does something to a topic, in order with what it is told before and after. Any thread."""
        receipt: Receipt[Any] = Receipt(f"{what} {topic}", self._node.receipt_lost)
        self._submit(topic, InTurn(topic, Reply(topic=topic, receipt=receipt), act), receipt)
        return receipt

    def _submit(self, topic: str, command: Any, receipt: Receipt[Any], origin: Origin | None = None) -> None:
        try:
            self._node.check_open()
            self._node.live.tell(topic, Submit(origin or APP, command))
        except Refused as error:
            receipt.fail(error)
