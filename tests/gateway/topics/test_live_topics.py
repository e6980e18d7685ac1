"""Live topics: one actor a name, there from the first word for it until it ends."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import TopicClosed, TopicOpened
from gateway.messages.topic_messages import Passivate, Settle
from gateway.reasons import Refused
from gateway.topics import live_topics
from gateway.topics.behaviour import Room, on
from tests.support.peer import KEPT, Peer, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.member import Member


class Saving(Room):
    """Takes a second to save what it knows when it ends."""

    log: list[str]

    def on_start(self) -> None:
        self.log.append("begins")

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(1.0)
        self.log.append("saved")

    @on("count")
    async def count(self, member: Member, data: Any) -> None:
        self.broadcast(data)


async def test_the_first_word_for_a_topic_starts_it_and_the_next_does_not(system: ActorSystem) -> None:
    """One name, one actor; names come in the order in which they were started."""
    node = await start_node(system)
    opened = facts_of(system, TopicOpened)
    for name in ("b", "a", "b"):
        node.live.tell(name, Settle())
    await settle()
    assert [fact.topic for fact in opened] == ["b", "a"]
    assert node.live.names() == ("b", "a")


async def test_a_last_word_starts_nothing(system: ActorSystem) -> None:
    """Who leaves a topic that has ended does not bring it back."""
    node = await start_node(system)
    assert not node.live.tell_if_live("kept", Settle())
    assert (node.live.names(), node.live.machine("kept"), node.live.size("kept")) == ((), None, 0)


async def test_the_end_of_the_former_one_forgets_nothing_of_the_present_one(system: ActorSystem) -> None:
    """A name is freed by the actor that has it, and by no other."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    await settle()
    node.live.ended("kept", ada.ref)
    assert node.live.size("kept") == 1


async def test_a_node_has_no_more_topics_than_it_may(system: ActorSystem) -> None:
    """The letter says how many; those that live can still be told."""
    node = await start_node(system, settings(max_topics=2))
    for name in ("a", "b"):
        node.live.tell(name, Settle())
    with pytest.raises(Refused, match="this node has 2 topics already") as caught:
        node.live.tell("c", Settle())
    assert caught.value.temporary
    node.live.tell("a", Settle())


async def test_settling_is_over_when_each_has_handled_what_it_was_told(system: ActorSystem) -> None:
    """What was accepted before a drain is with its members before they are let go."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    for number in range(3):
        node.commands.publish("kept", number)
    assert ada.events() == []
    await node.live.settle(1.0)
    assert [payload for _, payload in ada.events()] == [0, 1, 2]


# --- one after the other


def _stop(system: ActorSystem, path: str) -> None:
    found = system.find(path)
    assert found is not None
    found.stop_now()


async def test_a_name_has_one_topic_at_a_time(system: ActorSystem) -> None:
    """The next one begins when the app code of the last one has saved; what is said meanwhile waits for it."""
    Saving.log = log = []
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    ada = Peer(node, "ada")
    await ada.joins("room")
    _stop(system, "/topics/room")
    await settle()
    ada.heard()
    ada.send("join_room", room="room", ref=1)
    ada.send("publish", room="room", event="count", payload="x", ref=2)
    await settle()
    assert (log, ada.heard(), node.live.names()) == (["begins"], [], ())
    await passes(1.0)
    assert log == ["begins", "saved", "begins"]
    assert [one.get("ref", one.get("action")) for one in ada.heard()] == [1, 2, "event"]


async def test_what_an_ending_topic_did_not_handle_comes_before_what_is_said_while_it_ends(system: ActorSystem) -> None:
    """Everybody's words keep their order over the end of a topic."""
    Saving.log = []
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("room")
    begun = await bob.joins("room")
    _stop(system, "/topics/room")
    for number in range(3):  # told before it ends, in the turn of who asks for that
        node.commands.publish("room", number)
    bob.send("leave_room", room="room", ref=1)
    await settle()
    for number in range(3, 6):
        node.commands.publish("room", number)
    bob.send("join_room", room="room", since={"offset": begun["offset"], "epoch": begun["epoch"]}, ref=2)
    await passes(1.0)
    heard = bob.heard()
    assert [one["ref"] for one in heard if "ref" in one] == [1, 2]
    assert [one["payload"] for one in heard if one.get("action") == "event"] == list(range(6))


async def test_so_much_may_wait_for_the_next_topic_of_a_name(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much is refused, and nothing that was taken is lost."""
    Saving.log = []
    monkeypatch.setattr(live_topics, "MAX_WAITING", 3)
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    await Peer(node, "ada").joins("room")
    _stop(system, "/topics/room")
    await settle()
    receipts = [node.commands.publish("room", number) for number in range(5)]
    await passes(1.0)
    for receipt in receipts[:3]:
        assert (await receipt).position is not None
    for receipt in receipts[3:]:
        with pytest.raises(Refused, match="as much to do as it may"):
            await receipt


async def test_the_last_words_of_members_begin_no_topic(system: ActorSystem) -> None:
    """Who goes while a topic ends has nobody to leave."""
    Saving.log = log = []
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    facts = facts_of(system, TopicOpened, TopicClosed)
    ada = Peer(node, "ada")
    await ada.joins("room")
    _stop(system, "/topics/room")
    ada.socket.end()
    await passes(2.0)
    assert log == ["begins", "saved"]
    assert [type(fact) for fact in facts] == [TopicOpened, TopicClosed]


async def test_who_came_and_went_while_a_topic_ended_is_no_member_of_the_next(system: ActorSystem) -> None:
    """A join that waits, and behind it the end of its connection."""
    Saving.log = []
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("room")
    _stop(system, "/topics/room")
    await settle()
    bob.send("join_room", room="room")
    await settle()
    bob.socket.end()
    await passes(1.5)
    assert node.live.names() == ("room",)
    assert node.live.size("room") == 0


async def test_what_waits_when_the_tree_goes_down_is_answered(system: ActorSystem) -> None:
    """No topic will come any more, and who asked learns it."""
    Saving.log = []
    node = await start_node(system, settings({"room": KEPT}), behaviour=Saving)
    await Peer(node, "ada").joins("room")
    _stop(system, "/topics/room")
    await settle()
    receipt = node.commands.publish("room", "x")
    await system.stop()
    with pytest.raises(Refused) as caught:
        await receipt
    assert caught.value.reason == "shutting_down"


async def test_a_topic_that_did_not_come_to_life_counts_for_nobody(system: ActorSystem) -> None:
    """On a full node each that asks is told so, however often; with room again the address may begin what it might."""
    node = await start_node(system, settings(max_topics=1, address_topic_burst=2, address_topics_per_second=0.001))
    ada = Peer(node, "ada")
    await ada.joins("a")
    for _ in range(5):
        error = (await ada.says("join_room", room="b"))[0]["error"]
        assert error["reason"] == "limit_exceeded"
    await ada.says("leave_room", room="a")
    await passes(600.0)
    assert node.live.names() == ()
    await Peer(node, "bob").joins("b")


async def test_others_have_their_turn_while_thousands_settle(system: ActorSystem) -> None:
    """Each iteration of the loop asks a portion of them; and all are asked."""
    node = await start_node(system)
    for number in range(3 * live_topics.PORTION + 1):
        node.commands.publish(f"t{number}", number)
    await settle()
    refs = [ref for ref in node.live.supervisor.children() if ref.is_alive()]

    def told() -> int:
        return sum(ref.counts().handled + ref.counts().queued for ref in refs)

    seen = [told()]
    settling = asyncio.ensure_future(node.live.settle(5.0))
    while not settling.done():
        await asyncio.sleep(0)
        seen.append(told())
    assert max(after - before for before, after in pairwise(seen)) <= live_topics.PORTION
    assert seen[-1] - seen[0] == len(refs) == 3 * live_topics.PORTION + 1


async def test_what_a_topic_is_told_while_it_is_about_to_go_goes_to_the_next(
    system: ActorSystem,
) -> None:
    """Others have turns in between: a name that had no topic then, and a child all the same, failed who told it."""
    node = await start_node(system)
    await node.commands.publish("a", "first")
    machine = node.live.machine("a")
    assert machine is not None
    machine.passivate(Passivate())
    assert (await node.commands.publish("a", "second")).position is None
    assert node.live.machine("a") is not machine
