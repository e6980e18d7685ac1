"""Everything that may end a connection, and endpoints that note what they hear of it."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.events import RoomLeft
from gateway.messages.topic_messages import Answer
from tests.support.peer import Peer, facts_of, passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket
    from gateway.node import Node


class Recorder(WebSocketEndpoint):
    """Joins a room, keeps its ends, and may fail."""

    ends: list[int]
    lasts: float = 0.0

    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("kept")

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        if data == "bug":
            raise RuntimeError(data)
        if data == "close":
            await ws.close(4321, "enough")

    async def on_disconnect(self, ws: WebSocket, code: int) -> None:
        self.ends.append(code)
        await passes(self.lasts)


class Plain(Recorder):
    """Has nothing to wait for at its end."""

    def on_disconnect(self, ws: WebSocket, code: int) -> None:  # type: ignore[override]
        self.ends.append(code)


class Unusual(Recorder):
    """Its last word is a coroutine, which nobody could know before."""

    def on_disconnect(self, ws: WebSocket, code: int) -> Any:
        return super().on_disconnect(ws, code)


def recorder(lasts: float = 0.0, kind: type[Recorder] = Recorder) -> type[Recorder]:
    return type("Recording", (kind,), {"ends": [], "lasts": lasts})


ENDINGS: dict[str, Callable[[Node, Peer], Any]] = {
    "client closes": lambda node, peer: peer.socket.end(1000, "bye", True),
    "transport is lost": lambda node, peer: peer.socket.end(),
    "app closes": lambda node, peer: peer.socket.feed("close"),
    "app fails": lambda node, peer: peer.socket.feed("bug"),
    "server closes": lambda node, peer: node.directory.close(peer.client, "disconnected", "app"),
    "drain": lambda node, peer: asyncio.get_running_loop().create_task(node.drain(10, 1)),
    "session is killed": lambda node, peer: next(iter(peer.ref.children())).kill(),
    "machine is killed": lambda node, peer: peer.ref.kill(),
    "machine is stopped": lambda node, peer: peer.ref.stop_now(),
    "machine fails": lambda node, peer: peer.ref.tell(Answer(None, None)),  # type: ignore[arg-type]
    "system is stopped": lambda node, peer: asyncio.get_running_loop().create_task(node.stop()),
}


turns = pytest.mark.parametrize("turns", ["together", "apart"])


def take(turns: str, node: Node) -> None:
    """Apart: a slice is over at each look, and the loop serves others, such as a task that hears of the end as well."""
    if turns == "apart":
        node.dispatcher.clock.tick = partial(next, count())  # type: ignore[method-assign]


async def ends_once(system: ActorSystem, node: Node, peer: Peer, ending: str) -> None:
    left = facts_of(system, RoomLeft)
    assert node.live.size("kept") == 1
    ENDINGS[ending](node, peer)
    await passes(20)
    assert len(peer.closes) == 1
    assert [fact.topic for fact in left] == ["kept"]
    assert (node.live.size("kept"), len(node.directory)) == (0, 0)
