"""Who applies the diffs of a presence, as clients do, holds what it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.presence import Presence, PresenceDiff, Present

acts = st.tuples(
    st.sampled_from(["join", "leave", "late leave", "update", "join again"]),
    st.sampled_from("abc"),
    st.sampled_from(["", "ann", "bob"]),
    st.sampled_from([None, b"1", b"2"]),
)


def play(played: list[tuple[str, str, str, bytes | None]]) -> tuple[Presence, list[PresenceDiff], list[str]]:
    """Plays joins, leaves and updates with fresh refs; every diff that came of them, and who joined in which order."""
    presence, diffs, refs = Presence(), [], {client: ["none"] for client in "abc"}
    order: list[str] = []
    for number, (act, client, user, info) in enumerate(played):
        new, current = f"r{number}", refs[client][-1]
        if act == "join":
            diff = presence.join(Present(client, user, new, info))
            refs[client].append(new)
        elif act == "join again":
            diff = presence.join(Present(client, user, current, info))
        elif act == "update":
            diff = presence.update(client, current, info=info, new_ref=new)
            refs[client].extend([new] if diff else [])
        else:
            diff = presence.leave(client, current if act == "leave" else refs[client][0])
        if diff is not None and act != "update":
            order = [other for other in order if other != client] + [client] * len(diff.joins)
        diffs.extend([diff] if diff else [])
    return presence, diffs, order


def replica(diffs: list[PresenceDiff]) -> Presence:
    """A presence that knows only the diffs."""
    copy = Presence()
    for diff in diffs:
        for left in diff.leaves:
            copy.leave(left.client, left.ref)
        for joined in diff.joins:
            copy.join(joined)
    return copy


def held(presence: Presence) -> tuple[set[Present], int, int]:
    """All that can be seen of a presence except the order, which an update keeps only where it happens."""
    return set(presence.members()), len(presence), presence.users


@given(st.lists(acts, max_size=40))
def test_a_replica_holds_the_same(played: list[tuple[str, str, str, bytes | None]]) -> None:
    """Diffs, applied in order, give the members."""
    presence, diffs, _ = play(played)
    assert held(replica(diffs)) == held(presence)


@given(st.lists(acts, max_size=40))
def test_counts_are_those_of_the_members(played: list[tuple[str, str, str, bytes | None]]) -> None:
    """Clients and users are derived, and members stand in the order of their joins."""
    presence, _, order = play(played)
    members = presence.members()
    assert len(presence) == len({member.client for member in members})
    assert presence.users == len({member.user for member in members})
    assert [member.client for member in members] == order
