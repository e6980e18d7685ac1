"""Topics without history: nobody is told that it missed nothing, on any wire; what is saved expressly can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import HistoryRecovered
from tests.support.late_engine import LateEngine
from tests.support.peer import Peer, facts_of, settle, start_node
from tests.support.wire_peers import Centrifuge, Phoenix

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.engines.base import Engine
    from gateway.node import Node


def late(node: Node) -> Engine:
    return LateEngine(node.clock, node.ids, delay=lambda: 0.0)


@pytest.mark.parametrize("engine", [None, late], ids=["memory", "late"])
@pytest.mark.parametrize("missed", [0, 1])
async def test_who_comes_back_is_not_recovered(system: ActorSystem, engine: Any, missed: int) -> None:
    """What is not kept has no position, so nobody knows whether something was missed: then it is not promised."""
    node = await start_node(system, engine=engine)
    facts = facts_of(system, HistoryRecovered)
    ada = Peer(node, "ada")
    begun = await ada.joins("plain")
    await ada.says("leave_room", room="plain")
    for number in range(missed):
        node.commands.publish("plain", number)
    await settle()
    back = await ada.joins("plain", since={"offset": begun["offset"], "epoch": begun["epoch"]})
    assert (back["recovered"], back["missed"], back["offset"], back["epoch"]) == (False, 0, 0, begun["epoch"])
    assert [(fact.recovered, fact.reason) for fact in facts] == [(False, "no_history")]


async def test_also_what_was_saved_expressly_is_no_continuity(system: ActorSystem) -> None:
    """Between two that were saved there may have been others; those that were are read from the history."""
    node = await start_node(system)
    await node.commands.publish("plain", "kept", save=True)
    await node.commands.publish("plain", "gone")
    await node.commands.publish("plain", "kept too", save=True)
    ada = Peer(node, "ada")
    back = await ada.joins("plain", since={"offset": 1})
    assert (back["recovered"], back["missed"], back["offset"]) == (False, 0, 2)
    (read,) = await ada.says("history", room="plain", since={"offset": 1, "epoch": back["epoch"]})
    assert [(one["offset"], one["payload"]) for one in read["events"]] == [(2, "kept too")]
    await node.commands.publish("plain", "live", save=True)
    assert ada.events() == [(3, "live")]


async def test_a_client_of_centrifuge_learns_that_it_was_recovering_and_is_not(system: ActorSystem) -> None:
    """And gets error 112 if it would rather have none than one with a hole."""
    node = await start_node(system)
    ada, bob = Centrifuge(node, "ada"), Centrifuge(node, "bob")
    for peer in (ada, bob):
        await peer.connects()
    (reply,) = await ada.asks(subscribe={"channel": "plain", "recover": True})
    assert reply["subscribe"] == {"was_recovering": True}
    (reply,) = await bob.asks(subscribe={"channel": "plain", "recover": True, "flag": 2})
    assert reply["error"]["code"] == 112


async def test_a_client_of_phoenix_learns_that_it_is_not_recovered(system: ActorSystem) -> None:
    """By our key in the answer to its join."""
    node = await start_node(system)
    ada = Phoenix(node)
    (reply,) = await ada.pushes(["1", "1", "plain", "phx_join", {"gw": {"since": {"offset": 0}}}])
    assert reply[4]["response"]["gw"]["recovered"] is False


async def test_who_asks_for_no_recovery_is_told_of_none(system: ActorSystem) -> None:
    """A first join is neither recovered nor not."""
    ada = Peer(await start_node(system), "ada")
    assert "recovered" not in await ada.joins("plain")
