"""Rooms that cannot begin: who asked is answered, and the next who asks has another try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from actors.events import ActorFailed, SupervisorGaveUp
from gateway.events import TopicClosed, TopicOpened
from gateway.reasons import Refused
from gateway.topics.behaviour import Room
from tests.support.peer import PLAIN, Peer, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


class Shelf(Room):
    """Begins with what is found for its name; clients choose names."""

    books: ClassVar[dict[str, Any]] = {}

    def initial_state(self) -> Any:
        try:
            return self.books[self.name]
        except KeyError:
            raise Refused("not_found", f"nobody has put up {self.name}") from None


class Broken(Room):
    def initial_state(self) -> Any:
        raise OSError("the disk is gone")


class NeverMade(Room):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        raise OSError("the disk is gone")


class Unsayable(Room):
    def initial_state(self) -> Any:
        raise Refused("not_found", why=object())


OPEN = settings({"room*": PLAIN})


async def test_a_room_that_refuses_to_begin_refuses_who_asks(system: ActorSystem) -> None:
    """In its words, and it is nobody's failure; a name that has something by then begins."""
    Shelf.books = {}
    node = await start_node(system, OPEN, behaviour=Shelf)
    failures, lives = facts_of(system, ActorFailed, SupervisorGaveUp), facts_of(system, TopicOpened, TopicClosed)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        peer.send("join_room", room="room:1", ref=1)
    receipt = node.commands.publish("room:1", "hello")
    await passes(1.0)
    for peer in (ada, bob):
        (heard,) = peer.heard()
        assert (heard["error"]["reason"], heard["error"]["message"]) == ("not_found", "nobody has put up room:1")
    with pytest.raises(Refused, match="nobody has put up"):
        await receipt
    assert (failures, node.live.names()) == ([], ())
    assert [type(fact) for fact in lives] == [TopicOpened, TopicClosed] * (len(lives) // 2)
    Shelf.books = {"room:1": ["a book"]}
    await ada.joins("room:1")


@pytest.mark.allow_failures("OSError", "Refused")
@pytest.mark.parametrize("code", [Broken, NeverMade, Unsayable])
async def test_a_room_that_fails_to_begin_answers_internal(system: ActorSystem, code: type[Room]) -> None:
    """Whoever asked, once; the failure is a fact, and who asks again has another try."""
    node = await start_node(system, OPEN, behaviour=code)
    failures = facts_of(system, ActorFailed)
    ada = Peer(node, "ada")
    for number in range(2):
        heard = await ada.says("join_room", room="room:1", ref=number)
        assert [one["error"]["reason"] for one in heard] == ["internal"]
        assert [fact.ref.path for fact in failures] == ["/topics/room:1"] * (number + 1)
    assert node.live.names() == ()


async def test_who_was_refused_by_a_beginning_is_in_no_room(system: ActorSystem) -> None:
    """Its place among the topics of a connection is free again, and its end tells nobody."""
    Shelf.books = {}
    node = await start_node(system, settings({"room*": PLAIN}, max_topics_per_connection=1), behaviour=Shelf)
    ada = Peer(node, "ada")
    await ada.says("join_room", room="room:1")
    Shelf.books = {"room:2": []}
    await ada.joins("room:2")
    ada.socket.end()
    await settle()
    assert ada.closed.topics == ("room:2",)
