"""The wire of Phoenix with phoenix.js at its other end: the command in what it sends, and what it makes of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.engines.stream import Position
from gateway.messages.commands import Join
from gateway.messages.presence import Present
from gateway.protocols.phoenix import PhoenixWire
from tests.support import phoenix_js
from tests.support.fake_socket import FakeSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.messages.commands import Command

WIRE = PhoenixWire()
TOP = Position(15, "e")

ADA = Present("c1", "ada", "r1", None)


def heard(frames: Sequence[bytes]) -> list[phoenix_js.Heard]:
    """What phoenix.js makes of these frames."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [phoenix_js.decode(frame) for frame in socket.frames]


def one(frame: bytes) -> phoenix_js.Heard:
    (message,) = heard([frame])
    return message


def command(*message: Any) -> Command:
    """The command in what phoenix.js would send."""
    (found,) = WIRE.decode(phoenix_js.encode(*message))
    return found


def join(params: object = None, topic: str = "room:a", join_ref: Any = "1") -> Join:
    found = command(join_ref, "1", topic, "phx_join", {} if params is None else params)
    assert isinstance(found, Join)
    return found


PLAIN, META = join(), join({"gw": {"meta": True}})
"""Joins of who wants no positions with what it reads, and of who does."""
