"""What the machines do because a wire says so: memberships are replaced, refused, needed, or made by the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.messages.commands import Join, Leave, Reply
from gateway.messages.connection_messages import Kick
from gateway.messages.receipts import Receipt
from gateway.reasons import Refused
from gateway.settings.config import GatewaySettings
from gateway.topics.behaviour import Room
from tests.support.peer import KEPT, Peer, passes, settings, settle, start_node
from tests.support.wire_peers import Centrifuge, Phoenix

if TYPE_CHECKING:
    from actors import ActorSystem


class Doorman(Room):
    """Lets in after a while, or not at all."""

    async def on_join(self, member: Any, params: Any) -> None:
        await asyncio.sleep(1.0)
        if params.get("stranger"):
            raise Refused("permission_denied")


def status(frames: list[Any]) -> list[tuple[Any, str, Any]]:
    """Ref, event and status or payload of each frame."""
    return [(ref, event, payload.get("status", payload)) for _, ref, _, event, payload in frames]


async def test_what_is_pushed_behind_a_join_waits_for_it(system: ActorSystem) -> None:
    """It is published if the join is allowed, and refused if it is not; in order, and never before."""
    node = await start_node(system, settings({"*": KEPT}), behaviour=Doorman)
    ada, eve = Phoenix(node, "ada"), Phoenix(node, "eve")
    for client, params in ((ada, {}), (eve, {"stranger": True})):
        assert await client.pushes(["1", "1", "room", "phx_join", params], ["1", "2", "room", "say", {"a": 1}]) == []
        await passes(1.5)
    joined, state, *rest = ada.heard()
    assert joined[4]["status"] == "ok"
    assert state[3] == "presence_state"
    assert [frame[3] for frame in rest if frame[3] != "presence_diff"] == ["phx_reply", "say"]
    refused = eve.heard()
    assert [(frame[1], frame[4]["status"]) for frame in refused] == [("1", "error"), ("2", "error")]
    assert refused[1][4]["response"] == {"reason": "unmatched topic"}
    assert (await node.commands.history("room")).position.offset == 1


async def test_joining_again_with_a_position_repeats_nothing(system: ActorSystem) -> None:
    """What was on its way to the earlier membership comes once: with the answer to the later one."""
    node = await start_node(system)
    ada, bob = Phoenix(node, "ada"), Peer(node, "bob")
    (joined, _) = await ada.pushes(["1", "1", "kept", "phx_join", {"gw": {"meta": True}}])
    epoch = joined[4]["response"]["gw"]["epoch"]
    bob.send("publish", channel="kept", payload={"n": 1})
    since = {"gw": {"meta": True, "since": {"offset": 0, "epoch": epoch}}}
    told = await ada.pushes(["2", "2", "kept", "phx_join", since])
    assert [frame[3] for frame in told if frame[3] != "presence_diff"] == [
        "phx_close", "phx_reply", "presence_state", "message",
    ]  # fmt: skip
    assert told[-1][0] == "2"
    bob.send("publish", channel="kept", payload={"n": 2})
    await settle()
    assert [frame[4]["n"] for frame in ada.heard()] == [2]


async def test_what_an_ended_membership_says_is_not_heard(system: ActorSystem) -> None:
    """A push or a leave that names it is dropped without an answer; the membership of now goes on."""
    node = await start_node(system)
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    await ada.pushes(["2", "2", "kept", "phx_join", {}])
    assert await ada.pushes(["1", "3", "kept", "say", {}], ["1", "4", "kept", "phx_leave", {}]) == []
    assert node.live.size("kept") == 1
    heard = await ada.pushes(["2", "5", "kept", "say", {}])
    assert {frame[3] for frame in heard} == {"say", "phx_reply"}


async def test_where_nobody_declares_a_topic_phoenix_has_none(system: ActorSystem) -> None:
    """Also if other names are open to other wires; no topic is made for it."""
    chosen = GatewaySettings(development=True, topics={"public:*": KEPT})
    node = await start_node(system, chosen)
    ada, bob = Phoenix(node), Peer(node, "bob")
    (told,) = await ada.pushes(["1", "1", "other", "phx_join", {}])
    assert told == [None, "1", "other", "phx_reply", {"status": "error", "response": {"reason": "unmatched topic"}}]
    assert node.live.names() == ()
    await bob.joins("other")


async def test_a_second_subscription_is_refused_where_the_wire_has_one_at_most(system: ActorSystem) -> None:
    """105, and the first goes on."""
    node = await start_node(system)
    one = Centrifuge(node)
    await one.connects()
    await one.asks(subscribe={"channel": "kept"})
    (again,) = await one.asks(subscribe={"channel": "kept"})
    assert again["error"] == {"code": 105, "message": "already subscribed"}
    (_, published) = await one.asks(publish={"channel": "kept", "data": 1})
    assert node.live.size("kept") == 1
    assert published is not None


async def test_the_server_joins_and_leaves_for_clients_that_understand_it(system: ActorSystem) -> None:
    """They are told; a client of Phoenix, which would not understand, is left alone and app code learns why."""
    node = await start_node(system)
    one, ada, bob = Centrifuge(node), Phoenix(node, "ada"), Peer(node, "bob")
    await one.connects()
    for client in (one, bob, ada):
        receipt: Receipt[Any] = Receipt("join kept", node.receipt_lost)
        client.ref.tell(Join("kept", Reply("join", topic="kept", receipt=receipt)))
        if client is not ada:
            await receipt
            continue
        with pytest.raises(Refused) as refused:
            await receipt
        assert refused.value.reason == "not_available"
    await settle()
    assert node.live.size("kept") == 2
    (push,) = one.heard()
    assert push["push"]["subscribe"]["recoverable"] is True
    assert bob.heard()[0]["action"] == "subscribed"
    receipt = Receipt("leave kept", node.receipt_lost)
    one.ref.tell(Leave("kept", Reply("leave", topic="kept", receipt=receipt)))
    await settle()
    assert one.heard() == [{"push": {"channel": "kept", "unsubscribe": {"code": 2000, "reason": "unsubscribed"}}}]


async def test_a_membership_ended_by_app_code_tells_whether_to_come_back(system: ActorSystem) -> None:
    """Each wire in its own words; a code of the application's passes."""
    node = await start_node(system)
    one, ada = Centrifuge(node), Phoenix(node, "ada")
    await one.connects()
    await one.asks(subscribe={"channel": "kept"})
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    one.ref.tell(Kick("kept", "later", True, 2600))
    await settle()
    assert one.heard()[-1] == {"push": {"channel": "kept", "unsubscribe": {"code": 2600, "reason": "later"}}}
    ada.heard()
    ada.ref.tell(Kick("kept", "gone", False, None))
    await settle()
    assert [frame[:4] for frame in ada.heard()] == [["1", "1", "kept", "phx_close"]]
    assert node.live.size("kept") == 0


async def test_a_client_that_beats_is_given_up_after_a_minute_of_silence(system: ActorSystem) -> None:
    """Phoenix clients send the heartbeats; the server sends no pings, and any frame counts."""
    node = await start_node(system)
    quiet, keen = Phoenix(node, "quiet"), Phoenix(node, "keen")
    for number in range(4):
        await passes(25.0)
        (pong,) = await keen.pushes([None, str(number), "phoenix", "heartbeat", {}])
        assert pong == [None, str(number), "phoenix", "phx_reply", {"status": "ok", "response": {}}]
    assert quiet.socket.pings == keen.socket.pings == 0
    assert quiet.socket.sent_close is not None
    assert quiet.socket.sent_close[0] == 3012
    assert keen.socket.sent_close is None


async def test_a_client_that_waits_for_pings_gets_them_whatever_it_says(system: ActorSystem) -> None:
    """Every interval, also while it talks; one that does not answer is given up."""
    node = await start_node(system)
    talker, mute = Centrifuge(node, "talker"), Centrifuge(node, "mute")
    for one in (talker, mute):
        await one.connects()
    pings = 0
    for _ in range(100):
        await passes(1.0)
        for frame in talker.heard():
            if frame == {}:
                pings += 1
                talker.socket.feed("{}")
    assert 3 <= pings <= 4
    assert talker.socket.sent_close is None
    assert mute.socket.sent_close is not None
    assert mute.socket.sent_close[0] == 3012


async def test_commands_of_one_frame_are_counted_one_by_one(system: ActorSystem) -> None:
    """A frame full of them is no way around the rate; the excess is told when to come, and ten times are too many."""
    node = await start_node(system, settings(messages_per_second=1.0, burst=20))
    one = Centrifuge(node)
    await one.connects()
    one.socket.feed("\n".join(f'{{"id":{number},"publish":{{"channel":"kept","data":1}}}}' for number in range(2, 60)))
    await settle()
    told = one.heard()
    assert (await node.commands.history("kept")).position.offset == 19  # and `connect` was the twentieth
    assert {frame["error"]["code"] for frame in told if "error" in frame} == {111}
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3013


async def test_a_page_may_join_all_its_topics_at_once_and_no_more(system: ActorSystem) -> None:
    """As many joins as it may have topics are free, once; then they are counted like all else."""
    node = await start_node(system, settings(messages_per_second=1.0, burst=5, max_topics_per_connection=50))
    one = Centrifuge(node)
    await one.connects()
    one.socket.feed("\n".join(f'{{"id":{n},"subscribe":{{"channel":"c{n}"}}}}' for n in range(2, 52)))
    await settle()
    assert sum("subscribe" in frame for frame in one.heard()) == 50
    for number in range(4):
        await one.asks(unsubscribe={"channel": f"c{number + 2}"})
    (refused,) = await one.asks(subscribe={"channel": "c2"})
    assert refused["error"]["code"] == 111


async def test_a_page_may_leave_all_its_topics_at_once_and_no_more(system: ActorSystem) -> None:
    """Who is refused that would hear of what it has left, and phoenix.js does not ask again; no other leave is free."""
    node = await start_node(system, settings(messages_per_second=1.0, burst=5, max_topics_per_connection=50))
    one, ada = Centrifuge(node), Phoenix(node)
    await one.connects()
    names = [f"c{number}" for number in range(2, 52)]
    await ada.pushes(*(["1", name, name, "phx_join", {}] for name in names))
    frames = await ada.pushes(*(["1", name, name, "phx_leave", {}] for name in names))
    assert {frame[4]["status"] for frame in frames if frame[3] == "phx_reply"} == {"ok"}
    one.socket.feed(*(f'{{"id":{n},"subscribe":{{"channel":"c{n}"}}}}' for n in range(2, 52)))
    one.socket.feed(*(f'{{"id":{n},"unsubscribe":{{"channel":"c{n}"}}}}' for n in range(2, 52)))
    await settle()
    assert sum("unsubscribe" in frame for frame in one.heard()) == 50
    assert [node.live.size(name) for name in names] == [0] * 50
    one.socket.feed(*(f'{{"id":{n},"unsubscribe":{{"channel":"c{n}"}}}}' for n in range(2, 9)))
    await settle()
    assert [frame["error"]["code"] for frame in one.heard() if "error" in frame] == [111] * 7
