"""The machine of a topic: joining, leaving, order, what is answered, and what outlives it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from actors import ActorSystem
from gateway.behaviour import Room
from gateway.events import RoomLeft, TopicClosed, TopicOpened
from gateway.reasons import Refused
from tests.support.late_engine import LateEngine
from tests.support.peer import KEPT, PLAIN, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from gateway.member import Member
    from gateway.node import Node


def late(node: Node) -> LateEngine:
    """An engine that answers when the test says so."""
    return LateEngine(node.clock, node.ids)


def answers(node: Node, topic: str = "kept", count: int | None = None) -> None:
    """The late engine carries out what waits for a topic, and answers."""
    assert isinstance(node.engine, LateEngine)
    node.engine.answer(topic, count)


# --- publishing


async def test_members_get_what_is_published_in_one_order(system: ActorSystem) -> None:
    """Offsets are 1, 2, 3 and every member sees them in that order, the sender too."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    ada.send("publish", room="kept", payload="a")
    bob.send("publish", room="kept", payload="b")
    ada.send("publish", room="kept", payload="c")
    await settle()
    events = bob.events()
    assert [offset for offset, _ in events] == [1, 2, 3]
    assert sorted(payload for _, payload in events) == ["a", "b", "c"]
    assert ada.events() == events


async def test_who_is_excluded_gets_nothing_and_the_others_do(system: ActorSystem) -> None:
    """`echo: false` leaves the sender out, live and in recovery; its position moves all the same."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    begun = await ada.joins("kept")
    await bob.joins("kept")
    ada.heard()
    ada.send("publish", room="kept", payload=1, echo=False)
    bob.send("publish", room="kept", payload=2)
    await settle()
    assert ada.events() == [(2, 2)]
    assert bob.events() == [(1, 1), (2, 2)]
    ada.send("leave_room", room="kept")
    back = await ada.says("join_room", room="kept", since={"offset": begun["offset"], "epoch": begun["epoch"]})
    joined = next(one for one in back if one.get("status") == "joined")
    assert (joined["recovered"], joined["missed"], joined["offset"]) == (True, 1, 2)


async def test_a_dead_member_disturbs_nobody(system: ActorSystem) -> None:
    """A publication that excludes somebody whose connection has just gone reaches everybody else."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    closed = facts_of(system, TopicClosed)
    node.commands.publish("kept", "one", "message", exclude="bob")
    node.commands.publish("kept", "two", "message")
    bob.ref.kill()
    await settle()
    node.commands.publish("kept", "three", "message", exclude="bob")
    await settle()
    assert [payload for _, payload in ada.events()] == ["one", "two", "three"]
    assert closed == []


async def test_a_repeated_key_is_answered_and_not_delivered_again(system: ActorSystem) -> None:
    """Whoever publishes under the same `id` again gets the first position; members see it once."""
    for engine in (None, late):
        node = await start_node(ActorSystemOf(system), engine=engine)
        ada = Peer(node, "ada")
        ada.send("join_room", room="kept")
        ada.send("publish", room="kept", payload="once", id="k", ref=1)
        ada.send("publish", room="kept", payload="once", id="k", ref=2)
        await settle()
        if isinstance(node.engine, LateEngine):
            answers(node)
            await settle()
        heard = ada.heard()
        assert [one["offset"] for one in heard if one.get("status") == "published"] == [1, 1]
        assert [one["payload"] for one in heard if one.get("action") == "event"] == ["once"]
        await node.stop()


async def test_a_key_belongs_to_who_used_it(system: ActorSystem) -> None:
    """Two users who number their messages alike do not swallow each other's."""
    from gateway.identity import Principal

    node = await start_node(system)
    ada = Peer(node, "ada", principal=Principal("ada"))
    bob = Peer(node, "bob", principal=Principal("bob"))
    await ada.joins("kept")
    ada.heard()
    for peer in (ada, bob):
        peer.send("publish", room="kept", payload=peer.client, id="1")
    await settle()
    assert sorted(payload for _, payload in ada.events()) == ["ada", "bob"]


async def test_an_ephemeral_publication_keeps_its_place(system: ActorSystem) -> None:
    """What is not saved has no offset and stays in order with what is, also while the engine takes its time."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    ada.heard()
    for payload, save in (("a", None), ("b", False), ("c", None), ("d", False)):
        node.commands.publish("kept", payload, "message", save=save)
    await settle()
    assert ada.events() == []
    answers(node)
    await settle()
    assert ada.events() == [(1, "a"), (None, "b"), (2, "c"), (None, "d")]


# --- joining and leaving


async def test_a_full_topic_refuses_and_lets_its_own_members_rejoin(system: ActorSystem) -> None:
    """`max_members` counts who is in and who is about to be; a member that joins again takes no second place."""
    chosen = settings({"full": changed(PLAIN, max_members=1)})
    node = await start_node(system, chosen)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("full")
    refused = await bob.says("join_room", room="full")
    assert refused[0]["error"]["reason"] == "topic_full"
    assert (await ada.joins("full"))["status"] == "joined"
    ada.socket.end()
    await settle()
    await bob.joins("full")


async def test_joins_under_way_count_against_the_limit(system: ActorSystem) -> None:
    """Two that join at once do not both get the last place, however late the engine answers."""
    chosen = settings({"full": changed(KEPT, max_members=1)})
    node = await start_node(system, chosen, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="full")
    bob.send("join_room", room="full")
    await settle()
    answers(node, "full")
    await settle()
    told = sorted(peer.heard()[0]["status"] for peer in (ada, bob))
    assert told == ["error", "joined"]
    assert node.live.size("full") == 1


async def test_rejoining_replaces_and_loses_nothing(system: ActorSystem) -> None:
    """A second join of the same connection ends the first membership and starts another; it is delivered to once."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    left = facts_of(system, RoomLeft)
    await ada.joins("kept")
    await ada.joins("kept")
    node.commands.publish("kept", "x", "message")
    await settle()
    assert [payload for _, payload in ada.events()] == ["x"]
    assert [(fact.topic, fact.reason) for fact in left] == [("kept", "rejoined")]
    ada.socket.end()
    await settle()
    assert node.live.size("kept") == 0
    assert len(left) == 2


async def test_rejoining_while_joining_ends_in_one_membership(system: ActorSystem) -> None:
    """Two joins under way at a late engine: both are answered, the later one counts."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("join_room", room="kept", ref=2)
    await settle()
    answers(node)
    await settle()
    told = {one["ref"]: one["status"] for one in ada.heard()}
    assert told == {1: "error", 2: "joined"}
    node.commands.publish("kept", "x", "message")
    await settle()
    answers(node)
    await settle()
    assert [payload for _, payload in ada.events()] == ["x"]


async def test_leaving_while_joining_ends_outside(system: ActorSystem) -> None:
    """Who leaves before the engine has answered its join is no member, and both commands are answered."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("leave_room", room="kept", ref=2)
    await settle()
    answers(node)
    await settle()
    assert {one["ref"]: one["status"] for one in ada.heard()} == {1: "error", 2: "left"}
    assert node.live.size("kept") == 0
    ada.send("join_room", room="kept", ref=3)
    await settle()
    answers(node)
    await settle()
    assert ada.heard()[0]["status"] == "joined"


async def test_who_goes_while_joining_never_becomes_a_member(system: ActorSystem) -> None:
    """A connection that ends while the engine looks for what it missed leaves no ghost behind."""
    node = await start_node(system, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept")
    await settle()
    ada.socket.end()
    await settle()
    answers(node)
    await settle()
    assert node.live.size("kept") == 0


async def test_what_is_published_while_joining_comes_once_and_in_order(system: ActorSystem) -> None:
    """Between the join's question and its answer everything is collected: no gap, no repeat, the others' order."""
    node = await start_node(system, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    start = ada.heard()[0]
    node.commands.publish("kept", "before", "message", save=False)
    node.commands.publish("kept", "one", "message")
    await settle()
    bob.send("join_room", room="kept", since={"offset": 0, "epoch": start["epoch"]})
    node.commands.publish("kept", "two", "message")
    node.commands.publish("kept", "after", "message", save=False)
    await settle()
    answers(node)
    await settle()
    assert ada.events() == [(None, "before"), (1, "one"), (2, "two"), (None, "after")]
    assert bob.events() == [(1, "one"), (2, "two"), (None, "after")]


async def test_an_ephemeral_one_before_what_is_replayed_is_not_put_behind_it(system: ActorSystem) -> None:
    """All members see one order: what was delivered to the others before the last replayed one is over for a joiner."""
    node = await start_node(system, engine=late)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="kept")
    await settle()
    answers(node)
    await settle()
    epoch = ada.heard()[0]["epoch"]
    node.commands.publish("kept", "zero", "message")
    node.commands.publish("kept", "ephemeral", "message", save=False)
    node.commands.publish("kept", "one", "message")
    await settle()
    bob.send("join_room", room="kept", since={"offset": 0, "epoch": epoch})
    await settle()
    answers(node, count=1)
    await settle()
    answers(node)
    await settle()
    assert [payload for _, payload in ada.events()] == ["zero", "ephemeral", "one"]
    assert [payload for _, payload in bob.events()] == ["zero", "one"]


async def test_a_refusing_engine_refuses_the_command_and_nothing_else(system: ActorSystem) -> None:
    """An engine's refusal is an answer like any other, to a join, a publication and a read."""

    class Refusing(LateEngine):
        def publish(self, call: Any, publication: Any, key: Any) -> Any:
            return self._later(call, _refuse)

        def recover(self, call: Any, since: Any) -> Any:
            return self._later(call, _refuse)

        def page(self, call: Any, since: Any, limit: Any, *, reverse: bool) -> Any:
            return self._later(call, _refuse)

    def _refuse() -> object:
        raise Refused("not_available", "the store is gone", temporary=True)

    node = await start_node(system, engine=lambda node: Refusing(node.clock, node.ids))
    ada = Peer(node, "ada")
    ada.send("join_room", room="kept", ref=1)
    ada.send("publish", room="kept", payload=1, ref=2)
    ada.send("history", room="kept", ref=3)
    await settle()
    answers(node)
    await settle()
    assert {one["ref"]: one["error"]["reason"] for one in ada.heard()} == dict.fromkeys((1, 2, 3), "not_available")
    assert node.live.size("kept") == 0


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


class Asked(Room):
    """Joins are allowed by the test, through `answers`."""

    answers: dict[str, Any]

    async def on_join(self, member: Member, params: object) -> object:
        answer = self.answers[member.id]
        return await answer() if callable(answer) else answer


def room_answering(**answers: Any) -> type[Asked]:
    return type("Answering", (Asked,), {"answers": answers})


async def _after(seconds: float, result: object = None) -> object:
    await passes(seconds)
    if isinstance(result, Exception):
        raise result
    return result


async def test_a_slow_on_join_is_timed_out(system: ActorSystem) -> None:
    """After 3 s the client is answered `timed_out`; an answer that comes later makes nobody a member."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 4.0), bob="hi"))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="room", ref=1)
    await passes(2.9)
    assert ada.heard() == []
    await passes(0.2)
    assert ada.heard()[0]["error"]["reason"] == "timed_out"
    await passes(2)
    assert node.live.size("room") == 0
    assert (await bob.joins("room"))["response"] == "hi"


async def test_on_join_refuses(system: ActorSystem) -> None:
    """The reason of the app code reaches the client; it may ask again."""
    answers = {"ada": partial(_after, 0.0, Refused("full", "no more chairs"))}
    node = await start_node(system, behaviour=room_answering(**answers))
    ada = Peer(node, "ada")
    for _ in range(2):
        ada.send("join_room", room="room", ref=1)
        await passes(0.1)
        (refused,) = ada.heard()
        assert (refused["error"]["reason"], refused["error"]["message"]) == ("full", "no more chairs")
    assert node.live.size("room") == 0


@pytest.mark.allow_failures("ValueError", "NotCharged")
async def test_on_join_raises(system: ActorSystem) -> None:
    """The client learns `internal`; the next one is let in by the next life of the behaviour."""
    answers = {"ada": partial(_after, 0.0, ValueError("a bug")), "bob": None}
    node = await start_node(system, behaviour=room_answering(**answers))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="room")
    await passes(0.1)
    assert ada.heard()[0]["error"]["reason"] == "internal"
    await bob.joins("room")


async def test_leaving_while_on_join_decides_ends_outside(system: ActorSystem) -> None:
    """The leave is obeyed although the join was not answered; the late yes changes nothing."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    ada.send("leave_room", room="room", ref=2)
    await passes(2)
    assert {one["ref"]: one["status"] for one in ada.heard()} == {1: "error", 2: "left"}
    assert node.live.size("room") == 0
    ada.send("join_room", room="room", ref=3)
    await passes(2)
    assert ada.heard()[0]["status"] == "joined"


async def test_going_while_on_join_decides_leaves_no_ghost(system: ActorSystem) -> None:
    """A connection that ended while its join was decided never becomes a member."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room")
    await settle()
    ada.socket.end()
    await passes(2)
    assert node.live.size("room") == 0
    assert len(ada.closes) == 1


async def test_rejoining_while_on_join_decides_ends_in_one_membership(system: ActorSystem) -> None:
    """Both joins are decided and answered; one membership is left, and it ends with the connection."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    ada.send("join_room", room="room", ref=2)
    await passes(5)
    told = {one["ref"]: one["status"] for one in ada.heard() if "ref" in one}
    assert told[2] == "joined"
    assert node.live.size("room") == 1
    ada.socket.end()
    await settle()
    assert node.live.size("room") == 0


async def test_a_refused_rejoin_leaves_both_sides_of_one_mind(system: ActorSystem) -> None:
    """Who is refused when it joins again is out, at the topic as at the connection: no member nobody can end."""
    calls: list[int] = []

    async def once() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise Refused("once", "only once")

    node = await start_node(system, behaviour=room_answering(ada=once))
    ada = Peer(node, "ada")
    await ada.joins("room")
    (refused,) = await ada.says("join_room", room="room")
    assert refused["error"]["reason"] == "once"
    assert node.live.size("room") == 0
    ada.socket.end()
    await settle()
    assert ada.closed.topics == ()


async def test_a_join_that_waits_when_the_topic_ends_is_answered(system: ActorSystem) -> None:
    """Nobody waits for a topic that is gone."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 2.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    await settle()
    (topic,) = [ref for ref in system.root.walk() if ref.path.startswith("/topics/") and "behaviour" not in ref.path]
    topic.stop_now()
    await passes(8)
    assert len([one for one in ada.heard() if one.get("ref") == 1]) == 1
    assert node.live.size("room") == 0


def ActorSystemOf(system: ActorSystem) -> ActorSystem:  # reads as the class it makes
    """Another system on the same loop and clock."""
    return ActorSystem("other", clock=system.env.clock)
