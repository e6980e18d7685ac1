"""How a connection ends: the first reason counts, and each wire has its own number for it."""

from __future__ import annotations

import pytest

from gateway.connections.ending import Ending
from gateway.messages.connection_messages import Close, SocketClosed
from gateway.protocols.native import NativeWire
from gateway.protocols.raw import RawWire

LOST = SocketClosed(1006, "", False)
SAID_GOODBYE = SocketClosed(1000, "bye", True)


def test_before_it_ends_it_is_a_lost_one() -> None:
    """Nobody has closed, and no socket has said anything."""
    ending = Ending(RawWire())
    assert (ending.has_begun, ending.words(), ending.ended_by) == (False, (1006, ""), "transport")


def test_the_first_reason_counts() -> None:
    """Ours, if we were first; then the socket's own end changes nothing."""
    ending = Ending(NativeWire(says_hello=False))
    assert ending.choose(Close("slow_consumer", ended_by="slow_consumer"))
    assert not ending.choose(Close("shutdown", ended_by="shutdown"))
    ending.insist(Close("server_error", ended_by="crash"))
    ending.socket_is_gone(LOST, (3008, "slow consumer"))
    assert (ending.words(), ending.ended_by) == ((3008, "slow consumer"), "slow_consumer")


def test_who_has_closed_first_has_ended_it() -> None:
    """The client, with its code and words; without a close frame it was the transport."""
    for closed, by in ((SAID_GOODBYE, "client"), (LOST, "transport")):
        ending = Ending(RawWire())
        ending.socket_is_gone(closed, None)
        assert not ending.choose(Close("shutdown", ended_by="shutdown"))
        assert (ending.words(), ending.ended_by) == ((closed.code, closed.reason), by)


@pytest.mark.parametrize(("sent", "by"), [((1009, "message too big"), "client"), ((1011, ""), "crash")])
def test_what_the_socket_itself_found_is_the_reason(sent: tuple[int, str], by: str) -> None:
    """It has closed before the machine knew: for a fault of the client's, or for a bug of ours."""
    ending = Ending(RawWire())
    ending.socket_is_gone(LOST, sent)
    assert (ending.words(), ending.ended_by) == (sent, by)


@pytest.mark.parametrize(
    ("close", "native", "raw"),
    [
        (Close(), (3000, ""), (1000, "")),
        (Close(code=4321, text="game over"), (4321, "game over"), (4321, "game over")),
        (Close("heartbeat_lost"), (3012, "heartbeat lost"), (4000, "heartbeat lost")),
        (Close("expired", text="log in again"), (3005, "log in again"), (4003, "log in again")),
    ],
)
def test_each_wire_has_its_number(close: Close, native: tuple[int, str], raw: tuple[int, str]) -> None:
    """A reason of the table is mapped; what an application closes with passes through."""
    assert (Ending(NativeWire(says_hello=False)).code_of(close), Ending(RawWire()).code_of(close)) == (native, raw)
