"""The Centrifuge wire with a client at its other end: opened, connected, and what the client reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gateway.messages.commands import Identify
from gateway.protocols.centrifuge import CentrifugeWire
from tests.support.fake_socket import FakeSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT = '{"id":1,"connect":{}}'


def wire() -> CentrifugeWire:
    """A connection that was opened."""
    new = CentrifugeWire("hubbub 1")
    assert new.opened("c1", 24.5) == ()
    return new


def connected() -> CentrifugeWire:
    """A connection whose client has said who it is."""
    new = wire()
    (identify,) = new.decode(CONNECT)
    assert isinstance(identify, Identify)
    return new


def lines(frames: Sequence[bytes]) -> list[list[object]]:
    """What a client reads of these frames: each is a list of JSON lines."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [[json.loads(line) for line in text.split("\n")] for text in socket.texts()]


def said(frames: Sequence[bytes]) -> object:
    """The one thing that a client reads of these."""
    ((line,),) = lines(frames)
    return line
