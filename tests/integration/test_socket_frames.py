"""The frames of a socket that was taken over: messages, pings and pongs, and what a peer may not send."""

from __future__ import annotations

import asyncio

import pytest

from gateway.sockets.frames import binary_frame, ping_frame, text_frame
from gateway.sockets.socket import SocketLimits
from gateway.web.upgraded.takeover import PING_BURST
from tests.support.raw_client import BINARY, CLOSE, PING, PONG, TEXT, Frame, close, frame
from tests.support.raw_server import Server, Wire
from tests.support.taken_over import every_wire


@every_wire
def test_messages_cross_in_both_directions(wire: Wire) -> None:
    """What a client sends is heard whole and in order; what is written arrives as it was framed."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame("grüße".encode()) + frame(b"\x00\xff", BINARY) + frame(b"x" * 60_000))
        heard = await listener.until(lambda heard: len(heard) == 3)
        assert heard == [("text", "grüße"), ("bytes", b"\x00\xff"), ("text", "x" * 60_000)]
        listener.socket.write(text_frame(b"one") + binary_frame(b"two"))
        assert [await client.frame(), await client.frame()] == [Frame(TEXT, b"one"), Frame(BINARY, b"two")]
        client.abort()

    wire.play(scenario)


@every_wire
def test_control_frames_stand_between_fragments(wire: Wire) -> None:
    """A message in pieces arrives whole; pings and pongs between the pieces are handled at once."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        pieces = [frame(b"a", fin=False), frame(b"p", PING), frame(b"", 0, fin=False), frame(b"q", PONG)]
        client.send(b"".join([*pieces, frame(b"b", 0)]))
        await listener.until(lambda heard: len(heard) == 2)
        assert listener.heard == [("pong", b"q"), ("text", "ab")]
        assert await client.frame() == Frame(PONG, b"p")
        client.abort()

    wire.play(scenario)


@every_wire
def test_every_ping_is_answered_by_the_socket_itself(wire: Wire) -> None:
    """Pongs come in the order of the pings, with their payloads; the listener never hears of it."""
    payloads = [b"", b"1", b"x" * 125]

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(b"".join(frame(payload, PING) for payload in payloads) + frame(b"after"))
        assert [await client.frame() for _ in payloads] == [Frame(PONG, payload) for payload in payloads]
        await listener.until(lambda heard: heard == [("text", "after")])
        client.abort()

    wire.play(scenario)


@every_wire
def test_nobody_pings_without_end(wire: Wire) -> None:
    """Pings take no token: a flood of them is answered up to the burst, and then closed with 1008."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"", PING) * (PING_BURST + 100))
        frames = [await client.frame()]
        while frames[-1].opcode == PONG:
            frames.append(await client.frame())
        assert len(frames) >= PING_BURST
        assert listener.socket.sent_close == (1008, "too many pings")
        await client.aclose()
        await listener.end()

    wire.play(scenario)


@every_wire
def test_a_congested_peer_gets_the_newest_pong_only(wire: Wire) -> None:
    """
    A client that pings and does not read makes the server keep one pong, sent when there is room; pings of ours are
    dropped.
    """

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.stop_reading()
        while not listener.socket.is_congested:
            listener.socket.write(binary_frame(b"." * 65_000))
            await asyncio.sleep(0)
        listener.socket.write_control(ping_frame(b"dropped"))
        client.send(b"".join(frame(str(number).encode(), PING) for number in range(50)) + frame(b"all sent"))
        await listener.until(lambda heard: ("text", "all sent") in heard)
        client.read_on()
        while (got := await client.frame()).opcode == BINARY:
            pass
        assert got == Frame(PONG, b"49")
        await listener.until(lambda heard: heard[-1] == ("writable",))
        client.abort()

    wire.play(scenario)


FAULTS = {
    "an unmasked frame": (frame(b"a", mask=None), 1002),
    "invalid UTF-8": (frame(b"\xff"), 1007),
    "invalid UTF-8 over fragments": (frame(b"\xc3", fin=False) + frame(b"a", 0), 1007),
    "a message over the limit": (frame(b"x" * 65_537), 1009),
    "fragments over the limit": (frame(b"x" * 65_536, fin=False) + frame(b"x", 0), 1009),
    "a length of 2**63": (b"\x82\xff\x80" + bytes(7) + b"mask", 1009),
    "the first reserved bit": (frame(b"a", rsv=4), 1002),
    "the second reserved bit": (frame(b"a", rsv=2), 1002),
    "the third reserved bit": (frame(b"a", rsv=1), 1002),
    "a reserved opcode for data": (frame(b"a", 3), 1002),
    "a reserved opcode for control": (frame(b"a", 11), 1002),
    "a fragmented ping": (frame(b"a", PING, fin=False), 1002),
    "a ping of 126 bytes": (frame(b"x" * 126, PING), 1002),
    "a continuation of nothing": (frame(b"a", 0), 1002),
    "a message inside a message": (frame(b"a", fin=False) + frame(b"b"), 1002),
    "a message inside an empty message": (frame(b"", fin=False) + frame(b"b"), 1002),
    "a close frame of one byte": (frame(b"\x03", CLOSE), 1002),
    "a close reason that is no UTF-8": (close(1000, b"\xff"), 1007),
    **{f"close code {code}": (close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)},
}


@every_wire
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_peer_is_closed_with_its_code(wire: Wire, fault: str) -> None:
    """Messages before the fault are heard, nothing after it; the peer is told why and the connection ends."""
    data, code = FAULTS[fault]

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"before") + data + frame(b"after"))
        sent, reason = await client.close_frame()
        assert sent == code
        assert reason
        assert listener.socket.sent_close == (code, reason)
        await client.aclose()
        assert await listener.end() == ("closed", 1006, "", False)
        assert listener.texts == ["before"]

    wire.play(scenario)


@every_wire
def test_a_message_of_exactly_the_limit_is_heard(wire: Wire) -> None:
    """`max_message_bytes` is the largest size that is accepted, whole or in pieces."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"x" * 100) + frame(b"y" * 60, fin=False) + frame(b"y" * 40, 0))
        await listener.until(lambda heard: len(heard) == 2)
        assert listener.texts == ["x" * 100, "y" * 100]
        client.abort()

    wire.play(scenario, limits=SocketLimits(max_message_bytes=100))
