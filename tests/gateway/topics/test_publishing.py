"""Publishing in a topic: one order for everybody, once for a key, and not for who is excluded."""

from __future__ import annotations

from typing import Any

import pytest

from actors import ActorSystem
from gateway.access.identity import Principal
from gateway.events import TopicClosed
from gateway.messages.topic_messages import Origin
from gateway.topics.behaviour import Room, on
from gateway.topics.member import Member
from tests.support.game import Game
from tests.support.late_answers import answers, late
from tests.support.late_engine import LateEngine
from tests.support.peer import PLAIN, Peer, facts_of, settings, settle, start_node
from tests.support.wire_peers import Phoenix


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
    node = await start_node(system)
    ada = Peer(node, "ada", principal=Principal("ada"))
    bob = Peer(node, "bob", principal=Principal("bob"))
    await ada.joins("kept")
    ada.heard()
    for peer in (ada, bob):
        peer.send("publish", room="kept", payload=peer.client, id="1")
    await settle()
    assert sorted(payload for _, payload in ada.events()) == ["ada", "bob"]


async def test_a_principal_has_its_keys_on_all_its_connections(system: ActorSystem) -> None:
    """What was not answered before a cut is sent again after it, and heard once."""
    node = await start_node(system)
    for name in ("before", "after"):
        peer = Peer(node, name, principal=Principal("ada"))
        (reply,) = await peer.says("publish", room="kept", payload="once", id="1")
        assert reply["offset"] == 1


@pytest.mark.parametrize("room", ["kept", "plain", "room"])
async def test_the_anonymous_do_not_share_their_keys(system: ActorSystem, room: str) -> None:
    """Nobody's publication is swallowed, nobody is told of another's: neither kept, nor passed on, nor handled."""
    node = await start_node(system, behaviour=Game)
    listener, one, two = Peer(node), Peer(node), Peer(node)
    for peer in (listener, two):
        await peer.joins(room)
    for peer in (one, two, one, two):
        peer.send("publish", room=room, event="say", payload=peer.client, id="1")
        await settle()
    assert sorted(payload for _, payload in listener.events()) == sorted([one.client, two.client])
    if room == "kept":
        told = [[said["offset"] for said in peer.heard() if said.get("status") == "published"] for peer in (one, two)]
        assert told == [[1, 1], [2, 2]]


async def test_an_anonymous_client_has_its_keys_in_its_session(system: ActorSystem) -> None:
    """Who joins again under the session that it named may send again what was not answered; others may not."""
    node = await start_node(system)
    for name, session, offset in (("c1", "s1", 1), ("c2", "s1", 1), ("c3", "s2", 2), ("c4", None, 3)):
        peer = Peer(node, name)
        await peer.joins("kept", session=session)
        replies = await peer.says("publish", room="kept", payload=name, id="1")
        assert [one["offset"] for one in replies if one.get("status") == "published"] == [offset]


async def test_nobody_reaches_the_keys_of_another_by_a_name(system: ActorSystem) -> None:
    """A connection's id is seen by all, a session may be any text, and users may be called anything as well."""
    node = await start_node(system)
    principals = [Principal(), Principal("app"), Principal("c1"), Principal("client:c1"), Principal("session:s1")]
    await Peer(node, "first").joins("kept", session="s1")
    for number, principal in enumerate(principals):
        peer = Peer(node, f"c{number}", principal=principal)
        assert (await peer.says("publish", room="kept", payload=1, id="k"))[0]["offset"] == number + 1
    offset = len(principals)
    for session in ("c0", "\0c0", "client:c0", "\0client:c0", "app", "\0app", "user:app"):
        peer = Peer(node)
        await peer.joins("kept", session=session)
        offset += 1
        replies = await peer.says("publish", room="kept", payload=1, id="k")
        assert [one["offset"] for one in replies if one.get("status") == "published"] == [offset]
    published = await node.commands.publish("kept", 1, key="k")
    assert published.position is not None
    assert published.position.offset == offset + 1


async def test_app_code_has_one_space_of_keys_in_a_topic(system: ActorSystem) -> None:
    """Whoever is shown as the sender; in another topic it is another key."""
    node = await start_node(system)
    ada = Origin(None, "c1", Principal("ada"))
    told = [await node.commands.publish("kept", 1, key="k", publisher=one) for one in (None, ada, None)]
    assert [one.position.offset for one in told if one.position is not None] == [1, 1, 1]
    await node.commands.publish("kept2", 1)
    other = await node.commands.publish("kept2", 1, key="k")
    assert other.position is not None
    assert other.position.offset == 2


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


def ActorSystemOf(system: ActorSystem) -> ActorSystem:  # reads as the class it makes
    """Another system on the same loop and clock."""
    return ActorSystem("other", clock=system.env.clock)


@pytest.mark.parametrize("event", [5, b"said", "a,b", 'say "hi"', "line\n", "x" * 256, "\ud800"])
async def test_an_event_that_no_wire_could_carry_is_refused_where_app_code_says_it(
    system: ActorSystem, event: Any
) -> None:
    """In its topic it was the crash of the machine: everybody was put out because of one wrong argument."""
    node = await start_node(system)
    ada, bob = Phoenix(node), Peer(node, "bob")
    await ada.pushes(["1", "1", "kept", "phx_join", {}])
    await bob.joins("kept")
    (member, _) = node.commands.members("kept")
    expected = ValueError if isinstance(event, str) else TypeError
    for act in (lambda: node.commands.publish("kept", 1, event), lambda: member.send(1, event=event)):
        with pytest.raises(expected, match=r"could not publish an event of the name .*: "):
            act()
    node.commands.publish("kept", 2, "fits")
    await settle()
    assert [tuple(frame[3:]) for frame in ada.heard() if frame[3] != "presence_diff"] == [("fits", {"data": 2})]
    assert [(said["event"], said["payload"]) for said in bob.heard()] == [("fits", 2)]


class Wrong(Room):
    """Says an event that is none."""

    @on("wrong")
    def wrong(self, member: Member, data: Any) -> None:
        self.broadcast(data, event=data)


@pytest.mark.allow_failures("TypeError", "NotCharged")
async def test_a_room_that_says_such_an_event_has_failed_and_nothing_else(system: ActorSystem) -> None:
    """Its handler is answered `internal`; its members stay."""
    node = await start_node(system, settings({"room": PLAIN}), behaviour=Wrong)
    ada, eve = Peer(node, "ada"), Phoenix(node)
    await ada.joins("room")
    await eve.pushes(["1", "1", "room", "phx_join", {}])
    (refused,) = await ada.says("publish", room="room", event="wrong", payload=5)
    assert refused["error"]["reason"] == "internal"
    await settle()
    assert (node.live.size("room"), eve.heard()) == (2, [])
