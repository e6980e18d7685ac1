"""A replica that applies the diffs, one by one or merged, holds what the original holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.presence import Presence, PresenceDiff, Present, merge

acts = st.tuples(
    st.sampled_from(["join", "leave", "late leave", "update", "join again"]),
    st.sampled_from("abc"),
    st.sampled_from(["", "ann", "bob"]),
    st.sampled_from([None, b"1", b"2"]),
)


def play(played: list[tuple[str, str, str, bytes | None]]) -> tuple[Presence, list[PresenceDiff]]:
    """Plays joins, leaves and updates with fresh refs, and returns every diff that came of them."""
    presence, diffs, refs = Presence(), [], {client: ["none"] for client in "abc"}
    for number, (act, client, user, info) in enumerate(played):
        new, current = f"r{number}", refs[client][-1]
        if act == "join":
            diff = presence.join(Present(client, user, new, info, float(number)))
            refs[client].append(new)
        elif act == "join again":
            diff = presence.join(Present(client, user, current, info, float(number)))
        elif act == "update":
            diff = presence.update(client, current, info=info, new_ref=new)
            refs[client].extend([new] if diff else [])
        else:
            diff = presence.leave(client, current if act == "leave" else refs[client][0])
        diffs.extend([diff] if diff else [])
    return presence, diffs


def replica(diffs: list[PresenceDiff]) -> Presence:
    """A presence that knows only the diffs."""
    copy = Presence()
    for diff in diffs:
        copy.apply(diff)
    return copy


def held(presence: Presence) -> tuple[set[Present], int, int]:
    """All that can be seen of a presence except the order, which an update keeps only where it happens."""
    return set(presence.members()), presence.clients, presence.users


@given(st.lists(acts, max_size=40))
def test_a_replica_holds_the_same(played: list[tuple[str, str, str, bytes | None]]) -> None:
    """Diffs, applied in order, give the members."""
    presence, diffs = play(played)
    assert held(replica(diffs)) == held(presence)


@given(st.lists(acts, max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_merged_is_the_same_as_one_after_the_other(
    played: list[tuple[str, str, str, bytes | None]], start: int, end: int
) -> None:
    """Any run of diffs may be merged into one."""
    presence, diffs = play(played)
    start, end = sorted((min(start, len(diffs)), min(end, len(diffs))))
    merged = merge(diffs[start:end])
    assert held(replica([*diffs[:start], *([merged] if merged else []), *diffs[end:]])) == held(presence)


@given(st.lists(acts, max_size=40), st.integers(0, 40))
def test_merging_in_parts_is_merging_at_once(played: list[tuple[str, str, str, bytes | None]], cut: int) -> None:
    """merge(merge(a), merge(b)) says the same as merge(a + b)."""
    _, diffs = play(played)
    parts = [part for part in (merge(diffs[:cut]), merge(diffs[cut:])) if part]
    whole, twice = merge(diffs), merge(parts)
    assert (whole is None) == (twice is None)
    if whole and twice:
        assert (set(whole.joins), set(whole.leaves)) == (set(twice.joins), set(twice.leaves))


@given(st.lists(acts, max_size=40))
def test_counts_are_those_of_the_members(played: list[tuple[str, str, str, bytes | None]]) -> None:
    """Clients and users are derived, and members stand in the order of their joins."""
    presence, _ = play(played)
    members = presence.members()
    assert presence.clients == len(presence) == len({member.client for member in members})
    assert presence.users == len({member.user for member in members})
    assert [member.joined_at for member in members] == sorted(member.joined_at for member in members)
