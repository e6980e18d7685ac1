"""A client that changes its mind without waiting: each command counts in the order in which it was sent."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway.messages.commands import Join, Leave, Reply
from gateway.messages.receipts import Receipt
from gateway.reasons import Refused
from gateway.topics.behaviour import Room
from tests.support.peer import KEPT, Peer, passes, settings, settle, start_node
from tests.support.wire_peers import Centrifuge, Phoenix

if TYPE_CHECKING:
    from actors import ActorSystem


class Doorman(Room):
    """Lets in after a while, but no strangers."""

    async def on_join(self, member: Any, params: Any) -> None:
        await asyncio.sleep(1.0)
        if (params or {}).get("stranger"):
            raise Refused("permission_denied")


def told(frames: list[Any], join_ref: str) -> list[tuple[str, str]]:
    """Ref and event of what came in the name of one join, but for who is there."""
    return [(ref, event) for name, ref, _, event, _ in frames if name == join_ref and event != "presence_state"]


async def answers(client: Centrifuge, *commands: dict[str, Any]) -> list[Any]:
    """What each command was answered, of several that are sent in one frame."""
    client.socket.feed("\n".join(map(json.dumps, commands)))
    await settle()
    return [frame for frame in client.heard() if "push" not in frame]


def is_put_out(client: Peer) -> None:
    """As the HTTP API does it; nothing has run yet."""
    receipt: Receipt[Any] = Receipt("unsubscribe kept", client.node.receipt_lost)
    client.ref.tell(Leave("kept", Reply("unsubscribe", topic="kept", receipt=receipt, is_by_server=True)))


@pytest.mark.parametrize("times", [1, 2, 20])
async def test_who_leaves_and_joins_in_one_breath_is_a_member(system: ActorSystem, times: int) -> None:
    """The name is free as soon as its client has left, where a second join is an error; and it is one member."""
    node = await start_node(system)
    ada = Centrifuge(node, "ada")
    await ada.connects()
    commands: list[dict[str, Any]] = [{"id": 2, "subscribe": {"channel": "kept"}}]
    for number in range(times):
        commands.append({"id": 10 + 2 * number, "unsubscribe": {"channel": "kept"}})
        commands.append({"id": 11 + 2 * number, "subscribe": {"channel": "kept"}})
    heard = await answers(ada, *commands)
    assert [frame["id"] for frame in heard] == [one["id"] for one in commands]
    assert not any("error" in frame for frame in heard)
    assert node.live.size("kept") == 1


async def test_who_joins_twice_in_one_breath_is_still_refused(system: ActorSystem) -> None:
    """Only a leave frees the name."""
    node = await start_node(system)
    ada = Centrifuge(node, "ada")
    await ada.connects()
    both = [{"id": 2, "subscribe": {"channel": "kept"}}, {"id": 3, "subscribe": {"channel": "kept"}}]
    refused = {frame["id"]: frame.get("error", {}).get("code") for frame in await answers(ada, *both)}
    assert refused == {2: None, 3: 105}


async def test_the_end_of_a_replaced_join_comes_behind_its_answer(system: ActorSystem) -> None:
    """Joined twice without waiting: an answer, then the close, in the name of the first; and nothing after it."""
    node = await start_node(system)
    ada = Phoenix(node)
    frames = await ada.pushes(["1", "1", "kept", "phx_join", {}], ["2", "2", "kept", "phx_join", {}])
    assert told(frames, "1") == [("1", "phx_reply"), ("1", "phx_close")]
    assert told(frames, "2") == [("2", "phx_reply")]
    assert node.live.size("kept") == 1


async def test_a_replaced_join_that_was_refused_is_not_closed(system: ActorSystem) -> None:
    """There was no membership that could end."""
    node = await start_node(system, settings({"*": KEPT}), behaviour=Doorman)
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "room", "phx_join", {"stranger": True}], ["2", "2", "room", "phx_join", {}])
    await passes(3.0)
    frames = ada.heard()
    assert told(frames, "1") == [("1", "phx_reply")]
    assert told(frames, "2") == [("2", "phx_reply")]


async def test_a_back_end_that_changes_its_mind_twice_is_heard(system: ActorSystem) -> None:
    """Out, in and out again, before anything has run: its client learns that it is out."""
    node = await start_node(system, settings({"*": KEPT}), behaviour=Doorman)
    bob = Peer(node, "bob")
    await bob.says("join_room", room="room")
    await passes(1.0)
    assert [one["status"] for one in bob.heard()] == ["joined"]
    for make in (Leave, Join, Leave):
        receipt: Receipt[Any] = Receipt("change room", node.receipt_lost)
        receipt.then(lambda _: None)
        bob.ref.tell(make("room", Reply("change", topic="room", receipt=receipt, is_by_server=True)))
    await passes(5.0)
    assert [one["action"] for one in bob.heard()] == ["unsubscribed"]
    assert node.live.size("room") == 0


@pytest.mark.parametrize("waited", [0.0, 0.5], ids=["on its way", "being decided"])
@pytest.mark.parametrize("topic", ["kept", "room"])
async def test_who_is_kicked_while_it_joins_again_is_out(system: ActorSystem, topic: str, waited: float) -> None:
    """What it asked for before it could hear of that is over as well: else who joins all the time cannot be kicked."""
    node = await start_node(system, settings({"*": KEPT}), behaviour=Doorman)
    ada, bob = Phoenix(node, "ada"), Peer(node, "bob")
    ada.socket.feed(json.dumps(["1", "1", topic, "phx_join", {}]))
    bob.send("join_room", room=topic)
    await passes(3.0)
    assert node.live.size(topic) == 2
    for one in (ada, bob):
        one.heard()
    ada.socket.feed(json.dumps(["2", "2", topic, "phx_join", {}]))
    bob.send("join_room", room=topic)
    if waited:
        await passes(waited)
    assert all(member.kick("enough") for member in node.commands.members(topic))
    await passes(5.0)
    assert node.live.size(topic) == 0
    assert [one.ref._actor.topics for one in (ada, bob)] == [(), ()]
    last = bob.heard()[-1]
    assert last.get("action") == "unsubscribed" or last["status"] == "error"
    event, payload = ada.heard()[-1][3:]
    assert (
        (event, payload["reason"]) == ("phx_close", "enough") if event != "phx_reply" else payload["status"] == "error"
    )


@pytest.mark.parametrize("between", [[], ["leave_room"], ["leave_room", "join_room", "leave_room"]])
async def test_who_changes_its_mind_about_what_it_missed_still_hears(system: ActorSystem, between: list[str]) -> None:
    """A join with a position and one without behind it, in one breath: everything that is said later arrives."""
    node = await start_node(system)
    bob = Peer(node, "bob")
    await bob.joins("kept")
    words = [("join_room", {"since": {"offset": 0}}), *((word, {}) for word in between), ("join_room", {})]
    bob.socket.feed(*(json.dumps({"action": word, "room": "kept", **keys}) for word, keys in words))
    await settle()
    bob.heard()
    for number in range(3):
        node.commands.publish("kept", number, "message")
    await settle()
    assert bob.events() == [(1, 0), (2, 1), (3, 2)]


@pytest.mark.parametrize("burst", [100, 1])
async def test_a_join_that_comes_to_no_topic_ends_the_one_before_it_too(system: ActorSystem, burst: int) -> None:
    """Its client goes by the name of the later one: under that it could not even leave."""
    node = await start_node(system, settings(burst=burst, max_topics_per_connection=burst))
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    if burst == 1:
        await ada.pushes(["1", "2", "kept", "said", {}])
    frames = await ada.pushes(["3", "3", "kept", "phx_join", {"gw": {"info": "x" * 5000}}])
    assert (told(frames, "3"), told(frames, "1")) == ([("3", "phx_reply")], [("1", "phx_close")])
    assert node.live.size("kept") == 0


@pytest.mark.parametrize("is_too_fast", [False, True])
@pytest.mark.parametrize("params", ['{"gw":5}', '{"gw":{"since":"x"}}', "1e999", "[" * 200 + "]" * 200])
async def test_a_join_that_is_not_understood_ends_the_one_before_it_too(
    system: ActorSystem, params: str, is_too_fast: bool
) -> None:
    """What is wrong with its parameters makes no difference to the name that its client goes by."""
    node = await start_node(system, settings(burst=1 if is_too_fast else 100))
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    if is_too_fast:
        await ada.pushes(["1", "2", "kept", "said", {}])
    ada.socket.feed(f'["3","3","kept","phx_join",{params}]')
    await settle()
    frames = ada.heard()
    assert (told(frames, "3"), told(frames, "1")) == ([("3", "phx_reply")], [("1", "phx_close")])
    assert node.live.size("kept") == 0


async def test_a_join_that_comes_to_no_topic_ends_one_that_is_on_its_way(system: ActorSystem) -> None:
    """It is answered as one that has left."""
    node = await start_node(system, settings({"*": KEPT}), behaviour=Doorman)
    ada = Phoenix(node)
    too_much = {"gw": {"info": "x" * 5000}}
    frames = await ada.pushes(["1", "1", "room", "phx_join", {}], ["2", "2", "room", "phx_join", too_much])
    await passes(3.0)
    frames += ada.heard()
    assert [(ref, payload["status"]) for _, ref, _, _, payload in frames] == [("2", "error"), ("1", "error")]
    assert node.live.size("room") == 0


async def test_a_leave_closes_once_also_if_a_join_follows_at_once(system: ActorSystem) -> None:
    """The answer to the leave says it; the join behind it has nothing to replace."""
    node = await start_node(system)
    ada = Phoenix(node)
    frames = await ada.pushes(
        ["1", "1", "kept", "phx_join", {}], ["1", "2", "kept", "phx_leave", {}], ["3", "3", "kept", "phx_join", {}]
    )
    assert told(frames, "1") == [("1", "phx_reply"), ("2", "phx_reply"), ("1", "phx_close")]
    assert told(frames, "3") == [("3", "phx_reply")]


async def test_a_back_end_that_ends_a_membership_does_not_end_the_one_behind_it(system: ActorSystem) -> None:
    """Its client joins again in the same moment: it is a member, and takes the end of the earlier one for nothing."""
    node = await start_node(system)
    ada, bob = Phoenix(node, "ada"), Peer(node, "bob")
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    await bob.joins("kept")
    is_put_out(ada)
    frames = await ada.pushes(["2", "2", "kept", "phx_join", {}])
    is_put_out(bob)
    heard = await bob.says("join_room", room="kept", ref=2)
    assert (told(frames, "1"), told(frames, "2")) == ([("1", "phx_close")], [("2", "phx_reply")])
    assert [one["action"] for one in heard] == ["join_room"]
    assert node.live.size("kept") == 2


async def test_who_leaves_makes_room_at_once(system: ActorSystem) -> None:
    """A connection at its limit may leave topics and join as many others without waiting; not one more."""
    node = await start_node(system, settings({"*": KEPT}, max_topics_per_connection=2))
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "a", "phx_join", {}], ["2", "2", "b", "phx_join", {}])
    frames = await ada.pushes(
        ["1", "3", "a", "phx_leave", {}], ["2", "4", "b", "phx_leave", {}],
        *([ref, ref, topic, "phx_join", {}] for ref, topic in (("5", "c"), ("6", "d"), ("7", "e"))),
    )  # fmt: skip
    answers = {frame[1]: frame[4]["status"] for frame in frames if frame[3] == "phx_reply"}
    assert answers == {"3": "ok", "4": "ok", "5": "ok", "6": "ok", "7": "error"}


async def test_whoever_drains_lets_people_leave(system: ActorSystem) -> None:
    """Endpoints and clients clean up after themselves; only what is new is refused."""
    node = await start_node(system)
    ada = Phoenix(node)
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    node.is_draining = True
    frames = await ada.pushes(["1", "2", "kept", "phx_leave", {}], ["3", "3", "kept", "phx_join", {}])
    answers = {frame[1]: frame[4]["status"] for frame in frames if frame[3] == "phx_reply"}
    assert answers == {"2": "ok", "3": "error"}


async def test_leaves_of_what_is_long_over_take_tokens(system: ActorSystem) -> None:
    """The end of a membership is free above the burst; words to one that has ended are as any others."""
    node = await start_node(system, settings(burst=3))
    ada = Phoenix(node)
    await ada.pushes(["2", "2", "kept", "phx_join", {}])
    frames = await ada.pushes(*(["1", str(number), "kept", "phx_leave", {}] for number in range(9)))
    assert [payload["status"] for *_, payload in frames] == [
        "error"
    ] * 6  # the others crossed a close, and need no answer
    await ada.pushes(["2", "3", "kept", "phx_leave", {}])
    assert node.live.size("kept") == 0


async def test_a_membership_does_not_keep_its_join(system: ActorSystem) -> None:
    """Nor its token, its params and its info: a client may send 64 KiB of them for each of its topics."""
    node = await start_node(system)
    gc.collect()
    before = {id(one) for one in gc.get_objects() if type(one) is Join}
    ada = Phoenix(node, "ada")
    await ada.pushes(["1", "1", "kept", "phx_join", {"much": "x" * 10_000}])
    assert node.live.size("kept") == 1
    gc.collect()
    assert [one for one in gc.get_objects() if type(one) is Join and id(one) not in before] == []
