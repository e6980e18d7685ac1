"""What app code sends to its own client: in order, the first of a turn at once, the rest of it in one write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.events import ReceiptFailed
from gateway.reasons import WebSocketDisconnect
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, facts_of, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket


class Counting(WebSocketEndpoint):
    """Says as many numbers as it is asked for."""

    encoding = "text"

    def on_connect(self, ws: WebSocket) -> None:
        self.said = 0

    def on_receive(self, ws: WebSocket, data: str) -> None:
        for _ in range(int(data)):
            ws.send_text(str(self.said))
            self.said += 1


async def _counting(system: ActorSystem) -> Peer:
    peer = endpoint_peer(await start_node(system), Counting)
    await opened(peer)
    return peer


async def test_one_answer_goes_past_the_machine(system: ActorSystem) -> None:
    """It costs no turn of the machine; it counts as a batch."""
    ada = await _counting(system)
    ada.socket.feed("1")
    await settle()
    assert (ada.socket.texts(), ada.ref.shortcuts) == (["0"], 1)
    assert ada.ref._actor.view().batches_sent == 1


async def test_what_follows_in_the_same_turn_is_joined(system: ActorSystem) -> None:
    """A write costs more than a turn: the first leaves at once, all others in one."""
    ada = await _counting(system)
    before = ada.socket.writes
    ada.socket.feed("10", "10")
    await settle()
    assert ada.socket.texts() == [str(number) for number in range(20)]
    assert ada.socket.writes - before <= 4


async def test_nothing_overtakes_what_waits(system: ActorSystem) -> None:
    """A reader that takes a little at a time gets all of it in order."""
    ada = await _counting(system)
    ada.socket.feed("3")
    await settle()
    ada.socket.stall()
    ada.socket.feed("3", "1", "2")
    await settle()
    assert ada.socket.texts() == ["0", "1", "2"]
    ada.socket.flow(room=1)
    await settle()
    ada.socket.feed("1")
    await settle()
    ada.socket.flow()
    await settle()
    ada.socket.feed("1")
    await settle()
    assert ada.socket.texts() == [str(number) for number in range(11)]
    assert ada.socket.writes_while_congested == 0


async def test_what_is_sent_to_a_connection_that_closes_is_not(system: ActorSystem) -> None:
    """What was sent before leaves first; what is sent after it says that it is too late."""
    outcomes: list[object] = []

    class Closing(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, ws: WebSocket, data: str) -> None:
            ws.send_text("before")
            ws.send_text("and this")
            ws.close(4000)
            try:
                await ws.send_text("too late")
            except WebSocketDisconnect as gone:
                outcomes.append(gone.code)

    ada = endpoint_peer(await start_node(system), Closing)
    await opened(ada)
    ada.socket.feed("x")
    await settle()
    assert (ada.socket.texts(), ada.socket.sent_close, outcomes) == (["before", "and this"], (4000, ""), [4000])


async def test_an_endpoint_that_waits_for_nothing_costs_no_task(system: ActorSystem) -> None:
    """Between the answer and the 101 only those are suspended that have rooms to enter then."""

    class Entering(Counting):
        def rooms(self) -> tuple[str, ...]:
            return ("kept",)

    node = await start_node(system)
    for endpoint, waiting in ((Counting, 0), (Entering, 1)):
        ada = endpoint_peer(node, endpoint)
        await settle()
        assert len(system.env.dispatcher.hosts) == waiting
        await opened(ada)
        assert len(system.env.dispatcher.hosts) == 0
        ada.socket.feed("1")
        await settle()
        assert ada.socket.texts() == ["0"]
        ada.socket.end()
        await settle()


async def test_a_client_that_goes_before_its_101_is_no_failure(system: ActorSystem) -> None:
    """The endpoint has accepted and waits for nothing; nobody is to be told that the socket never came."""
    lost = facts_of(system, ReceiptFailed)
    ada = endpoint_peer(await start_node(system), Counting)
    await settle()
    ada.ref.stop_now()
    await settle()
    assert lost == []


@pytest.mark.parametrize(
    ("act", "value", "kind"),
    [
        ("send_text", {}, "dict"), ("send_text", b"a", "bytes"), ("send_text", None, "NoneType"),
        ("send_bytes", 5, "int"), ("send_bytes", "a", "str"), ("send_bytes", [1, 2], "list"),
    ],
)  # fmt: skip
async def test_what_is_no_text_or_no_bytes_is_refused_in_words(
    system: ActorSystem, act: str, value: object, kind: str
) -> None:
    """`send_bytes(5)` was five zeros; the rest was an error of Python that named neither act nor way out."""

    class Wrong(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str | bytes) -> None:
            with pytest.raises(TypeError, match=f"could not {act} a value of type {kind}: send_text takes a str"):
                getattr(ws, act)(value)
            ws.send_bytes(memoryview(b"refused"))

    ada = endpoint_peer(await start_node(system), Wrong)
    await opened(ada)
    ada.socket.feed("x")
    await settle()
    assert [bytes(frame.data) for frame in ada.socket.frames] == [b"refused"]
