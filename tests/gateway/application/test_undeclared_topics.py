"""A topic that nobody has declared: its clients are refused, and who runs the gateway can see what they asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog

from gateway.access.identity import Principal
from gateway.events import CommandRefused, TopicNotDeclared
from gateway.messages.commands import Join, Publish, Reply
from gateway.protocols.phoenix import PhoenixWire
from gateway.settings.config import GatewaySettings
from gateway.settings.topic import TopicSettings
from gateway.telemetry.telemetry import Telemetry
from tests.support.peer import PLAIN, Peer, facts_of, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem

TOPICS = {"game:*": PLAIN, "closed:*": TopicSettings(join="nobody")}


@pytest.mark.parametrize("action", ["join_room", "publish", "history", "presence"])
async def test_it_is_a_fact_that_names_the_topic(system: ActorSystem, action: str) -> None:
    """Once for each command that was refused for it; the client learns no more than of any other refusal."""
    node = await start_node(system, settings(TOPICS))
    facts = facts_of(system, TopicNotDeclared, CommandRefused)
    ada = Peer(node, "ada", principal=Principal("ada"))
    (answer,) = await ada.says(action, room="gmae:7", payload=1)
    assert answer["error"]["reason"] == "permission_denied"
    assert facts == [
        TopicNotDeclared("ada", "gmae:7"),
        CommandRefused("ada", facts[1].action, "permission_denied"),
    ]


async def test_what_is_declared_and_refused_is_another_matter(system: ActorSystem) -> None:
    """Who may not join a topic that exists is no sign of a section that is missing."""
    node = await start_node(system, settings(TOPICS))
    facts = facts_of(system, TopicNotDeclared)
    ada = Peer(node, "ada")
    assert (await ada.says("join_room", room="closed:1"))[0]["error"]["reason"] == "permission_denied"
    await ada.joins("game:7")
    assert facts == []


async def test_in_development_other_names_are_open(system: ActorSystem) -> None:
    """Nothing is refused, so there is nothing to see."""
    node = await start_node(system, GatewaySettings(development=True))
    facts = facts_of(system, TopicNotDeclared)
    await Peer(node, "ada").joins("gmae:7")
    assert facts == []


@pytest.mark.parametrize("event", ["phx_join", "gw:history"])
async def test_a_wire_without_other_names_says_it_in_development_too(system: ActorSystem, event: str) -> None:
    """Phoenix knows no topic that nobody has declared: its client is told so, and so is the log."""
    node = await start_node(system, GatewaySettings(development=True))
    facts = facts_of(system, TopicNotDeclared)
    ada = Peer(node, "ada", wire=PhoenixWire())
    ada.socket.feed(f'["1","1","gmae:7","{event}",{{}}]')
    await settle()
    assert '"unmatched topic"' in ada.socket.texts()[-1]
    assert facts == [TopicNotDeclared("ada", "gmae:7")]
    assert not node.live.is_live("gmae:7")


async def test_app_code_needs_no_declaration(system: ActorSystem) -> None:
    """What the application joins and publishes by itself is open to it under any name."""
    node = await start_node(system, settings(TOPICS))
    facts = facts_of(system, TopicNotDeclared)
    ada = Peer(node, "ada")
    commands: list[Any] = [
        Join("mine", Reply("join", topic="mine", is_by_server=True)),
        Publish("mine", Reply("publish", topic="mine", is_by_server=True), b"1"),
    ]
    for command in commands:
        ada.ref.tell(command)
    await settle()
    assert (facts, ada.events()) == ([], [(None, 1)])


async def test_a_flood_of_made_up_names_is_a_line_a_second(system: ActorSystem) -> None:
    """Strangers choose the names: the log has the first and how many there were, the metrics count all."""
    node = await start_node(system, settings(TOPICS))
    with structlog.testing.capture_logs() as lines:
        listener = Telemetry(node)
        ada = Peer(node, "ada")
        for number in range(10):
            await ada.says("join_room", room=f"made-up:{number}")
    said = [line for line in lines if line["event"] == "topic.not_declared"]
    assert [(line["log_level"], line["topic"], line["count"]) for line in said] == [("info", "made-up:0", 1)]
    assert listener.total("topic.not_declared") == 10
