"""A client of Phoenix that merges what it is told sees exactly who is there."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.presence import Presence, PresenceDiff, Present
from gateway.protocols import phoenix_presence
from tests.support import phoenix_js

CLIENTS = st.sampled_from(["c1", "c2", "c3"])
INFOS = st.sampled_from([None, b'{"n":1}', b'{"n":2}', b"7"])
STEPS = st.one_of(
    st.tuples(st.just("join"), CLIENTS, st.sampled_from(["", "ada", "bob"]), INFOS),
    st.tuples(st.just("leave"), CLIENTS),
    st.tuples(st.just("update"), CLIENTS, INFOS),
)


def happen(presence: Presence, step: tuple[Any, ...], ref: str) -> PresenceDiff | None:
    kind, client, *rest = step
    if kind == "join":
        return presence.join(Present(client, rest[0], ref, rest[1]))
    there = presence.get(client)
    if there is None:
        return None
    if kind == "leave":
        return presence.leave(client, there.ref)
    return presence.update(client, there.ref, info=rest[0], new_ref=ref)


def seen(state: dict[str, Any]) -> dict[str, Any]:
    """Without order, and without what only tells an update from a join."""
    return {
        key: {meta["phx_ref"]: {name: meta[name] for name in meta if name != "phx_ref_prev"} for meta in one["metas"]}
        for key, one in state.items()
    }


@given(st.lists(STEPS, max_size=8), st.lists(STEPS, max_size=12))
def test_diffs_lead_to_the_state(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
    """From the state at its join, diff by diff."""
    refs, presence = (f"r{number}" for number in count()), Presence()
    for step in before:
        happen(presence, step, next(refs))
    state = msgspec.json.decode(phoenix_presence.state(presence.members()))
    for step in after:
        diff = happen(presence, step, next(refs))
        if diff is not None:
            state = phoenix_js.sync_diff(state, msgspec.json.decode(phoenix_presence.diff(diff)))
        assert seen(state) == seen(msgspec.json.decode(phoenix_presence.state(presence.members())))
