"""The methods of the HTTP API on a tree of actors, in virtual time and without HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway import wire_json
from gateway.commands import Published
from gateway.events import ReceiptFailed
from gateway.identity import Principal
from gateway.reasons import Refused
from gateway.receipts import Receipt
from gateway.web.api_methods import Methods, outcomes
from tests.support.peer import Peer, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node


class Asking:
    """What a back end has: a method, fields, and an answer."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._methods = Methods(node, "here")

    async def __call__(self, method: str, **fields: Any) -> Any:
        answer = await self._methods.call(method, json.dumps(fields).encode())
        return json.loads(wire_json.encode(answer))

    def peer(self, name: str, user: str = "") -> Peer:
        return Peer(self.node, name, principal=Principal(user))


async def code(awaitable: Any) -> int:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.code


# --- publications


async def test_what_is_published_reaches_the_members_in_order(system: ActorSystem) -> None:
    """With the position that the answer says; without a sender, under the default event or the one named."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    first = await ask("publish", channel="kept", data={"n": 1})
    second = await ask("publish", channel="kept", data=[2], event="moved")
    assert (first["offset"], second["offset"], first["epoch"]) == (1, 2, second["epoch"])
    heard = ada.heard()
    assert [(one["event"], one["payload"], one["offset"]) for one in heard] == [
        ("message", {"n": 1}, 1),
        ("moved", [2], 2),
    ]
    assert all("sender" not in one for one in heard)


async def test_what_skips_history_has_no_place_in_it(system: ActorSystem) -> None:
    """It is delivered, the answer is empty, and nobody finds it later; the same where nothing is kept."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    assert await ask("publish", channel="kept", data=1, skip_history=True) == {}
    assert await ask("publish", channel="plain", data=1) == {}
    assert ada.events() == [(None, 1)]
    assert (await ask("history", channel="kept", limit=10))["publications"] == []


async def test_the_same_idempotency_key_is_published_once(system: ActorSystem) -> None:
    """Both are answered with the place of the first; keys are of a channel."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    first = await ask("publish", channel="kept", data=1, idempotency_key="k")
    assert await ask("publish", channel="kept", data=2, idempotency_key="k") == first
    assert (await ask("publish", channel="kept2", data=3, idempotency_key="k"))["offset"] == 1
    assert ada.events() == [(1, 1)]


@pytest.mark.parametrize("method", ["publish", "broadcast"])
async def test_an_event_that_no_wire_can_carry_is_refused(system: ActorSystem, method: str) -> None:
    """The same names as of clients; nothing is published."""
    ask = Asking(await start_node(system))
    assert await code(ask(method, channel="kept", channels=["kept"], data=1, event="a,b")) == 107
    assert ask.node.live.names() == ()


async def test_what_the_application_published_as_text_is_a_text(system: ActorSystem) -> None:
    """In history it is a JSON text."""
    ask = Asking(await start_node(system))
    await ask.node.commands.publish("kept", 'say "hi"', "message")
    assert (await ask("history", channel="kept", limit=1))["publications"] == [{"data": 'say "hi"', "offset": 1}]


async def test_what_a_token_says_of_a_connection_is_its_conn_info(system: ActorSystem) -> None:
    """Beside what was said when it joined, in presence and for what it published."""
    node = await start_node(system)
    ask = Asking(node)
    peer = Peer(node, "a1", principal=Principal("ada", info=b'{"age":36}'))
    await peer.joins("kept", info={"x": 1})
    await peer.says("publish", room="kept", payload=1)
    person = {"client": "a1", "user": "ada", "conn_info": {"age": 36}, "chan_info": {"x": 1}}
    assert (await ask("presence", channel="kept"))["presence"] == {"a1": person}
    ((kept),) = (await ask("history", channel="kept", limit=1))["publications"]
    assert kept["info"] == person


async def test_bytes_are_published_as_bytes(system: ActorSystem) -> None:
    """And come back from history the way they went in."""
    ask = Asking(await start_node(system))
    await ask("publish", channel="kept", b64data="AP8=")
    ((found),) = (await ask("history", channel="kept", limit=1))["publications"]
    assert found == {"data": None, "b64data": "AP8=", "offset": 1}


async def test_a_broadcast_answers_for_each_channel(system: ActorSystem) -> None:
    """In the order asked for; one that refuses does not concern the others, and is no fact of its own."""
    node = await start_node(system)
    lost: list[ReceiptFailed] = []
    node.events.subscribe(ReceiptFailed, lost.append)
    ask = Asking(node)
    ada = ask.peer("ada")
    await ada.joins("kept1")
    answer = await ask("broadcast", channels=["kept1", "", "kept2", "plain"], data="x")
    first, second, third, fourth = answer["responses"]
    assert first["result"]["offset"] == third["result"]["offset"] == 1
    assert second["error"]["code"] == 107
    assert "it is empty" in second["error"]["message"]
    assert fourth == {"result": {}}
    assert ada.events() == [(1, "x")]
    await settle()
    assert lost == []


@pytest.mark.parametrize(("count", "expected"), [(0, 107), (1001, 106)])
async def test_a_broadcast_is_to_one_channel_at_least_and_not_to_any_number(
    system: ActorSystem, count: int, expected: int
) -> None:
    """1,000 at most; nothing is published before that is known."""
    ask = Asking(await start_node(system))
    channels = [f"c{number}" for number in range(count)]
    assert await code(ask("broadcast", channels=channels, data=1)) == expected
    assert ask.node.live.names() == ()


@pytest.mark.actors
async def test_receipts_are_settled_in_their_order_with_values_and_errors() -> None:
    """Whatever order they are answered in."""
    receipts: list[Receipt[Any]] = [Receipt() for _ in range(3)]
    error, published = Refused("not_available"), Published(None)
    receipts[2].resolve(published)
    receipts[0].fail(error)
    receipts[1].resolve(None)
    assert await outcomes(receipts) == [error, None, published]


# --- topics


async def test_presence_is_by_connection_with_what_each_said_of_itself(system: ActorSystem) -> None:
    """`chan_info` only where there is some; users are counted once."""
    ask = Asking(await start_node(system))
    await ask.peer("a1", "ada").joins("kept", info={"name": "Ada"})
    await ask.peer("a2", "ada").joins("kept")
    assert await ask("presence", channel="kept") == {
        "presence": {
            "a1": {"client": "a1", "user": "ada", "chan_info": {"name": "Ada"}},
            "a2": {"client": "a2", "user": "ada"},
        }
    }
    assert await ask("presence_stats", channel="kept") == {"num_clients": 2, "num_users": 1}


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
async def test_a_topic_without_presence_says_so(system: ActorSystem, method: str) -> None:
    """108, as in Centrifugo; an empty answer would read as nobody."""
    ask = Asking(await start_node(system))
    assert await code(ask(method, channel="plain")) == 108


async def test_history_is_read_in_pages_and_both_ways(system: ActorSystem) -> None:
    """Without a limit the position alone; less than 0 is all; `since` leaves itself out."""
    ask = Asking(await start_node(system))
    for number in range(1, 6):
        await ask("publish", channel="kept", data=number)

    async def read(**fields: Any) -> list[Any]:
        answer = await ask("history", channel="kept", **fields)
        assert answer["offset"] == 5
        return [one["data"] for one in answer["publications"]]

    assert await read() == []
    assert await read(limit=-1) == [1, 2, 3, 4, 5]
    assert await read(limit=2) == [1, 2]
    assert await read(limit=2, reverse=True) == [5, 4]
    assert await read(limit=2, since={"offset": 2}) == [3, 4]
    assert await read(limit=9, since={"offset": 3}, reverse=True) == [2, 1]
    assert await code(ask("history", channel="kept", limit=1, since={"offset": 1, "epoch": "other"})) == 112
    assert await code(ask("history", channel="kept", limit=1, since={"offset": -1})) == 107


async def test_history_says_who_published(system: ActorSystem) -> None:
    """A client is named; a back end is nobody."""
    ask = Asking(await start_node(system))
    await ask.peer("a1", "ada").says("publish", room="kept", payload="hi", event="said")
    await ask("publish", channel="kept", data="ho")
    first, second = (await ask("history", channel="kept", limit=-1))["publications"]
    assert first == {"data": "hi", "offset": 1, "event": "said", "info": {"client": "a1", "user": "ada"}}
    assert second == {"data": "ho", "offset": 2}


async def test_removed_history_is_gone_and_its_positions_go_on(system: ActorSystem) -> None:
    """Who comes back from before learns that it missed something."""
    ask = Asking(await start_node(system))
    await ask("publish", channel="kept", data=1)
    assert await ask("history_remove", channel="kept") == {}
    assert (await ask("history", channel="kept", limit=-1))["publications"] == []
    assert (await ask("publish", channel="kept", data=2))["offset"] == 2
    reply = await ask.peer("ada").joins("kept", since={"offset": 0})
    assert reply["recovered"] is False


async def test_channels_are_those_with_somebody_in_them(system: ActorSystem) -> None:
    """Filtered by a pattern whose `*` takes in colons."""
    ask = Asking(await start_node(system))
    for name in ("a", "b"):
        peer = ask.peer(name)
        await peer.joins("room:1:x")
    await peer.joins("news")
    await ask("publish", channel="empty", data=1)
    assert await ask("channels") == {"channels": {"room:1:x": {"num_clients": 2}, "news": {"num_clients": 1}}}
    assert await ask("channels", pattern="room:*") == {"channels": {"room:1:x": {"num_clients": 2}}}
    assert await ask("channels", pattern="n?ws") == {"channels": {"news": {"num_clients": 1}}}
    assert await ask("channels", pattern="x") == {"channels": {}}


@pytest.mark.parametrize("method", ["publish", "presence", "presence_stats", "history", "history_remove", "subscribe"])
async def test_a_name_that_no_topic_may_have_is_refused(system: ActorSystem, method: str) -> None:
    """107, whatever is asked of it; no topic is made."""
    ask = Asking(await start_node(system))
    ask.peer("a1", "ada")
    fields = {"data": 1} if method == "publish" else {"user": "ada"}
    for name in ("", "a\nb", "x" * 256):
        assert await code(ask(method, channel=name, **fields)) == 107
    assert ask.node.live.names() == ()


# --- connections


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


# --- the node


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
