"""Tokens of topics: they stand for the permission, for that topic alone, and for as long as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from gateway.access.identity import Principal
from tests.support.issuer import token, with_auth
from tests.support.peer import KEPT, PLAIN, Peer, passes, start_node
from tests.support.wire_peers import Centrifuge

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_a_topics_token_stands_for_the_permission(system: ActorSystem) -> None:
    """With it a client joins what is closed to all, and is seen with the info it carries."""
    node = await start_node(system, with_auth({"secret": attrs.evolve(KEPT, join="nobody"), "*": PLAIN}))
    one = Centrifuge(node)
    await one.connects(token=token(node))
    (refused,) = await one.asks(subscribe={"channel": "secret"})
    assert refused["error"]["code"] == 103
    (wrong,) = await one.asks(subscribe={"channel": "secret", "token": token(node, channel="secret", lasts=-1)})
    assert wrong["error"]["code"] == 109
    (joined,) = await one.asks(
        subscribe={"channel": "secret", "token": token(node, channel="secret", info={"seat": 1})}
    )
    assert joined["subscribe"]["recoverable"]
    (seen,) = await one.asks(presence={"channel": "secret"})
    assert seen["presence"]["presence"]["c"]["chan_info"] == {"seat": 1}


async def test_a_topics_token_opens_it_on_the_native_wire_too(system: ActorSystem) -> None:
    """`join_room` with a `token`; one that was made for something else closes for good, as everywhere."""
    node = await start_node(system, with_auth({"secret": attrs.evolve(KEPT, join="nobody"), "*": PLAIN}))
    ada = Peer(node, "ada", principal=Principal("ada"))
    (refused,) = await ada.says("join_room", room="secret")
    assert refused["error"]["reason"] == "permission_denied"
    joined = await ada.joins("secret", token=token(node, channel="secret", info={"seat": 1}))
    assert joined["status"] == "joined"
    (read,) = await ada.says("presence", room="secret")
    assert read["members"][0]["info"] == {"seat": 1}
    eve = Peer(node, "eve", principal=Principal("eve"))
    await eve.says("join_room", room="secret", token=token(node, "eve", channel="other"))
    assert (eve.closed.code, eve.closed.ended_by) == (3500, "auth")


async def test_a_topics_token_of_another_topic_closes_for_good(system: ActorSystem) -> None:
    """It was made for something else: somebody is trying things out."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    await one.connects(token=token(node))
    await one.asks(subscribe={"channel": "kept1", "token": token(node, channel="kept2")})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3500


async def test_a_topics_token_that_ends_ends_the_membership_after_the_grace(system: ActorSystem) -> None:
    """2501 and the client comes back with another; one renewed in time goes on."""
    node = await start_node(system, with_auth({"*": KEPT}, refresh_grace=20.0))
    one = Centrifuge(node)
    await one.connects(token=token(node))
    for channel in ("a", "b"):
        (joined,) = await one.asks(subscribe={"channel": channel, "token": token(node, channel=channel, lasts=30)})
        assert joined["subscribe"]["expires"] is True
        assert 29 <= joined["subscribe"]["ttl"] <= 30
    await passes(25.0)
    (renewed,) = await one.asks(sub_refresh={"channel": "b", "token": token(node, channel="b", lasts=3600)})
    assert 3599 <= renewed["sub_refresh"]["ttl"] <= 3600
    await passes(30.0)
    pushes = [frame["push"] for frame in one.heard() if "push" in frame]
    assert [(push["channel"], push["unsubscribe"]["code"]) for push in pushes] == [("a", 2501)]
    assert one.socket.sent_close is None
