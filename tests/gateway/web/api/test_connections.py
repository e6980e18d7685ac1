"""Methods of the HTTP API about the connections of a user: subscribe, unsubscribe, disconnect and refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.back_end import Asking, code
from tests.support.peer import settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_a_user_is_subscribed_wherever_it_is_connected(system: ActorSystem) -> None:
    """All of its connections, or the one that is named; nobody else, and no connection of another user."""
    ask = Asking(await start_node(system))
    a1, a2, b1 = ask.peer("a1", "ada"), ask.peer("a2", "ada"), ask.peer("b1", "bob")
    assert await ask("subscribe", user="ada", channel="kept", info={"by": "us"}) == {}
    assert await ask("subscribe", user="ada", channel="plain", client="a2") == {}
    assert await ask("subscribe", user="ada", channel="plain", client="b1") == {}
    assert await ask("subscribe", user="nobody", channel="plain") == {}
    present = (await ask("presence", channel="kept"))["presence"]
    assert {client: one["chan_info"] for client, one in present.items()} == {"a1": {"by": "us"}, "a2": {"by": "us"}}
    await ask("broadcast", channels=["kept", "plain"], data="x")
    assert [len(peer.events()) for peer in (a1, a2, b1)] == [1, 2, 0]


async def test_a_subscription_that_is_refused_is_answered(system: ActorSystem) -> None:
    """106: this connection is in as many topics as it may be."""
    node = await start_node(system)
    ask = Asking(node)
    ask.peer("a1", "ada")
    for number in range(node.limits.max_topics_per_connection):
        await ask("subscribe", user="ada", channel=f"c{number}")
    assert await code(ask("subscribe", user="ada", channel="one too many")) == 106


async def test_who_is_in_a_topic_already_stays_there_as_it_is(system: ActorSystem) -> None:
    """However it came in: it reads on in its own words, and the others see nobody come or go."""
    ask = Asking(await start_node(system))
    own, given, other = ask.peer("own", "ada"), ask.peer("given", "ada"), ask.peer("other", "bob")
    await other.joins("kept", presence=True)
    await own.joins("kept", presence=True)
    await ask("subscribe", user="ada", client="given", channel="kept")
    others_before = (await ask("presence", channel="kept"))["presence"]
    assert list(others_before) == ["other", "own", "given"]
    for peer in (own, given, other):
        peer.heard()
    assert await ask("subscribe", user="ada", channel="kept", info={"by": "us"}) == {}
    assert [peer.heard() for peer in (own, given, other)] == [[], [], []]
    assert (await ask("presence", channel="kept"))["presence"] == others_before
    await other.says("publish", room="kept", payload=1)
    assert [one["room"] for one in own.heard()] == ["kept"]
    assert [one["channel"] for one in given.heard()] == ["kept"]


async def test_a_user_is_unsubscribed(system: ActorSystem) -> None:
    """One connection, or all of them; once more is no error."""
    ask = Asking(await start_node(system))
    peers = [ask.peer("a1", "ada"), ask.peer("a2", "ada")]
    for peer in peers:
        await peer.joins("kept")
    await ask("unsubscribe", user="ada", channel="kept", client="a1")
    assert list((await ask("presence", channel="kept"))["presence"]) == ["a2"]
    for _ in range(2):
        assert await ask("unsubscribe", user="ada", channel="kept") == {}
    assert (await ask("presence", channel="kept"))["presence"] == {}
    await ask("publish", channel="kept", data=1)
    assert [peer.events() for peer in peers] == [[], []]


async def test_a_user_is_disconnected_for_good(system: ActorSystem) -> None:
    """3503, after which clients do not come back; the others stay."""
    ask = Asking(await start_node(system))
    a1, a2, b1 = ask.peer("a1", "ada"), ask.peer("a2", "ada"), ask.peer("b1", "bob")
    assert await ask("disconnect", user="ada") == {}
    await settle()
    assert [peer.socket.sent_close for peer in (a1, a2)] == [(3503, "disconnected by the server")] * 2
    assert b1.socket.sent_close is None


async def test_one_client_is_disconnected_and_others_are_kept(system: ActorSystem) -> None:
    """With a code and a reason of the back end's own; only if the client is of that user."""
    ask = Asking(await start_node(system))
    a1, a2, a3 = (ask.peer(name, "ada") for name in ("a1", "a2", "a3"))
    await ask("disconnect", user="bob", client="a1")
    await ask("disconnect", user="ada", client="a1", disconnect={"code": 4100, "reason": "moved"})
    await settle()
    assert [peer.socket.sent_close for peer in (a1, a2, a3)] == [(4100, "moved"), None, None]
    await ask("disconnect", user="ada", whitelist=["a3"], disconnect={"reason": "bye"})
    await settle()
    assert [peer.socket.sent_close for peer in (a2, a3)] == [(3503, "bye"), None]


@pytest.mark.parametrize("disconnect", [{"code": 1005}, {"code": 99}, {"code": 4000, "reason": "x" * 124}])
async def test_a_close_that_no_frame_can_carry_is_refused(system: ActorSystem, disconnect: dict[str, Any]) -> None:
    """And nobody is disconnected."""
    ask = Asking(await start_node(system))
    a1 = ask.peer("a1", "ada")
    assert await code(ask("disconnect", user="ada", disconnect=disconnect)) == 107
    await settle()
    assert a1.socket.sent_close is None


async def test_an_identity_can_be_ended_and_not_made_longer(system: ActorSystem) -> None:
    """3005: the client comes back with a newer token. Without a word about its end nothing changes."""
    ask = Asking(await start_node(system))
    a1, a2 = ask.peer("a1", "ada"), ask.peer("a2", "ada")
    assert await ask("refresh", user="ada") == {}
    assert await code(ask("refresh", user="ada", expire_at=ask.node.wall() + 60)) == 108
    await settle()
    assert a1.socket.sent_close is None
    await ask("refresh", user="ada", client="a1", expired=True)
    await ask("refresh", user="ada", client="a2", expire_at=ask.node.wall() - 1)
    await settle()
    assert [peer.socket.sent_close for peer in (a1, a2)] == [(3005, "connection expired")] * 2
