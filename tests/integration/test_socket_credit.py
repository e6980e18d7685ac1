"""The credit of a socket that was taken over: floods, pauses, and a close without credit."""

from __future__ import annotations

import asyncio

from tests.support.raw_client import close, frame
from tests.support.raw_server import Recorder, Server, Wire
from tests.support.taken_over import SMALLEST_FRAME, every_wire, turns

FRAMES_IN_A_SLICE = 4096 // len(SMALLEST_FRAME) + 1
"""Frames that can end in one slice: those that fit, and one begun before it."""


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
        def text_received(self, data: str, is_alone: bool = False) -> bool:
            if data == "pause":
                self.socket.pause_reading()
            return super().text_received(data)

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
