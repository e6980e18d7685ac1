"""Which wire an upgrade request speaks, by its path: native, Centrifuge, Phoenix. Endpoints of the app come before."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from ...messages.commands import Join, Reply
from ...protocols.centrifuge import CentrifugeWire
from ...protocols.native import SUBPROTOCOL, NativeWire
from ...protocols.phoenix import PhoenixWire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...messages.commands import Command
    from ...protocols.base import Wire

VERSION = f"hubbub {version('hubbub')}"
"""What clients of Centrifuge are told that they are connected to."""

NATIVE = "/ws"
CENTRIFUGE = "/connection/websocket"
PHOENIX = "/socket/websocket"


@attrs.frozen
class Spoken:
    """What a client speaks, and what is answered to it in the 101."""

    wire: Wire
    subprotocol: str | None = None
    first: tuple[Command, ...] = ()
    """What is done as if the client had asked for it, once its socket is there."""
    refused_as: int = 401
    """The HTTP status for a token that is not taken."""


@attrs.frozen
class NotSpoken:
    """A wire, or a version of it, that is not spoken here."""

    status: int
    text: str


PLAIN = Spoken(NativeWire(says_hello=False))
INTRODUCED = Spoken(NativeWire(says_hello=True), SUBPROTOCOL)
"""The native wire remembers nothing of a connection, so one serves all."""


def wire_of(path: str, query: Mapping[str, str], offered: Sequence[str]) -> Spoken | NotSpoken | None:
    """
    Decides by the path as it was requested; None: there is no wire at it.

    Args:
        query: Decoded query parameters.
        offered: Subprotocols the client names.
    """
    if path == NATIVE or (path.startswith(f"{NATIVE}/") and path.count("/") == 2):
        return _native(path, offered)
    if path == CENTRIFUGE:
        return _centrifuge(query, offered)
    if path == PHOENIX:
        return _phoenix(query, offered)
    return None


def _native(path: str, offered: Sequence[str]) -> Spoken | None:
    """`/ws`, or `/ws/general`, which joins that room."""
    spoken = INTRODUCED if SUBPROTOCOL in offered else PLAIN
    if path == NATIVE:
        return spoken
    room = unquote(path.rpartition("/")[2])
    join = Join(room, Reply("join_room", face="room", topic=room))
    return attrs.evolve(spoken, first=(join,)) if room else None


def _centrifuge(query: Mapping[str, str], offered: Sequence[str]) -> Spoken | NotSpoken:
    if CentrifugeWire.protobuf_asked(query, offered):
        return NotSpoken(501, "Protobuf is not spoken here; use JSON (no subprotocol, or centrifuge-json)")
    wire = CentrifugeWire(VERSION, frame_pings=query.get("cf_ws_frame_ping_pong") == "true")
    return Spoken(wire, CentrifugeWire.subprotocol(offered))


def _phoenix(query: Mapping[str, str], offered: Sequence[str]) -> Spoken | NotSpoken:
    problem = PhoenixWire.handshake_problem(query, offered)
    if problem is not None:
        return NotSpoken(403, problem)
    return Spoken(PhoenixWire(), PhoenixWire.subprotocol(offered), refused_as=403)
