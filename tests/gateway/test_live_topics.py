"""Live topics: one actor a name, there from the first word for it until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.events import TopicOpened
from gateway.reasons import Refused
from gateway.topic_messages import Settle
from tests.support.peer import Peer, facts_of, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


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
