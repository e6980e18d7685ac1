"""Joins as a wire makes them, for tests that need no more of one than how its member reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.messages.commands import Join, Reply

if TYPE_CHECKING:
    from gateway.messages.commands import Face


def a_join(face: Face = "room", topic: str = "r", *, presence: bool = False) -> Join:
    return Join(topic, Reply("join_room" if face == "room" else "subscribe", face=face, topic=topic), presence=presence)
