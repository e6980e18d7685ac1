"""What connections share, on each wire: who did not use it up is told when to come again, and is not closed."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from gateway.access.identity import ANONYMOUS, Principal
from gateway.application.app import StartsSession
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.passage import OPEN
from gateway.events import CommandRefused
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.native import NativeWire
from gateway.protocols.phoenix import PhoenixWire
from gateway.protocols.raw import RawWire
from tests.support.peer import Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.node import Node
    from gateway.protocols.base import Wire

ASKED = 40
"""Times; ten excesses of its own would close a connection, and fifteen are what its first message has leased."""


class Echo(WebSocketEndpoint):
    def on_receive(self, ws: Any, data: Any) -> Any:
        return ws.send_text('{"echo": true}')


@attrs.frozen
class Speech:
    """How a client of one wire asks for something, and what it is told."""

    wire: Callable[[], Wire]
    first: str | None
    """What it sends before anything else; one message of the rate as well."""
    asks: Callable[[int], str]
    wait: Callable[[Any], float | None]
    """`retry_after` of an answer; None: it was served."""
    session: Any = None


def of_error(told: Any) -> float | None:
    found: float | None = told.get("error", {}).get("retry_after")
    return found


SPEECHES = {
    "native": Speech(
        partial(NativeWire, says_hello=False), None, lambda n: json.dumps({"action": "ping", "ref": n}), of_error
    ),
    "centrifuge": Speech(
        CentrifugeWire,
        json.dumps({"id": 1, "connect": {}}),
        lambda n: json.dumps({"id": n, "publish": {"channel": "t", "data": n}}),
        of_error,
    ),
    "phoenix": Speech(
        PhoenixWire,
        None,
        lambda n: json.dumps([None, str(n), "phoenix", "heartbeat", {}]),
        lambda told: told[4]["response"].get("retry_after"),
    ),
    "raw": Speech(RawWire, None, str, of_error, StartsSession(Echo, {}, OPEN)),
}


async def opened(node: Node, speech: Speech, principal: Principal) -> Peer:
    peer = Peer(node, principal=principal, wire=speech.wire(), session=speech.session)
    await settle()
    if speech.session is not None:
        peer.open()
        await settle()
    return peer


async def waits(peer: Peer, speech: Speech, count: int) -> list[float | None]:
    """Asks so often, one at a time: what it is told each time."""
    found: list[float | None] = []
    for number in range(2, count + 2):
        peer.socket.feed(speech.asks(number))
        await settle()
        found += [speech.wait(told) for told in peer.heard()]
    return found


@pytest.mark.parametrize("wire", SPEECHES)
@pytest.mark.parametrize("shared", ["principal", "address"])
async def test_what_others_used_up_is_told_with_when_to_come_again(system: ActorSystem, wire: str, shared: str) -> None:
    """As often as it asks, each refusal a fact; who waits as told is served; another principal never waited."""
    speech, ada = SPEECHES[wire], Principal("ada") if shared == "principal" else ANONYMOUS
    multiples = {"principal_multiple": 9, "address_multiple": 9, f"{shared}_multiple": 1}
    node = await start_node(system, settings(burst=40, messages_per_second=1, **multiples))
    hog, quiet = await opened(node, SPEECHES["native"], ada), await opened(node, speech, ada)
    if speech.first is not None:
        quiet.socket.feed(speech.first)
        await settle()
        quiet.heard()
    await waits(hog, SPEECHES["native"], 42)
    facts: list[CommandRefused] = []
    node.events.subscribe(CommandRefused, facts.append)
    refused = [wait for wait in await waits(quiet, speech, ASKED) if wait is not None]
    assert len(refused) == len(facts) >= ASKED - 15
    assert all(0 < wait <= 1 for wait in refused)
    assert quiet.closes == []
    if shared == "principal":
        assert await waits(await opened(node, SPEECHES["native"], Principal("bob")), SPEECHES["native"], 1) == [None]
    await passes(refused[-1])
    assert await waits(quiet, speech, 1) == [None]
