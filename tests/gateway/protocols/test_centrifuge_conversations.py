"""Conversations on the Centrifuge wire go as written: alone with a server of a few lines, and with the machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.access.identity import Principal
from gateway.engines.stream import History, Position, Stream
from gateway.messages.commands import (
    Call,
    Handled,
    HistoryRead,
    Identified,
    Identify,
    Invalid,
    Join,
    Joined,
    PresenceRead,
    ReadHistory,
    ReadPresence,
)
from gateway.messages.presence import Present
from gateway.messages.publications import Publication
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from tests.support.centrifuge_wire import CONNECT, wire
from tests.support.peer import Peer, settle, start_node
from tests.support.transcript import canned, play_wire

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.messages.commands import Command, Result

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
ADA = Present("c1", "ada", "r1", b'{"role":"host"}', b'{"n":"Ada"}')
NOBODY = Present("c2", "", "r2", None)


def kept() -> Stream[Publication]:
    """The last two of fifteen publications."""
    stream: Stream[Publication] = Stream("e", History(size=2))
    for number in range(1, 16):
        stream.append(Publication("chat", b'{"n":%d}' % number, 0.0), 0.0)
    return stream


def served(command: Command) -> Result:
    """A server where a channel or a method that is called like an error refuses with it."""
    name = getattr(command, "method", "") or command.reply.topic or ""
    if isinstance(command, Invalid):
        return command.error
    if name == "full":
        return Refused("full", "the game is full", code=1999)
    if name and name == name.lower() and name in REFUSALS:
        return Refused(name)
    return answered(command)


def answered(command: Command) -> Result:
    if isinstance(command, Identify):
        if command.token is None:
            return Identified("c1", Principal())
        at_once = {name: joined(command.since.get(name), recoverable=True) for name in ("#ada", "#all")}
        return Identified("c1", Principal("ada"), 3600.5, at_once)
    if isinstance(command, Join):
        return subscribed(command)
    if isinstance(command, ReadPresence):
        return PresenceRead((ADA, NOBODY), 2)
    if isinstance(command, ReadHistory):
        page = kept().page(since=command.since, limit=command.limit, reverse=command.reverse, now=0.0)
        return HistoryRead(page.entries, page.position)
    if isinstance(command, Call):
        return Handled(json.loads(command.payload))
    return canned(command)


def subscribed(command: Join) -> Result:
    if command.topic == "plain":
        return Joined(Position(0, "e"), None if command.since is None else False)
    result = joined(
        command.since, recoverable=True, response=command.params, expires_in=60.9 if command.token else None
    )
    if command.must_recover and not result.recovered:
        return Refused("unrecoverable_position")
    return result


def joined(
    since: Position | None, *, recoverable: bool, response: object = None, expires_in: float | None = None
) -> Joined:
    if since is None:
        return Joined(Position(15, "e"), recoverable=recoverable, response=response, expires_in=expires_in)
    found = kept().recover(since, 0.0)
    return Joined(found.position, found.recovered, found.entries, None, response, recoverable, expires_in)


REFUSALS = (
    *("internal", "unauthorized", "unknown_channel", "permission_denied", "unknown_action", "already_subscribed"),
    *("limit_exceeded", "bad_request", "not_available", "shutting_down", "token_expired", "expired"),
    *("too_many_requests", "unrecoverable_position", "concurrent_pagination"),
)


@pytest.mark.parametrize("name", ["commands", "recovery", "errors"])
def test_a_conversation_goes_as_written(name: str) -> None:
    """The wire alone, with a server of a few lines behind it."""
    play_wire(wire(), (TRANSCRIPTS / f"centrifuge_{name}.txt").read_text(), served)


def test_a_refused_connect_makes_the_connection_unusable() -> None:
    """The client closes by itself and decides by the error whether it comes back."""

    def expired(command: Command) -> Result:
        return Refused("token_expired") if isinstance(command, Identify) else canned(command)

    play_wire(wire(), (TRANSCRIPTS / "centrifuge_refused.txt").read_text(), expired)


async def test_clients_talk_through_the_machines(system: ActorSystem) -> None:
    """All at once, as centrifuge-js begins; then who joins, what is published, and who leaves."""
    node = await start_node(system)
    ada, bob = (Peer(node, name, wire=CentrifugeWire()) for name in ("ada", "bob"))
    ada.socket.feed(f'{CONNECT}\n{{"id":2,"subscribe":{{"channel":"kept","join_leave":true}}}}')
    await settle()
    connect, subscribe, own = ada.heard()
    assert own["push"]["join"]["info"]["client"] == "ada"  # as the reference does
    assert connect == {"id": 1, "connect": {"client": "ada", "ping": 25, "pong": True}}
    epoch = subscribe["subscribe"]["epoch"]
    assert subscribe == {"id": 2, "subscribe": {"recoverable": True, "positioned": True, "epoch": epoch}}
    bob.socket.feed(
        f'{CONNECT}\n{{"id":2,"subscribe":{{"channel":"kept"}}}}\n{{"id":3,"subscribe":{{"channel":"kept"}}}}'
    )
    bob.socket.feed('{"id":4,"publish":{"channel":"kept","data":[1]}}\n{"id":5,"unsubscribe":{"channel":"kept"}}')
    await settle()
    who = {"user": "", "client": "bob"}
    pub = {"push": {"channel": "kept", "pub": {"data": [1], "info": who, "offset": 1, "epoch": epoch}}}
    assert ada.heard() == [
        {"push": {"channel": "kept", "join": {"info": who}}},
        pub,
        {"push": {"channel": "kept", "leave": {"info": who}}},
    ]
    told = bob.heard()
    assert told.index(subscribe) < told.index(pub) < told.index({"id": 5, "unsubscribe": {}})
    assert {"id": 3, "error": {"code": 105, "message": "already subscribed"}} in told
    assert {"id": 4, "publish": {}} in told
    bob.socket.feed("7")
    await settle()
    assert (bob.closed.code, ada.closes) == (3501, [])
