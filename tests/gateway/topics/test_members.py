"""Members: grouped by how they read, in the order in which they came."""

from __future__ import annotations

from typing import Any, cast

from gateway.access.identity import ANONYMOUS
from gateway.messages.presence import PresenceDiff
from gateway.messages.publications import Delivery, PresenceChange, Publication
from gateway.protocols.native import NativeWire
from gateway.protocols.raw import RawWire
from gateway.topics.members import Members, Membership, excluded
from tests.support.joins import a_join

ROOM = NativeWire(says_hello=False).variant(a_join("room", presence=False))
BARE = RawWire().variant(a_join("room", presence=False))


def membership(client: str, generation: int = 1, variant: Any = ROOM) -> Membership:
    """A member whose ref is its name."""
    return Membership(cast("Any", f"ref of {client}"), client, ANONYMOUS, generation, variant, "room", "p")


def names(refs: tuple[Any, ...]) -> list[str]:
    return list(refs)


def members(*those: Membership) -> Members:
    found = Members()
    for one in those:
        found.add(one)
    return found


def test_they_stand_in_the_order_of_their_joins() -> None:
    """Over all groups."""
    found = members(membership("a"), membership("b", variant=BARE), membership("c"))
    assert [one.client for one in found] == ["a", "b", "c"]
    assert len(found) == 3
    assert found.get("b") is not None
    assert found.get("d") is None


def test_who_reads_alike_is_one_group() -> None:
    """Items are framed once per group; its refs follow who comes and goes."""
    found = members(membership("a"), membership("b", variant=BARE), membership("c"))
    assert {variant: names(group.refs) for variant, group in found.groups.items()} == {
        ROOM: ["ref of a", "ref of c"],
        BARE: ["ref of b"],
    }
    assert found.groups[ROOM].refs is found.groups[ROOM].refs
    found.remove("a", 1)
    assert names(found.groups[ROOM].refs) == ["ref of c"]
    found.remove("b", 1)
    assert list(found.groups) == [ROOM]


def test_removal_is_by_generation() -> None:
    """What concerns an earlier membership of the same connection changes nothing."""
    found = members(membership("a", generation=2))
    assert found.remove("a", 1) is None
    assert found.remove("b", 2) is None
    ended = found.remove("a", 2)
    assert ended is not None
    assert (ended.client, len(found), found.groups) == ("a", 0, {})


def test_both_kinds_of_items_say_whom_they_exclude() -> None:
    """Publications and presence changes."""
    publication = Publication("t", b"1", 0.0, exclude=frozenset(("a",)))
    assert excluded(Delivery(publication, None)) == {"a"}
    assert excluded(PresenceChange("t", PresenceDiff((), ()), frozenset(("b",)))) == {"b"}
