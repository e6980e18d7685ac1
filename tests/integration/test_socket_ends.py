"""How a socket that was taken over ends: closed by one side or both, lost, half-closed, aborted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.sockets.frames import binary_frame, ping_frame, text_frame
from gateway.sockets.socket import SocketLimits
from tests.support.raw_client import PATIENCE, PING, TEXT, Frame, close, frame
from tests.support.raw_server import Server, Wire
from tests.support.taken_over import SMALLEST_FRAME, every_wire, plain_wires


@every_wire
def test_a_peer_that_leaves_after_the_hand_over_is_reported_once(wire: Wire) -> None:
    """A connection lost without a close frame ends in one closed(1006), and what is done afterwards does nothing."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.abort()
        assert await listener.end() == ("closed", 1006, "", False)
        socket = listener.socket
        assert not socket.is_open
        socket.write(text_frame(b"late"))
        socket.write_control(ping_frame())
        socket.pause_reading()
        socket.resume_reading()
        socket.close(1000, "")
        socket.abort()
        assert (socket.unsent_bytes, socket.sent_close) == (0, None)
        assert len(listener.heard) == 1

    wire.play(scenario)


@every_wire
@pytest.mark.parametrize(
    ("sent", "echo", "closed"),
    [
        (close(1000, b"bye"), (1000, ""), (1000, "bye")),
        (close(1001), (1001, ""), (1001, "")),
        (close(4999, "müde".encode()), (4999, ""), (4999, "müde")),
        (close(None), (None, ""), (1005, "")),
    ],
    ids=["1000", "1001", "4999", "no status"],
)
def test_a_close_of_the_peer_is_answered_with_its_code(
    wire: Wire, sent: bytes, echo: tuple[int | None, str], closed: tuple[int, str]
) -> None:
    """
    The answer repeats the code, data after the close frame is not heard, and the server ends the connection first.
    """

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"last") + sent + frame(b"too late") + b"\xff\xff")
        assert await client.close_frame() == echo
        assert await client.gone() == b""
        assert await listener.end() == ("closed", *closed, True)
        assert listener.texts == ["last"]
        assert listener.socket.sent_close == (closed[0], "")
        await client.aclose()

    wire.play(scenario)


@every_wire
def test_a_close_of_ours_waits_for_the_answer(wire: Wire) -> None:
    """What was written before leaves first, what comes in between is not heard, and the code reported is the peer's."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        listener.socket.write(text_frame(b"last"))
        listener.socket.close(4000, "ü" * 100)
        listener.socket.close(4001, "second")
        listener.socket.write(text_frame(b"too late"))
        assert not listener.socket.is_open
        assert await client.frame() == Frame(TEXT, b"last")
        assert await client.close_frame() == (4000, "ü" * 61)
        client.send(frame(b"not heard") + frame(b"", PING) + close(4000))
        assert await client.gone() == b""
        assert await listener.end() == ("closed", 4000, "", True)
        assert listener.heard == [("closed", 4000, "", True)]
        await client.aclose()

    wire.play(scenario)


@every_wire
def test_both_sides_close_at_once(wire: Wire) -> None:
    """Close frames that cross are each other's answer; each side reports the other's code."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(close(3000, b"mine"))
        listener.socket.close(4000, "ours")
        assert await client.close_frame() == (4000, "ours")
        assert await client.gone() == b""
        assert await listener.end() == ("closed", 3000, "mine", True)
        await client.aclose()

    wire.play(scenario)


@every_wire
def test_a_peer_that_never_answers_a_close_is_aborted(wire: Wire) -> None:
    """After `close_timeout` the transport is dropped, whatever the peer still sends."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        listener.socket.close(1001, "")
        client.send(frame(b"no answer"))
        assert await listener.end() == ("closed", 1006, "", False)
        assert listener.socket.sent_close == (1001, "")
        await client.aclose()

    wire.play(scenario, limits=SocketLimits(close_timeout=0.05))


@every_wire
def test_a_peer_that_never_reads_cannot_keep_its_socket(wire: Wire) -> None:
    """Neither its own close frame nor ours waits longer than `close_timeout` for a full transport to empty."""

    async def scenario(server: Server) -> None:
        for peer_starts in (True, False):
            client, listener = await server.open()
            client.stop_reading()
            while not listener.socket.is_congested:
                listener.socket.write(binary_frame(b"." * 65_000))
                await asyncio.sleep(0)
            if peer_starts:
                client.send(close())
            else:
                listener.socket.close(1008, "")
            await listener.end()
            client.abort()

    wire.play(scenario, limits=SocketLimits(close_timeout=0.05))


@plain_wires
def test_a_half_closed_connection_is_closed(wire: Wire) -> None:
    """A peer that stops sending without a close frame is lost, though it could still read."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"last"))
        client.writer.write_eof()
        assert await listener.end() == ("closed", 1006, "", False)
        assert listener.texts == ["last"]
        assert await client.gone() == b""
        await client.aclose()

    wire.play(scenario)


@plain_wires
def test_a_half_closed_connection_that_does_not_read_is_dropped(wire: Wire) -> None:
    """What such a peer was sent before may wait for it no longer than `close_timeout`."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.stop_reading()
        while not listener.socket.is_congested:
            listener.socket.write(binary_frame(b"." * 65_000))
            await asyncio.sleep(0)
        client.writer.write_eof()
        assert await listener.end() == ("closed", 1006, "", False)
        client.abort()

    wire.play(scenario, limits=SocketLimits(close_timeout=0.05))


@every_wire
def test_a_connection_lost_under_a_write_is_reported_once(wire: Wire) -> None:
    """Writing on into a connection that was reset raises nothing and ends in one closed(1006)."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.abort()
        async with asyncio.timeout(PATIENCE):
            while listener.socket.is_open:
                listener.socket.write(binary_frame(b"." * 65_000))
                await asyncio.sleep(0)
        assert await listener.end() == ("closed", 1006, "", False)

    wire.play(scenario)


@every_wire
def test_an_abort_drops_what_was_not_sent(wire: Wire) -> None:
    """After abort() the listener hears closed(1006) and nothing else."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open(tail=SMALLEST_FRAME * 2000)
        listener.socket.abort()
        heard = len(listener.heard)
        assert await listener.end() == ("closed", 1006, "", False)
        assert len(listener.heard) == heard + 1
        await client.gone()
        client.abort()

    wire.play(scenario)


@plain_wires
@pytest.mark.parametrize("code", [0, 999, 1004, 1006, 1015, 2999, 5000])
def test_a_code_no_close_frame_may_carry_is_refused(wire: Wire, code: int) -> None:
    """A wrong code is the caller's fault: it raises, and the socket stays open."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        with pytest.raises(ValueError, match=f"could not close with code {code}"):
            listener.socket.close(code, "")
        assert listener.socket.is_open
        client.abort()

    wire.play(scenario)
