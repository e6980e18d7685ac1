"""What the methods of the HTTP API have in common: names and users they refuse, the node, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.messages.commands import Published
from gateway.messages.receipts import Receipt
from gateway.reasons import Refused
from tests.support.back_end import Asking, code
from tests.support.peer import settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_info_counts_what_is_here(system: ActorSystem) -> None:
    """One node; users once each, the anonymous not at all."""
    ask = Asking(await start_node(system))
    for name, user in (("a1", "ada"), ("a2", "ada"), ("x1", ""), ("x2", "")):
        peer = ask.peer(name, user)
        await peer.joins("kept")
    await peer.joins("plain")
    ((node),) = (await ask("info"))["nodes"]
    assert node["name"] == "here"
    assert node["uid"]
    assert node["version"]
    counts = {name: node[name] for name in ("num_clients", "num_users", "num_subs", "num_channels", "uptime")}
    assert counts == {"num_clients": 4, "num_users": 1, "num_subs": 5, "num_channels": 2, "uptime": 0}


@pytest.mark.parametrize("method", ["publish", "presence", "history", "subscribe", "unsubscribe", "history_remove"])
async def test_who_is_about_to_stop_takes_nothing_more(system: ActorSystem, method: str) -> None:
    """`shutting_down`, which another node would not say."""
    ask = Asking(await start_node(system))
    ask.node.is_draining = True
    with pytest.raises(Refused, match="shutting_down"):
        await ask(method, channel="kept", user="ada", **({"data": 1} if method == "publish" else {}))


@pytest.mark.parametrize("method", ["publish", "presence", "presence_stats", "history", "history_remove", "subscribe"])
async def test_a_name_that_no_topic_may_have_is_refused(system: ActorSystem, method: str) -> None:
    """107, whatever is asked of it; no topic is made."""
    ask = Asking(await start_node(system))
    ask.peer("a1", "ada")
    fields = {"data": 1} if method == "publish" else {"user": "ada"}
    for name in ("", "a\nb", "x" * 256):
        assert await code(ask(method, channel=name, **fields)) == 107
    assert ask.node.live.names() == ()


@pytest.mark.parametrize("method", ["disconnect", "refresh", "subscribe", "unsubscribe"])
async def test_the_anonymous_are_not_meant_all_together(system: ActorSystem, method: str) -> None:
    """A user without a name is answered with 107, unless one client is named."""
    ask = Asking(await start_node(system))
    peer = ask.peer("x1")
    fields = {"channel": "kept"} if "subscribe" in method else {"expired": True} if method == "refresh" else {}
    assert await code(ask(method, user="", **fields)) == 107
    await settle()
    assert peer.socket.sent_close is None
    assert await ask(method, user="", client="x1", **fields) == {}


@pytest.mark.actors
async def test_receipts_are_settled_in_their_order_with_values_and_errors() -> None:
    """Whatever order they are answered in."""
    receipts: list[Receipt[Any]] = [Receipt() for _ in range(3)]
    error, published = Refused("not_available"), Published(None)
    receipts[2].resolve(published)
    receipts[0].fail(error)
    receipts[1].resolve(None)
    assert await Receipt.outcomes(receipts) == [error, None, published]
