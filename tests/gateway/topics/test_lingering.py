"""A page that is loaded again has neither left nor come; whoever really goes has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.identity import Principal
from gateway.messages.presence import Present
from gateway.topics.lingering import Lingering, key_of
from tests.support.peer import KEPT, Peer, changed, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem

ADA = Principal("ada")
GRACE = KEPT.presence_grace


def present(client: str) -> Present:
    return Present(client, "ada", f"ref-{client}", None)


def comings(heard: list[Any]) -> list[tuple[list[str], list[str]]]:
    """Who joined and who left, frame by frame."""
    return [
        ([one["client"] for one in frame["joins"]], [one["client"] for one in frame["leaves"]])
        for frame in heard
        if frame.get("action") == "presence" and "joins" in frame
    ]


# --- at a topic


async def test_a_reload_is_one_change(system: ActorSystem) -> None:
    """Whoever comes back under the same principal takes its own place: nobody sees the room without it."""
    node = await start_node(system)
    watcher, before = Peer(node, "watcher"), Peer(node, "before", principal=ADA)
    await watcher.joins("kept", presence=True)
    await before.joins("kept")
    watcher.heard()
    before.socket.end()
    await passes(GRACE / 2)
    after = Peer(node, "after", principal=ADA)
    await after.joins("kept")
    assert comings(watcher.heard()) == [(["after"], ["before"])]
    await passes(2 * GRACE)
    assert comings(watcher.heard()) == []
    read = await watcher.says("presence", room="kept")
    assert {one["client"] for one in read[0]["members"]} == {"watcher", "after"}


async def test_who_does_not_come_back_in_time_has_left(system: ActorSystem) -> None:
    """Until then it is still shown; `presence_grace` says how long."""
    grace = 10.0
    node = await start_node(system, settings({"kept*": changed(KEPT, presence_grace=grace)}))
    watcher, gone = Peer(node, "watcher"), Peer(node, "gone", principal=ADA)
    await watcher.joins("kept", presence=True)
    await gone.joins("kept")
    watcher.heard()
    gone.socket.end()
    await passes(grace * 0.9)
    (read,) = await watcher.says("presence", room="kept")
    assert [one["client"] for one in read["members"]] == ["watcher", "gone"]
    await passes(grace * 0.2)
    assert comings(watcher.heard()) == [([], ["gone"])]


async def test_a_grace_of_nothing_ends_it_at_once(system: ActorSystem) -> None:
    """As configured: `presence_grace = 0` is the plain truth about connections."""
    node = await start_node(system, settings({"kept*": changed(KEPT, presence_grace=0.0)}))
    watcher, gone = Peer(node, "watcher"), Peer(node, "gone", principal=ADA)
    await watcher.joins("kept", presence=True)
    await gone.joins("kept")
    watcher.heard()
    gone.socket.end()
    await settle()
    assert comings(watcher.heard()) == [([], ["gone"])]


async def test_who_leaves_on_purpose_has_left_at_once(system: ActorSystem) -> None:
    """A grace is for connections that end, not for people who go; neither is it for those who cannot be known again."""
    node = await start_node(system)
    watcher, ada, nobody = Peer(node, "watcher"), Peer(node, "ada", principal=ADA), Peer(node, "nobody")
    await watcher.joins("kept", presence=True)
    for peer in (ada, nobody):
        await peer.joins("kept")
    watcher.heard()
    await ada.says("leave_room", room="kept")
    nobody.socket.end()
    await settle()
    assert comings(watcher.heard()) == [([], ["ada"]), ([], ["nobody"])]


async def test_a_session_tells_the_anonymous_apart(system: ActorSystem) -> None:
    """Who names the same session is the same; another session takes nobody's place."""
    node = await start_node(system)
    watcher, before = Peer(node, "watcher"), Peer(node, "before")
    await watcher.joins("kept", presence=True)
    await before.joins("kept", session="s-1")
    watcher.heard()
    before.socket.end()
    await settle()
    await Peer(node, "other").joins("kept", session="s-2")
    await Peer(node, "after").joins("kept", session="s-1")
    assert comings(watcher.heard()) == [(["other"], []), (["after"], ["before"])]


async def test_a_session_that_is_too_long_is_refused(system: ActorSystem) -> None:
    """It is kept with each membership, so it has a bound."""
    node = await start_node(system)
    (answer,) = await Peer(node, "ada").says("join_room", room="kept", session="x" * 65)
    assert answer["status"] == "error"
    assert "session" in str(answer)


# --- by itself


def test_nobody_takes_the_place_of_another_principal() -> None:
    """A session belongs to the principal that names it."""
    assert key_of("ada", "s") != key_of("eve", "s")
    assert key_of("", "s") != key_of("ada", "s")
    assert key_of("ada", None) == "ada"
    assert key_of("", None) is None
    assert key_of("", "") is None


@given(st.lists(st.tuples(st.sampled_from("keg"), st.sampled_from("abc"), st.sampled_from("kte"))))
def test_what_lingers_is_what_was_kept_and_not_ended(steps: list[tuple[str, str, str]]) -> None:
    """Against a plain list: an entry comes out once, the oldest of its key first, and the bound is never passed."""
    lingering, model = Lingering(max_entries=3), list[tuple[str, str]]()
    for key, client, step in steps:
        if step == "k" and (key, client) not in model:
            kept = lingering.keep(key, present(client))
            assert kept == (len(model) < 3)
            if kept:
                model.append((key, client))
        elif step == "t":
            mine = [one for one in model if one[0] == key]
            taken = lingering.take(key)
            assert (taken and taken.client) == (mine[0][1] if mine else None)
            model = [one for one in model if one != (mine or [None])[0]]
        elif step == "e":
            ended = lingering.end(key, client)
            assert (ended is not None) == ((key, client) in model)
            model = [one for one in model if one != (key, client)]
        assert len(lingering) == len(model)
