"""Calls of the application, at the machine of their connection: answered on every wire, and blamed if they fail."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import pytest

from gateway.reasons import Refused, WebSocketDisconnect
from tests.support.peer import Peer, passes, start_node
from tests.support.wire_peers import Centrifuge

if TYPE_CHECKING:
    from actors import ActorSystem
    from actors.testkit.tripwires import Tripwires


async def test_a_call_reaches_the_application_and_is_answered_in_order(
    system: ActorSystem, tripwires: Tripwires
) -> None:
    """Whatever the wire; `Refused` is an error, anything raised is `internal`, three of those close the connection."""
    tripwires.allow_failures(RuntimeError)
    node = await start_node(system)

    def broken(ws: Any, data: Any) -> None:
        raise RuntimeError("no")

    async def double(ws: Any, data: Any) -> Any:
        return data * 2

    node.calls = {"double": double, "broken": broken}
    one, ada = Centrifuge(node), Peer(node, "ada")
    await one.connects()
    assert await one.asks(rpc={"method": "double", "data": 4}) == [{"id": 2, "rpc": {"data": 8}}]
    assert (await ada.says("double", payload="ab", ref=1)) == [
        {"status": "ok", "action": "double", "ref": 1, "payload": "abab"}
    ]
    (unknown,) = await ada.says("duble")
    assert unknown["error"]["reason"] == "unknown_action"
    assert "'double'" in unknown["error"]["message"]
    for _ in range(3):
        (failed,) = await one.asks(rpc={"method": "broken"})
        assert failed["error"]["code"] == 100
        await passes(2.0)  # its restart is backed off
    await one.asks(rpc={"method": "broken"})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3004
    assert ada.socket.sent_close is None


class Odd(BaseException):
    """No Exception."""


async def test_a_call_that_ends_by_no_exception_is_answered_too(system: ActorSystem, tripwires: Tripwires) -> None:
    """`internal`, whether the handler is plain or has to be awaited."""
    tripwires.allow_failures(Odd)
    node = await start_node(system)

    def now(ws: Any, data: Any) -> None:
        raise Odd

    async def later(ws: Any, data: Any) -> None:
        await passes(0.1)
        raise Odd

    node.calls = {"now": now, "later": later}
    ada = Peer(node, "ada")
    for call in ("now", "later"):
        ada.socket.feed(f'{{"action":"{call}","ref":1}}')
        await passes(0.2)
        (failed,) = ada.heard()
        assert failed["error"]["reason"] == "internal"
        await passes(2.0)  # its restart is backed off


async def test_a_call_that_hears_that_its_client_has_gone_is_no_failure(system: ActorSystem) -> None:
    """As in an endpoint; alone, or as the group of a `TaskGroup`."""
    node, heard = await start_node(system), []

    async def later(ws: Any, data: Any) -> None:
        await passes(1.0)
        try:
            await ws.send_json("done")
        except WebSocketDisconnect as gone:
            heard.append(gone.code)
            raise

    async def grouped(ws: Any, data: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later(ws, data))

    node.calls = {"later": later, "grouped": grouped}
    for call in ("later", "grouped"):
        ada = Peer(node, "ada")
        ada.socket.feed(f'{{"action":"{call}","ref":1}}')
        await passes(0.1)
        ada.socket.end(1001)
        await passes(5.0)
    assert heard == [1001, 1001]


@pytest.mark.parametrize("details", [{"who": object()}, {"who": "\ud800"}])
@pytest.mark.parametrize("waits", [False, True])
async def test_a_refusal_that_no_wire_can_carry_is_the_calls_failure(
    system: ActorSystem, tripwires: Tripwires, details: dict[str, Any], waits: bool
) -> None:
    """Answered `internal`, as what it returns: its client waited for ever, and its credit did not come back."""
    tripwires.allow_failures(TypeError, UnicodeEncodeError)
    node = await start_node(system)

    def now(ws: Any, data: Any) -> None:
        raise Refused("full", **details)

    async def later(ws: Any, data: Any) -> None:
        now(ws, data)

    node.calls = {"join": later if waits else now}
    ada = Peer(node, "ada")
    (answer,) = await ada.says("join", ref=1)
    assert (answer["error"]["reason"], answer["ref"]) == ("internal", 1)
    assert ada.socket.sent_close is None


async def test_a_call_is_given_its_topic_if_its_wrapper_takes_that(system: ActorSystem) -> None:
    """What a decorator fills in for what it wraps is not given to the decorator."""
    node = await start_node(system)

    def where(ws: Any, data: Any, topic: Any) -> Any:
        return topic

    @functools.wraps(where)
    def filled(ws: Any, data: Any) -> Any:
        return where(ws, data, "mine")

    @functools.wraps(where)
    def passing(*args: Any, **kwargs: Any) -> Any:
        return where(*args, **kwargs)

    node.calls = {"filled": filled, "passing": passing, "where": where}
    ada = Peer(node, "ada")
    said = [await ada.says(method, room="room:1", ref=1) for method in ("filled", "passing", "where")]
    assert [answer["payload"] for (answer,) in said] == ["mine", "room:1", "room:1"]
