"""The machine of a topic: what it answers to who reads it, how it ends, and what outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.engines.memory import MemoryEngine
from gateway.engines.stream import History, Position
from gateway.events import TopicClosed, TopicOpened
from gateway.pulse.heartbeat import HeartbeatConfig
from gateway.reasons import Refused
from gateway.settings.config import GatewaySettings
from gateway.settings.listen import ListenSettings
from tests.support.late_answers import answers, late
from tests.support.late_engine import LateEngine
from tests.support.peer import KEPT, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


# --- reading


async def test_reading_presence_is_in_order_with_what_changed_it(system: ActorSystem) -> None:
    """In one turn, a join is announced before the presence that already contains it."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("kept", presence=True)
    ada.heard()
    bob.send("join_room", room="kept")
    ada.send("presence", room="kept")
    await settle()
    announced, read = ada.heard()
    assert [one["client"] for one in announced["joins"]] == ["bob"]
    assert [one["client"] for one in read["members"]] == ["ada", "bob"]


async def test_history_answers_with_what_was_said_before_it(system: ActorSystem) -> None:
    """A read in the same turn as a publication contains it, and comes after it."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    ada.heard()
    ada.send("publish", room="kept", payload="x")
    ada.send("history", room="kept")
    await settle()
    heard = ada.heard()
    kinds = [one.get("action") or one["status"] for one in heard]
    assert kinds.index("event") < kinds.index("ok")
    assert [one["payload"] for one in heard[kinds.index("ok")]["events"]] == ["x"]


async def test_a_topic_without_presence_says_so(system: ActorSystem) -> None:
    """Presence is not available where it is not kept."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    heard = await ada.says("presence", room="plain")
    assert heard[0]["error"]["reason"] == "not_available"


# --- how it ends and comes back


async def test_an_empty_topic_goes_and_its_stream_stays(system: ActorSystem) -> None:
    """Passivation drops the actor; who comes back with a position recovers."""
    node = await start_node(system)
    facts = facts_of(system, TopicOpened, TopicClosed)
    ada = Peer(node, "ada")
    begun = await ada.joins("kept")
    ada.send("publish", room="kept", payload="x")
    await settle()
    ada.socket.end()
    await passes(node.passivate_after + 1)
    assert node.live.names() == ()
    bob = Peer(node, "bob")
    back = await bob.joins("kept", since={"offset": begun["offset"], "epoch": begun["epoch"]})
    assert (back["recovered"], back["missed"]) == (True, 1)
    assert [type(fact) for fact in facts] == [TopicOpened, TopicClosed, TopicOpened]


async def test_positions_go_on_under_a_member_however_long_nothing_was_said(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence begins no numbering anew: a member would take what comes next for something that it has seen."""
    monkeypatch.setitem(MemoryEngine.__init__.__kwdefaults__, "meta_ttl", 120.0)  # stands for a day
    patient = ListenSettings(heartbeat=HeartbeatConfig(ping_interval=10_000.0))
    brief = changed(KEPT, history=History(size=100, ttl=60.0))
    node = await start_node(system, GatewaySettings(topics={"kept": brief}, gateway=patient))
    ada = Peer(node, "ada")
    begun = await ada.joins("kept")
    for number in range(3):
        await node.commands.publish("kept", number)
    for number in range(2):
        await passes(300.0)
        position = (await node.commands.publish("kept", "next")).position
        assert position == Position(4 + number, begun["epoch"])
    assert ada.events()[-2:] == [(4, "next"), (5, "next")]
    await ada.says("leave_room", room="kept")
    await passes(node.passivate_after + 300.0)
    assert (await ada.joins("kept"))["epoch"] != begun["epoch"]


async def test_a_topic_with_work_under_way_does_not_go(system: ActorSystem) -> None:
    """Passivation waits for what the engine has not answered, and comes after it."""
    node = await start_node(system, engine=late)
    receipt = node.commands.publish("kept", "x", "message")
    read = node.commands.history("kept")
    await passes(node.passivate_after * 2)
    assert node.live.names() == ("kept",)
    history = system.env.dispatcher.loop.create_task(read)
    await settle()
    answers(node)
    published = await receipt
    assert published.position is not None
    assert published.position.offset == 1
    await settle()
    answers(node)
    assert [one.offset for one in (await history).entries] == [1]
    await passes(node.passivate_after * 2 + 1)
    assert node.live.names() == ()


@pytest.mark.allow_failures("Broken")
async def test_after_a_bug_of_ours_members_come_back_and_recover(system: ActorSystem) -> None:
    """The machine failed: members are told to return, waiting commands are answered, the name is used anew."""

    class Broken(Exception): ...

    class Breaking(LateEngine):
        def publish(self, call: Any, publication: Any, key: Any) -> Any:
            if publication.payload == b'"bug"':
                raise Broken
            return super().publish(call, publication, key)

    node = await start_node(system, engine=lambda node: Breaking(node.clock, node.ids))
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    epoch = ada.heard()[0]["epoch"]
    ada.send("publish", room="kept", payload="lost", ref=1)
    ada.send("history", room="kept", ref=2)
    ada.send("publish", room="kept", payload="bug", ref=3)
    await settle()
    heard = ada.heard()
    assert {one["ref"]: one["error"]["reason"] for one in heard if "ref" in one} == {
        1: "internal",
        2: "internal",
        3: "internal",
    }
    (removed,) = [one for one in heard if one.get("action") == "unsubscribed"]
    assert (removed["reason"], removed["retry"]) == ("internal", True)
    answers(node)
    await settle()
    ada.send("join_room", room="kept", since={"offset": 0, "epoch": epoch})
    await settle()
    answers(node)
    await settle()
    assert ada.events() == [(1, "lost")]
    assert len(node.live.names()) == 1
    topics = [ref for ref in system.root.walk() if ref.path.startswith("/topics/")]
    assert len(topics) == 1


async def test_members_of_a_topic_that_is_killed_come_back_and_who_waits_is_answered(system: ActorSystem) -> None:
    """As after a bug of ours: nobody takes itself for a member of what has forgotten it."""
    node = await start_node(system, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    ada.heard()
    bob.send("join_room", room="kept", ref=1)
    await settle()
    (topic,) = [ref for ref in system.root.walk() if ref.path.startswith("/topics/")]
    topic.kill()
    await settle()
    (removed,) = ada.heard()
    assert (removed["action"], removed["reason"], removed["retry"]) == ("unsubscribed", "internal", True)
    assert [one["error"]["reason"] for one in bob.heard()] == ["internal"]
    answers(node)
    await settle()
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    assert [member.id for member in node.commands.members("kept")] == ["ada"]


async def test_a_stopping_topic_answers_what_waits(system: ActorSystem) -> None:
    """Nobody hangs on a topic that ends: publications, joins and reads that wait for the engine are answered."""
    node = await start_node(system, engine=late)
    receipt = node.commands.publish("kept", "x", "message")
    node.commands.publish("kept", "behind it", "message", save=False)
    await settle()
    task = system.env.dispatcher.loop.create_task(node.commands.history("kept"))
    await settle()
    (topic,) = [ref for ref in system.root.walk() if ref.path.startswith("/topics/")]
    topic.stop_now()
    with pytest.raises(Refused):
        await receipt
    with pytest.raises(Refused):
        await task
    answers(node)
    await settle()


async def test_too_many_topics_are_refused_and_leave_nothing_behind(system: ActorSystem) -> None:
    """A join that finds no room on the node is no subscription, and the connection still ends in one farewell."""
    node = await start_node(system, settings(max_topics=1, max_topics_per_connection=1))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("kept")
    for _ in range(2):
        refused = await bob.says("join_room", room="other")
        assert refused[0]["error"]["reason"] == "limit_exceeded"
    await bob.joins("kept")
    bob.socket.end()
    await settle()
    assert bob.closed.topics == ("kept",)
    assert node.live.size("kept") == 1


async def test_a_departure_starts_no_topic(system: ActorSystem) -> None:
    """The last word to a topic that is gone is no reason to start it again."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    opened = facts_of(system, TopicOpened)
    (topic,) = [ref for ref in system.root.walk() if ref.path.startswith("/topics/")]
    topic.stop_now()
    ada.ref.kill()
    await settle()
    assert opened == []
