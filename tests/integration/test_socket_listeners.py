"""A listener that fails, or cannot be made, ends its own socket and no other."""

from __future__ import annotations

import asyncio

import pytest

from gateway.sockets.socket import Socket
from tests.support.raw_client import BINARY, PONG, TEXT, RawClient, frame
from tests.support.raw_server import Recorder, Server, Wire
from tests.support.taken_over import every_wire


class Failing(Recorder):
    """A listener that fails in the method whose name it is told."""

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        if data != "text_received":
            return super().text_received(data)
        raise RuntimeError(f"failed in {data}")

    def pong_received(self, data: bytes) -> None:
        raise RuntimeError("failed in pong_received")

    def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
        raise RuntimeError("failed in bytes_received")


@every_wire
@pytest.mark.parametrize("method", ["text_received", "bytes_received", "pong_received"])
def test_a_listener_that_fails_ends_its_own_socket_only(wire: Wire, method: str) -> None:
    """1011 to the client, one word to the loop's exception handler, and every other socket goes on."""
    opcode = {"bytes_received": BINARY, "pong_received": PONG}.get(method, TEXT)

    async def scenario(server: Server) -> None:
        other, listening = await server.open()
        client, listener = await server.open()
        client.send(frame(method.encode(), opcode) + frame(b"after"))
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
