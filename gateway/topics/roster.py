"""Who is in a topic, and who is told so: its members, the others, its app code, and those who watch facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..events import RoomJoined, RoomLeft
from ..messages.commands import PresenceRead
from ..messages.presence import Presence, PresenceDiff, Present
from ..messages.publications import Delivery, Sender
from ..messages.topic_messages import Emptied, LingerOver, MemberLeft, Removed
from ..reasons import Refused
from .lingering import Lingering

if TYPE_CHECKING:
    from ..access.identity import Principal
    from ..messages.publications import Publication
    from ..node import Node
    from ..settings.topic import TopicSettings
    from .app_code import AppCode
    from .member import Member
    from .members import Membership
    from .order import Order
    from .topic import TopicActor


class Roster:
    """
    Members come and go here, and nowhere else.

    A member hears everything from its join to its leave, and no more.
    """

    def __init__(self, topic: TopicActor, node: Node, order: Order, code: AppCode, settings: TopicSettings) -> None:
        self._topic = topic
        self._node = node
        self._order = order
        self._code = code
        self._members = order.members
        self._presence = Presence() if settings.presence else None
        self._grace = settings.presence_grace
        self._lingering = Lingering()

    def __len__(self) -> int:
        return len(self._members)

    def get(self, client: str) -> Membership | None:
        return self._members.get(client)

    def all(self) -> tuple[Membership, ...]:
        """In the order in which they joined."""
        return tuple(self._members)

    def who(self) -> PresenceRead | Refused:
        """Everybody here, in order with what the others were told of who came and went."""
        if self._presence is None:
            return Refused("not_available", f"{self._topic.name} keeps no presence")
        self._order.flush()
        return PresenceRead(self._presence.members(), self._presence.users)

    def sender_of(self, client: str, principal: Principal) -> Sender:
        """How a client is shown as the sender of what it publishes here."""
        member = self._members.get(client)
        return Sender(client, principal.id, principal.info, None if member is None else member.info)

    # --- coming

    def enter(self, member: Membership) -> None:
        """A new member."""
        self._order.enter(member)
        if self._presence is not None:
            self._announce(member, self._presence)
        self._node.events.publish(RoomJoined(self._topic.name, member.client, member.principal.id))

    def here(self) -> tuple[Present, ...] | None:
        """Who is here; None in a topic that keeps no presence."""
        return None if self._presence is None else self._presence.members()

    def _announce(self, member: Membership, presence: Presence) -> None:
        who = member.principal
        present = Present(member.client, who.id, member.presence_ref, member.info, who.info)
        but = frozenset() if member.variant.shows_own_join else frozenset((member.client,))
        former = None if member.presence_key is None else self._lingering.take(member.presence_key)
        gone = None if former is None else presence.leave(former.client, former.ref)
        self._order.change(_in_one(gone, presence.join(present)), but)

    # --- while there

    def send_to(self, client: str, publication: Publication) -> bool:
        """To one member, in order with what it was sent before; whether it is one."""
        member = self._members.get(client)
        if member is None:
            return False
        self._order.tell_one(member, [Delivery(publication, None)])
        return True

    def update(self, client: str, info: bytes | None) -> bool:
        """Changes what the others see of a member; whether it is one of a topic with presence."""
        member = self._members.get(client)
        if member is None or self._presence is None:
            return False
        new_ref = self._node.ids.presence_ref()
        diff = self._presence.update(client, member.presence_ref, info=info, new_ref=new_ref)
        if diff is not None:
            member.info, member.presence_ref = info, new_ref
            self._order.change(diff)
        return True

    # --- going

    def remove(self, client: str, generation: int, reason: str, *, lingers: bool = False) -> bool:
        """
        Ends the membership of that generation, or an earlier one, which is over with it; whether there was one.

        Args:
            lingers: Whether it may be back in a moment; the others see it until then.
        """
        member = self._members.get(client)
        if member is None or member.generation > generation:
            return False
        self._order.leave(member)
        if self._presence is not None and not (lingers and self._linger(member, self._presence)):
            self._order.change(self._presence.leave(client, member.presence_ref))
        if self._code.ref is not None:
            self.tell_code(self._topic.member(member), reason, is_empty=not self._members)
        self._node.events.publish(RoomLeft(self._topic.name, client, reason))
        return True

    def linger_over(self, key: str, client: str) -> None:
        """It has not come back in time."""
        former = self._lingering.end(key, client)
        if former is not None and self._presence is not None:
            self._order.change(self._presence.leave(client, former.ref))

    def _linger(self, member: Membership, presence: Presence) -> bool:
        key, present = member.presence_key, presence.get(member.client)
        if key is None or present is None or not self._grace or not self._lingering.keep(key, present):
            return False
        self._topic.timers.once(("linger", member.client), LingerOver(key, member.client), self._grace)
        return True

    def kick(self, client: str, reason: str, *, may_return: bool, code: int | None = None) -> bool:
        """Ends a membership; whether there was one. `code` is the application's own, for wires that have numbers."""
        member = self._members.get(client)
        if member is None:
            return False
        self.remove(client, member.generation, "kicked")
        self._tell(member, Removed(self._topic.name, member.generation, reason, may_return, code, is_kicked=True))
        return True

    def remove_all(self, reason: str) -> None:
        """The topic ends: each is told to come back, and recovers by its position."""
        for member in self.all():
            self._members.remove(member.client, member.generation)
            self._tell(member, Removed(self._topic.name, member.generation, reason, may_return=True, has_ended=True))
            self._node.events.publish(RoomLeft(self._topic.name, member.client, reason))

    def tell_code(self, left: Member, reason: str, *, is_empty: bool) -> None:
        """App code hears of the leaving of everybody it has let in, also of who did not become a member."""
        self._code.tell(MemberLeft(left, reason))
        if is_empty:
            self._code.tell(Emptied(left))

    @staticmethod
    def _tell(member: Membership, message: Removed) -> None:
        if member.connection.is_alive():
            member.connection.tell(message)


def _in_one(gone: PresenceDiff | None, come: PresenceDiff | None) -> PresenceDiff | None:
    """Somebody has taken its own place again: one change, not two."""
    if gone is None or come is None:
        return gone or come
    return PresenceDiff(come.joins, gone.leaves + come.leaves)
