"""Receipts that app code holds while its connection, or the whole gateway, goes: none hangs, none fails silently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import ReceiptFailed
from gateway.reasons import Refused
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import facts_of, passes, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket


@pytest.mark.parametrize("moment", ["at once", "after a turn", "after a while"])
async def test_receipts_never_hang_when_the_connection_goes(system: ActorSystem, moment: str) -> None:
    """Whatever app code awaits ends, with a value or an error, whenever the socket goes."""
    node = await start_node(system)
    outcomes: list[tuple[str, str]] = []

    async def note(name: str, receipt: Any) -> None:
        try:
            await receipt
            outcomes.append((name, "done"))
        except Exception as error:
            outcomes.append((name, type(error).__name__))

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        acts = {
            "join": ws.join("kept"),
            "send": ws.send_text("x"),
            "publish": ws.publish("kept", {"a": 1}),
            "leave": ws.leave("kept"),
            "join other": ws.join("other"),
        }
        if moment == "at once":
            peer.socket.end()
        async with asyncio.TaskGroup() as tasks:
            for name, receipt in acts.items():
                tasks.create_task(note(name, receipt))

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed("go")
    if moment == "after a turn":
        await asyncio.sleep(0)
        peer.socket.end()
    await passes(1)
    peer.socket.end()
    await passes(10)
    assert sorted(name for name, _ in outcomes) == ["join", "join other", "leave", "publish", "send"]
    assert node.live.size("kept") == node.live.size("other") == 0
    assert len(peer.closes) == 1


async def test_a_receipt_that_fails_unawaited_is_a_fact(system: ActorSystem) -> None:
    """And one that is awaited is none."""
    node = await start_node(system)
    failed = facts_of(system, ReceiptFailed)

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        ws.join("bad,name")
        with pytest.raises(Exception, match="bad_request"):
            await ws.join("worse\nname")

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed("go")
    await settle()
    await settle()
    assert [fact.act for fact in failed] == ["join bad,name"]


async def test_what_is_refused_because_the_gateway_stops_is_no_fact(system: ActorSystem) -> None:
    """Every farewell of app code is, at every stop; who awaits it is told."""
    node = await start_node(system)
    failed = facts_of(system, ReceiptFailed)
    node.is_draining = True
    node.commands.publish("kept", "somebody left", "message")
    await settle()
    await settle()
    assert failed == []
    with pytest.raises(Refused, match="shutting_down"):
        await node.commands.publish("kept", "somebody left", "message")
