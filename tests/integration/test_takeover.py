"""
The hand-over of a transport from aiohttp, and the socket that has it afterwards, on every kind of loop and transport.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket as sockets
import weakref
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.frames import binary_frame, ping_frame, text_frame
from gateway.sockets import Socket, SocketLimits
from gateway.web.socket_factory import TCP_NOTSENT_LOWAT
from gateway.web.takeover import PING_BURST
from tests.support.raw_client import BINARY, CLOSE, PATIENCE, PING, PONG, TEXT, Frame, RawClient, close, frame, upgrade
from tests.support.raw_server import PLAIN_WIRES, WIRES, Recorder, Server, Wire, named, when

every_wire = pytest.mark.parametrize("wire", WIRES, ids=named)
plain_wires = pytest.mark.parametrize("wire", PLAIN_WIRES, ids=named)

SMALLEST_FRAME = frame(b"")
FRAMES_IN_A_SLICE = 4096 // len(SMALLEST_FRAME) + 1
"""Frames that can end in one slice: those that fit, and one begun before it."""


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
        assert listener.socket.peer == client.writer.get_extra_info("sockname")
        client.abort()

    wire.play(scenario)


@every_wire
def test_what_came_behind_the_upgrade_request_is_not_lost(wire: Wire) -> None:
    """400 kB sent in one write behind the request are heard in order, and reading goes on after them."""
    texts = [f"{number:05}" + "." * 95 for number in range(3800)]

    async def scenario(server: Server) -> None:
        client, listener = await server.open(tail=b"".join(frame(text.encode()) for text in texts))
        await listener.until(lambda heard: len(heard) == len(texts))
        client.send(frame(b"and on"))
        await listener.until(lambda heard: len(heard) > len(texts))
        assert listener.texts == [*texts, "and on"]
        client.abort()

    async def dawdle(request: web.Request) -> None:
        await when(lambda: request.protocol._buffer_paused)

    wire.play(scenario, before=dawdle)


@every_wire
def test_a_transport_that_was_full_is_taken_over_as_full(wire: Wire) -> None:
    """A transport that was write-paused before the hand-over is congested, says so, and says when it is writable."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 65_536 + b"\r\n\r\n"

    async def fill(request: web.Request) -> None:
        assert request.transport is not None
        while not request.protocol.writing_paused:
            request.transport.write(hint)
            await asyncio.sleep(0)

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.stop_reading()
        client.send(upgrade())
        await when(lambda: server.listeners)
        listener = server.listeners[0]
        assert listener.heard == [("congested",)]
        assert (listener.socket.is_congested, listener.socket.unsent_bytes > 0) == (True, True)
        client.read_on()
        while (status := (await client.response())[0]) == 103:
            pass
        assert status == 101
        await listener.until(lambda heard: heard[1:] == [("writable",)])
        assert not listener.socket.is_congested
        client.abort()

    wire.play(scenario, before=fill)


@every_wire
def test_a_peer_that_left_before_the_hand_over_opens_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A client gone while its identity is checked makes no listener, no error, and 499 in the access log."""
    caplog.set_level(logging.INFO, "aiohttp")
    arrived, left = asyncio.Event(), asyncio.Event()

    async def wait_for_loss(request: web.Request) -> None:
        arrived.set()
        await when(lambda: request.transport is None)
        left.set()

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await arrived.wait()
        client.abort()
        await left.wait()
        await released(server)
        assert server.listeners == []

    wire.play(scenario, before=wait_for_loss)
    assert statuses(caplog) == [499]


@every_wire
def test_a_peer_that_leaves_during_the_answer_opens_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A client gone while the response signals run makes no listener and no error."""
    caplog.set_level(logging.INFO, "aiohttp")
    arrived, left = asyncio.Event(), asyncio.Event()

    async def wait_for_loss(request: web.Request, response: web.StreamResponse) -> None:
        arrived.set()
        await when(lambda: request.transport is None)
        left.set()

    def application() -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(wait_for_loss)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await arrived.wait()
        client.abort()
        await left.wait()
        await released(server)
        assert server.listeners == []

    wire.play(scenario, application=application)
    assert statuses(caplog) == [499]


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
def test_aiohttp_keeps_nothing_of_a_connection_it_let_go(wire: Wire) -> None:
    """
    After the hand-over the server has no connection, and request, handler and task are freed without a collection.
    """
    requests: list[weakref.ref[web.Request]] = []

    async def note(request: web.Request) -> None:
        requests.append(weakref.ref(request))

    async def scenario(server: Server) -> None:
        gc.collect()
        handlers, tasks = count(RequestHandler), len(asyncio.all_tasks())
        opened = [await server.open() for _ in range(5)]
        await released(server)
        gc.collect()
        assert [request() for request in requests] == [None] * 5
        assert count(RequestHandler) == handlers
        assert len(asyncio.all_tasks()) == tasks
        for client, listener in opened:
            client.send(frame(b"still here"))
            await listener.until(lambda heard: heard == [("text", "still here")])
            client.abort()

    wire.play(scenario, before=note)


@plain_wires
def test_request_and_handler_are_freed_without_a_collection(wire: Wire) -> None:
    """The hand-over leaves no reference cycle: 100,000 of them would be one long pause of the collector."""
    requests: list[weakref.ref[web.Request]] = []

    async def note(request: web.Request) -> None:
        requests.append(weakref.ref(request))

    async def scenario(server: Server) -> None:
        gc.collect()
        gc.disable()
        try:
            handlers = count(RequestHandler)
            client, _ = await server.open()
            await released(server)
            assert requests[0]() is None
            assert count(RequestHandler) == handlers
        finally:
            gc.enable()
        client.abort()

    wire.play(scenario, before=note)


@every_wire
def test_middlewares_signals_and_access_log_see_the_101(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """To the rest of an aiohttp application a WebSocket is a request that was answered with 101."""
    caplog.set_level(logging.INFO, "aiohttp.access")
    seen: list[tuple[str, int, str]] = []

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        await asyncio.sleep(0)
        seen.append(("middleware", response.status, response.headers["Hubbub-Connection"]))
        return response

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        seen.append(("signal", response.status, response.headers["Hubbub-Connection"]))
        response.headers["X-Signal"] = "was here"

    def application() -> web.Application:
        app = web.Application(middlewares=[look])
        app.on_response_prepare.append(prepare)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate"))
        status, headers = await client.response()
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert headers["hubbub-connection"] == "c1"
        assert headers["x-signal"] == "was here"
        assert headers["upgrade"] == "websocket"
        assert headers["connection"] == "Upgrade"
        assert not {"sec-websocket-extensions", "content-type", "transfer-encoding", "content-length"} & headers.keys()
        await released(server)
        client.abort()

    wire.play(scenario, application=application, headers={"Hubbub-Connection": "c1"})
    assert seen == [("signal", 101, "c1"), ("middleware", 101, "c1")]
    assert statuses(caplog) == [101]


@plain_wires
def test_a_runner_that_cancels_handlers_does_not_cancel_the_hand_over(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """`handler_cancellation=True` is for handlers whose client left; letting go of a connection is no such loss."""
    caplog.set_level(logging.INFO, "aiohttp.access")

    @web.middleware
    async def linger(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        await turns(3)  # where a cancellation would strike
        return response

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"on"))
        await listener.until(lambda heard: heard == [("text", "on")])
        await when(lambda: statuses(caplog))
        client.abort()

    wire.play(scenario, application=lambda: web.Application(middlewares=[linger]), handler_cancellation=True)
    assert statuses(caplog) == [101]


@plain_wires
def test_a_server_that_shuts_down_opens_nothing(wire: Wire) -> None:
    """A handler caught by the shutdown answers 503: aiohttp has dropped bytes of that connection since."""

    async def shut_down(request: web.Request) -> None:
        request.protocol.close()

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        assert (await client.response())[0] == 503
        assert server.listeners == []
        await client.aclose()

    wire.play(scenario, before=shut_down)


@plain_wires
def test_a_shutdown_while_the_answer_is_prepared_drops_the_connection(wire: Wire) -> None:
    """The shutdown that begins between our look and the switch makes no listener either."""

    async def shut_down(request: web.Request, response: web.StreamResponse) -> None:
        request.protocol.close()

    def application() -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(shut_down)
        return app

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        await client.gone()
        assert server.listeners == []
        await client.aclose()

    wire.play(scenario, application=application)


@every_wire
def test_the_socket_is_tuned_for_many_small_writes(wire: Wire) -> None:
    """No Nagle, 32 KiB of unsent bytes in the kernel, our own limits in the transport."""
    transports: list[asyncio.Transport] = []

    async def note(request: web.Request) -> None:
        assert request.transport is not None
        transports.append(request.transport)

    async def scenario(server: Server) -> None:
        client, _ = await server.open()
        tcp = transports[0].get_extra_info("socket")
        assert tcp.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY)
        if TCP_NOTSENT_LOWAT is not None:
            assert tcp.getsockopt(sockets.IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 32 * 1024
        client.abort()
        transports.clear()

    wire.play(scenario, before=note)


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
def test_a_flood_in_one_read_does_not_get_past_credit(wire: Wire) -> None:
    """
    43,000 empty messages at once: at most one slice more than the credit is heard, the rest waits and is not lost.
    """

    async def scenario(server: Server) -> None:
        client, listener = await server.open(tail=SMALLEST_FRAME * 43_000)
        credit, heard = 10, 0
        while heard < 43_000:
            await listener.until(lambda heard: listener.credit is not None and listener.credit <= 0)
            assert len(listener.heard) - heard <= credit + FRAMES_IN_A_SLICE
            heard = len(listener.heard)
            credit = listener.credit = 1000
            listener.socket.resume_reading()
            if heard + credit >= 43_000:
                break
        await listener.until(lambda heard: len(heard) == 43_000)
        client.abort()

    wire.play(scenario, listener=lambda socket: Recorder(socket, credit=10))


@every_wire
def test_a_flood_without_messages_leaves_turns_to_others(wire: Wire) -> None:
    """
    40,000 empty fragments need no credit and are no message; the loop still turns in between, and then the message is
    heard.
    """

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        turns, counting = 0, True

        async def count_turns() -> None:
            nonlocal turns
            while counting:
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count_turns())
        client.send(frame(b"a", fin=False) + frame(b"", 0, fin=False) * 40_000 + frame(b"b", 0))
        await listener.until(lambda heard: heard == [("text", "ab")])
        counting = False
        await counter
        assert turns >= 40_000 // 2048
        client.abort()

    wire.play(scenario)


@every_wire
def test_a_paused_socket_hears_nothing_until_it_is_resumed(wire: Wire) -> None:
    """pause_reading() holds from inside a message on; resume_reading() goes on with what was kept, in order."""

    class Pausing(Recorder):
        def text_received(self, data: str) -> None:
            super().text_received(data)
            if data == "pause":
                self.socket.pause_reading()

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"pause") + SMALLEST_FRAME * 2000 + frame(b"end"))
        await listener.until(lambda heard: heard)
        held = len(listener.heard)
        assert held <= FRAMES_IN_A_SLICE
        await turns(50)
        assert len(listener.heard) == held
        listener.socket.resume_reading()
        assert len(listener.heard) == held
        await listener.until(lambda heard: heard[-1] == ("text", "end"))
        assert len(listener.heard) == 2002
        client.abort()

    wire.play(scenario, listener=Pausing)


@every_wire
def test_a_close_is_answered_even_without_credit(wire: Wire) -> None:
    """A socket that held back its client and then closes reads on to the client's close frame."""

    async def scenario(server: Server) -> None:
        client, listener = await server.open()
        client.send(frame(b"one") + SMALLEST_FRAME * 5000)
        await listener.until(lambda heard: heard)
        listener.socket.close(1008, "too much")
        heard = len(listener.heard)
        assert await client.close_frame() == (1008, "too much")
        client.send(close(1008))
        assert await listener.end() == ("closed", 1008, "", True)
        assert len(listener.heard) == heard + 1
        await client.aclose()

    wire.play(scenario, listener=lambda socket: Recorder(socket, credit=1))


class Failing(Recorder):
    """A listener that fails in the method whose name it is told."""

    def text_received(self, data: str) -> None:
        if data != "text_received":
            return super().text_received(data)
        raise RuntimeError(f"failed in {data}")

    def pong_received(self, data: bytes) -> None:
        raise RuntimeError("failed in pong_received")

    def bytes_received(self, data: bytes) -> None:
        raise RuntimeError("failed in bytes_received")

    def has_credit(self) -> bool:
        if self.texts[-1:] == ["has_credit"]:
            raise RuntimeError("failed in has_credit")
        return True


@every_wire
@pytest.mark.parametrize("method", ["text_received", "bytes_received", "pong_received", "has_credit"])
def test_a_listener_that_fails_ends_its_own_socket_only(wire: Wire, method: str) -> None:
    """1011 to the client, one word to the loop's exception handler, and every other socket goes on."""
    opcode = {"bytes_received": BINARY, "pong_received": PONG}.get(method, TEXT)

    async def scenario(server: Server) -> None:
        other, listening = await server.open()
        client, listener = await server.open()
        client.send(frame(method.encode(), opcode) + frame(b"after"))
        if method == "has_credit":
            client.send(frame(b"has_credit") * 700)
        assert await client.close_frame() == (1011, "internal error")
        assert listener.socket.sent_close == (1011, "internal error")
        await client.aclose()
        assert await listener.end() == ("closed", 1006, "", False)
        [error] = server.errors
        assert str(error["exception"]) == f"failed in {method}"
        server.errors.clear()
        other.send(frame(b"alive"))
        await listening.until(lambda heard: heard == [("text", "alive")])
        other.abort()

    wire.play(scenario, listener=Failing)


@every_wire
def test_a_listener_that_cannot_be_made_closes_the_socket(wire: Wire) -> None:
    """The 101 is out by then: the client is told 1011, the loop's exception handler why."""

    def refuse(socket: Socket) -> Recorder:
        raise RuntimeError("no listener today")

    async def scenario(server: Server) -> None:
        client = await RawClient.open(server.port, server.tls, tail=frame(b"first"))
        assert await client.close_frame() == (1011, "internal error")
        await client.aclose()
        [error] = server.errors
        assert str(error["exception"]) == "no listener today"
        server.errors.clear()

    wire.play(scenario, listener=refuse)


@every_wire
def test_a_listener_that_fails_in_closed_is_reported(wire: Wire) -> None:
    """The last call may fail as well; nobody else notices."""
    ended = asyncio.Event()

    class FailingLast(Recorder):
        def closed(self, code: int, reason: str, clean: bool) -> None:
            super().closed(code, reason, clean)
            ended.set()
            raise RuntimeError("failed in closed")

    async def scenario(server: Server) -> None:
        client, _ = await server.open()
        client.abort()
        await ended.wait()
        [error] = server.errors
        assert str(error["exception"]) == "failed in closed"
        server.errors.clear()

    wire.play(scenario, listener=FailingLast)


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


def count(kind: type) -> int:
    return sum(type(thing) is kind for thing in gc.get_objects())


def statuses(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The statuses in the access log; fails on anything else aiohttp had to say."""
    assert [record.message for record in caplog.records if record.levelno > logging.INFO] == []
    return [record.response_status for record in caplog.records if record.name == "aiohttp.access"]  # type: ignore[attr-defined]


async def released(server: Server) -> None:
    """Waits until aiohttp has let go of every connection and every request task has ended."""
    running, mine = server.runner.server, asyncio.current_task()
    assert running is not None
    await when(lambda: not running.connections)
    await when(lambda: all(task is mine or "RequestHandler" not in repr(task) for task in asyncio.all_tasks()))


async def turns(number: int) -> None:
    """Lets the loop turn: everything that is ready now happens."""
    for _ in range(number):
        await asyncio.sleep(0)
