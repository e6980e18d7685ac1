"""Frames that a plain function takes: handled where they were read, with everything that may come of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from actors import ActorSystem
from gateway import WebSocket, WebSocketEndpoint
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, settle, start_node


class Plain(WebSocketEndpoint):
    """What it does is in what it gets."""

    def on_receive(self, ws: WebSocket, data: Any) -> Any:
        if data == "fail":
            raise ValueError("as it was told")
        if data == "later":
            return self._later(ws)
        ws.send_text(f"got {data}")
        return None

    async def _later(self, ws: WebSocket) -> None:
        await asyncio.sleep(1)
        ws.send_text("it is later")

    def on_error(self, ws: WebSocket, error: Exception) -> None:
        ws.send_text(f"mended: {error}")


class Waiting(Plain):
    """The same, as a coroutine."""

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        rest = super().on_receive(ws, data)
        if rest is not None:
            await rest


async def test_a_plain_function_has_its_frame_before_the_read_returns(system: ActorSystem) -> None:
    """And what it sends has left; a coroutine has a turn of its own."""
    node = await start_node(system)
    plain, waiting = endpoint_peer(node, Plain, "plain"), endpoint_peer(node, Waiting, "waiting")
    for peer in (plain, waiting):
        await opened(peer)
    for peer in (plain, waiting):
        peer.socket.feed("a")
    assert (plain.socket.texts(), waiting.socket.texts()) == (["got a"], [])
    await settle()
    assert waiting.socket.texts() == ["got a"]


async def test_what_it_raises_or_leaves_to_be_awaited_comes_before_the_next_frame(system: ActorSystem) -> None:
    """As for a coroutine: `on_error` mends it, and nothing overtakes what waits."""
    node = await start_node(system)
    plain, waiting = endpoint_peer(node, Plain, "plain"), endpoint_peer(node, Waiting, "waiting")
    for peer in (plain, waiting):
        await opened(peer)
        for said in ("a", "fail", "b", "later", "c"):
            peer.socket.feed(said)
    await asyncio.sleep(2)
    for peer in (plain, waiting):
        assert peer.socket.texts() == ["got a", "mended: as it was told", "got b", "it is later", "got c"]
        assert peer.closes == []
        credit = peer.ref._actor._gate.credit
        assert (credit.commands, credit.bytes) == (0, 0)


async def test_what_a_plain_function_gets_is_what_its_class_asks_for(system: ActorSystem) -> None:
    """A text of a binary frame and the other way round; what is none is answered, and the next one comes."""
    node = await start_node(system)
    got: dict[str, list[Any]] = {"text": [], "bytes": [], "json": []}

    def noting(kind: Any) -> type[WebSocketEndpoint]:
        class Noting(WebSocketEndpoint):
            encoding = kind

            def on_receive(self, ws: WebSocket, data: Any) -> None:
                got[kind].append(data)

        return Noting

    for kind, said in (("text", ["a", b"b", b"\xff"]), ("bytes", ["a", b"b"]), ("json", ["1", b"[2]", "{"])):
        peer = endpoint_peer(node, noting(kind), kind)
        await opened(peer)
        for one in said:
            peer.socket.feed(one)  # type: ignore[arg-type]
        await settle()
        refusals = [one["error"]["reason"] for one in peer.socket.objects()]
        assert refusals == ([] if kind == "bytes" else ["bad_request"])
    assert got == {"text": ["a", "b"], "bytes": [b"a", b"b"], "json": [1, [2]]}


async def test_a_command_that_came_alone_is_answered_before_the_read_returns(system: ActorSystem) -> None:
    """Of several in one read each has a turn, and their answers leave together; a busy machine keeps the order."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await settle()
    pings = [json.dumps({"action": "ping", "ref": number}) for number in range(6)]
    ada.socket.feed(pings[0])
    assert [one["ref"] for one in ada.heard()] == [0]
    ada.socket.feed(pings[1], pings[2])
    ada.socket.feed(pings[3])
    assert [one["ref"] for one in ada.heard()] == []
    before = ada.socket.writes
    await settle()
    assert [one["ref"] for one in ada.heard()] == [1, 2, 3]
    assert ada.socket.writes == before + 1
    credit = ada.ref._actor._gate.credit
    assert (credit.commands, credit.bytes) == (0, 0)


@pytest.mark.actors(in_place="never")
async def test_where_nothing_runs_in_place_a_command_waits_for_its_turn(system: ActorSystem) -> None:
    """The answers are the same."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await settle()
    for number in range(3):
        ada.socket.feed(json.dumps({"action": "ping", "ref": number}))
    assert ada.heard() == []
    await settle()
    assert [one["ref"] for one in ada.heard()] == [0, 1, 2]
