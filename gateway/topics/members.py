"""Who is in a topic: grouped by how they read it, so that a turn's items are framed once per group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..messages.publications import Delivery, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors import ActorRef

    from ..access.identity import Principal
    from ..messages.commands import Face
    from ..protocols.base import Variant


@attrs.define(eq=False, weakref_slot=False)
class Membership:
    """One connection in one topic. `generation` tells it from an earlier membership of the same connection."""

    connection: ActorRef[Any]
    client: str
    principal: Principal
    generation: int
    variant: Variant
    face: Face
    presence_ref: str
    params: object = None
    info: Any = None
    presence_key: str | None = None
    """What tells that somebody who joins is this one come back; see `lingering`."""


class Group:
    """Members that read the same bytes. The tuple of refs is made anew when somebody comes or goes, not per turn."""

    __slots__ = ("_refs", "members")

    def __init__(self) -> None:
        self.members: dict[str, Membership] = {}
        self._refs: tuple[ActorRef[Any], ...] | None = None

    def add(self, member: Membership) -> None:
        self.members[member.client] = member
        self._refs = None

    def remove(self, client: str) -> None:
        del self.members[client]
        self._refs = None

    @property
    def refs(self) -> tuple[ActorRef[Any], ...]:
        if self._refs is None:
            self._refs = tuple(member.connection for member in self.members.values())
        return self._refs


class Members:
    """The members of a topic on this node, in the order in which they joined."""

    def __init__(self) -> None:
        self._by_client: dict[str, Membership] = {}
        self.groups: dict[Variant, Group] = {}

    def __len__(self) -> int:
        return len(self._by_client)

    def __iter__(self) -> Iterator[Membership]:
        return iter(self._by_client.values())

    def get(self, client: str) -> Membership | None:
        return self._by_client.get(client)

    def add(self, member: Membership) -> None:
        self._by_client[member.client] = member
        group = self.groups.get(member.variant)
        if group is None:
            group = self.groups[member.variant] = Group()
        group.add(member)

    def remove(self, client: str, generation: int) -> Membership | None:
        """The membership that ended; None if that client has none, or another one by now."""
        member = self._by_client.get(client)
        if member is None or member.generation != generation:
            return None
        del self._by_client[client]
        group = self.groups[member.variant]
        group.remove(client)
        if not group.members:
            del self.groups[member.variant]
        return member


def excluded(item: Item) -> frozenset[str]:
    return item.publication.exclude if isinstance(item, Delivery) else item.exclude
