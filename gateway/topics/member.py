"""A member of a topic, as app code sees it: who it is and how to reach it. No socket; it may be on another node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import wire_json
from ..amounts import check_flag
from ..messages.publications import Publication, checked_reason, encode_payload, event_named
from ..reasons import InvalidJSON

if TYPE_CHECKING:
    from ..access.identity import Principal
    from ..messages.commands import Join
    from ..messages.topic_messages import Origin
    from .members import Membership
    from .topic import TopicActor


class Member:
    """What handlers of a room or channel get. Two objects of the same connection are equal."""

    __slots__ = ("_topic", "id", "info", "params", "principal")

    def __init__(self, topic: TopicActor, client: str, principal: Principal, info: Any, params: object) -> None:
        self._topic = topic
        self.id = client
        """The connection's id."""
        self.principal = principal
        self.info = info
        """What it said of itself when it joined; decoded JSON, or None."""
        self.params = params
        """What its client sent with the join, decoded JSON that nobody has checked; None if it sent nothing."""

    @classmethod
    def of(cls, topic: TopicActor, one: Membership) -> Member:
        """Somebody who is in the topic."""
        return cls(topic, one.client, one.principal, _decoded(one.info), one.params)

    @classmethod
    def asking(cls, topic: TopicActor, origin: Origin, join: Join | None = None) -> Member:
        """Somebody who is not: about to join, or asking from outside."""
        if join is None:
            return cls(topic, origin.client, origin.principal, None, None)
        return cls(topic, origin.client, origin.principal, _decoded(join.info), join.params)

    def send(self, payload: object, *, event: str | None = None) -> bool:
        """
        To this member alone, in order with what it is sent otherwise; no offset. Whether it is a member.

        Args:
            event: None: the action of a message object, else `message`.
        """
        encoded, kind = encode_payload(payload)
        publication = Publication(self._topic.name, encoded, self._topic.wall(), kind, event_named(event, payload))
        return self._topic.send_to(self.id, publication)

    def update(self, info: object) -> bool:
        """Changes what the others see of it in presence. Whether it is a member of a topic that has that."""
        if not self._topic.update(self.id, None if info is None else wire_json.encode(info)):
            return False
        self.info = info
        return True

    def kick(self, reason: str = "kicked", *, may_return: bool = False, code: int | None = None) -> bool:
        """
        Ends its membership, not its connection. Whether it was a member.

        Args:
            may_return: Whether its client should join again by itself.
            code: For wires that have numbers here (Centrifuge: 2000-2499 final, 2500-2999 come back).

        Raises:
            TypeError: The reason is no text. ValueError: It is none that a frame could carry.
        """
        check_flag("may_return", may_return)
        return self._topic.kick(self.id, checked_reason(reason), may_return=may_return, code=code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Member {self.id} user={self.principal.id!r}>"


def _decoded(info: bytes | None) -> object:
    """What a client said of itself; None for what nested so deeply that it could be read only where it came in."""
    try:
        return None if info is None else wire_json.decode(info)
    except InvalidJSON:
        return None
