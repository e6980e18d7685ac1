"""A node whose engine answers when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.late_engine import LateEngine

if TYPE_CHECKING:
    from gateway.node import Node


def late(node: Node) -> LateEngine:
    """An engine that answers when the test says so."""
    return LateEngine(node.clock, node.ids)


def answers(node: Node, topic: str = "kept", count: int | None = None) -> None:
    """The late engine carries out what waits for a topic, and answers."""
    assert isinstance(node.engine, LateEngine)
    node.engine.answer(topic, count)
