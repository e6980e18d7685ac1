"""Messages with a type in app code of a topic: checked before its handlers run, and published under their action."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway import wire_json
from gateway.messages.message_class import message
from gateway.topics.behaviour import Room, on
from tests.support.game import ada_of, bob_of, errors, publishes
from tests.support.peer import start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.member import Member


@message
class Move:
    column: int


@message
class Moved:
    column: int
    by: str


@message
class Odds:
    value: float


@dataclasses.dataclass
class Rest:
    seconds: int


class Table(Room):
    """What it takes is checked before its handlers run."""

    sends = (Rest,)

    @on(Move)
    async def move(self, member: Member, move: Move) -> Moved | Rest | dict[str, Any]:
        moved = Moved(column=move.column, by=member.principal.id)
        self.broadcast(moved)
        return {0: Rest(5), 1: {"plain": 1}}.get(move.column, moved)  # type: ignore[return-value]

    @on(Rest)
    def rest(self, member: Member, rest: Rest) -> None:
        self.broadcast(rest, event="resting", sender=member)

    @on("odds")
    def odds(self, member: Member, data: Any) -> Any:
        return Odds(value=float(data[0])) if len(data) == 1 else [float(one) for one in data]


async def test_b7_a_message_that_does_not_fit_is_answered_and_charged_to_nobody(system: ActorSystem) -> None:
    """Field and reason, as often as it likes; the handler does not run, and nothing fails."""
    node = await start_node(system, behaviour=Table)
    ada = ada_of(node)
    await ada.joins("room")
    ada.heard()
    for _ in range(5):
        (answer,) = await publishes(ada, "move", {"column": "one"})
        assert (answer["error"]["reason"], answer["error"]["field"]) == ("bad_request", "column")
        assert answer["error"]["message"] == "not a message 'move': expected `int`, got `str`, at 'column'"
    assert ada.closes == []
    (answer,) = await publishes(ada, "move")
    assert answer["error"]["field"] == "column"


async def test_d3_a_message_is_published_under_its_action(system: ActorSystem) -> None:
    """Its JSON has the action in it; a name that is given goes before."""
    node = await start_node(system, behaviour=Table)
    ada, bob = ada_of(node), bob_of(node)
    await bob.joins("room")
    bob.heard()
    await publishes(ada, "move", {"column": 3})
    await publishes(ada, "rest", {"seconds": 2})
    moved, rests = [one for one in bob.heard() if one.get("action") == "event"]
    assert (moved["event"], moved["payload"]) == ("moved", {"action": "moved", "column": 3, "by": "ada"})
    assert (rests["event"], rests["payload"]) == ("resting", {"action": "rest", "seconds": 2})
    assert rests["sender"]["user"] == "ada"


async def test_d3_what_a_handler_returns_is_a_message_or_a_value(system: ActorSystem) -> None:
    """A message is handed to the wire encoded, with its action; anything else as it is."""
    node = await start_node(system, behaviour=Table)
    ada_of(node)
    origin = node.directory.origin_of("ada")
    asked = [node.commands.handle("room", "move", {"column": column}, origin) for column in (0, 1, 2)]
    rest, plain, moved = [(await one).value for one in asked]
    assert [json.loads(wire_json.encode(one)) for one in (rest, moved)] == [
        {"action": "rest", "seconds": 5},
        {"action": "moved", "column": 2, "by": "ada"},
    ]
    assert all(isinstance(one, wire_json.Raw) for one in (rest, moved))
    assert plain == {"plain": 1}


@pytest.mark.allow_failures("TypeError", "NotCharged")
async def test_nan_in_a_reply_is_the_handlers_failure(system: ActorSystem) -> None:
    """It would reach the client as null, which is another value."""
    node = await start_node(system, behaviour=Table)
    ada = ada_of(node)
    for values in (["nan"], ["1.5", "inf"]):
        assert errors(await publishes(ada, "odds", values)) == ["internal"]
    for values in (["1.5"], ["1.5", "2"]):
        assert errors(await publishes(ada, "odds", values)) == []
