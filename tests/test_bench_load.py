"""The load of the benchmark counts right: against a server that is made faulty on purpose, and in every kind of run."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, broadcast, serve

SOURCE = Path(__file__).parent.parent / "bench" / "load"
BOUND = 30
"""Seconds for a run that measures less than one."""


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("gcc") is None:
        pytest.skip("the load needs gcc")
    binary = str(tmp_path_factory.mktemp("load") / "load")
    subprocess.run(["gcc", "-O1", "-o", binary, *map(str, SOURCE.glob("*.c"))], check=True, timeout=120)
    return binary


class Faulty:
    """A server with one room; every tenth message meets the fault. It counts what it did, which is the truth."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.members: list[ServerConnection] = []
        self.held: str | None = None
        self.published = self.faults = 0

    async def handle(self, ws: ServerConnection) -> None:
        self.members.append(ws)
        async for message in ws:
            assert isinstance(message, str)
            self.published += 1
            if self.published % 10:
                await self.deliver(message)
            else:
                await getattr(self, f"fault_{self.fault}")(message)

    async def deliver(self, message: str) -> None:
        if self.held is None:
            broadcast(self.members, message)
            return
        held, self.held = self.held, None
        broadcast(self.members[:-1], message)
        for late in (message, held):
            await self.members[-1].send(late)
        self.faults += 1

    async def fault_none(self, message: str) -> None:
        broadcast(self.members, message)

    async def fault_loss(self, message: str) -> None:
        broadcast(self.members[:-1], message)
        self.faults += 1

    async def fault_repeat(self, message: str) -> None:
        broadcast(self.members, message)
        await self.members[-1].send(message)
        self.faults += 1

    async def fault_reorder(self, message: str) -> None:
        broadcast(self.members[:-1], message)
        self.held = message

    async def fault_foreign(self, message: str) -> None:
        broadcast(self.members, message)
        await self.members[-1].send(message.replace("#hub000000", "#hub00ffff"))
        self.faults += 1

    async def fault_fragments(self, message: str) -> None:
        for member in self.members:
            await member.send([message[:5], message[5:50], message[50:]])

    async def fault_dressed(self, message: str) -> None:
        self.faults += 1
        broadcast(self.members, f"##hu#h#{message}#hu##h")

    async def fault_together(self, message: str) -> None:
        """Two deliveries in one frame, as some wires join them: this one, and one that repeats it."""
        broadcast(self.members, json.dumps([message, message]))
        self.faults += len(self.members)

    async def fault_cut(self, message: str) -> None:
        if self.faults == 0:
            self.faults += 1
            await self.members.pop().close(1008, "cut")
        broadcast(self.members, message)


async def run_load(load: str, handle: Callable[[ServerConnection], Awaitable[None]], *options: str) -> dict[str, Any]:
    async with serve(handle, "127.0.0.1", 0, compression=None, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        times = ("-t", "0.5", "--warmup", "0.1", "--settle", "0.1", "--drain", "0.5")
        command = (load, *options, *times, "--port", str(port))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(BOUND):
            output, _ = await process.communicate()
    result: dict[str, Any] = json.loads(output)
    assert result["clean"] is (process.returncode == 0)
    return result


def against(load: str, fault: str, *options: str) -> tuple[Faulty, dict[str, Any]]:
    server = Faulty(fault)
    return server, asyncio.run(run_load(load, server.handle, "room", "-n", "10", *options))


OPEN_LOOP = ("--rate", "400")


# --- what a faulty server does


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [("-w", "1"), ("-w", "16"), OPEN_LOOP, ("-p", "3", "-w", "4"), ("-s", "36"), ("-s", "70000", "-w", "2")],
    ids=" ".join,
)
def test_what_arrives_whole_is_clean(load: str, options: tuple[str, ...]) -> None:
    """Deliveries are publications times members; the server saw as many publications as the load says it sent."""
    server, result = against(load, "none", *options)
    assert result["clean"], result
    assert result["published"] == server.published > 0
    assert result["delivered"] == result["expected"] == server.published * 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "counted"),
    [("loss", "missing"), ("repeat", "repeated"), ("reorder", "reordered"), ("foreign", "foreign")],
)
def test_each_fault_is_counted_for_what_it_is(load: str, fault: str, counted: str) -> None:
    """As often as the server did it; and a fault of one kind is never taken for another."""
    server, result = against(load, fault, *OPEN_LOOP)
    assert not result["clean"]
    assert server.faults > 0
    found = {name: result[name] for name in ("missing", "repeated", "reordered", "foreign")}
    still_held = {"missing": 1} if server.held else {}
    assert found == {"missing": 0, "repeated": 0, "reordered": 0, "foreign": 0, counted: server.faults, **still_held}


@pytest.mark.slow
def test_fragments_are_one_delivery(load: str) -> None:
    """A message in three frames arrives once."""
    server, result = against(load, "fragments", *OPEN_LOOP)
    assert result["clean"], result
    assert result["delivered"] == server.published * 10


@pytest.mark.slow
def test_what_stands_around_a_payload_hides_nothing(load: str) -> None:
    """Envelopes of wires may hold beginnings of a marker."""
    server, result = against(load, "dressed", *OPEN_LOOP)
    assert server.faults > 0
    assert result["clean"], result
    assert result["delivered"] == server.published * 10


@pytest.mark.slow
def test_a_load_that_polls_says_how_long_it_waited(load: str) -> None:
    """A share of the time that was measured; one that sleeps cannot tell."""
    _, polled = against(load, "none", "-w", "1", "--busy")
    assert 0.0 < polled["waited"] < 1.0
    _, slept = against(load, "none", "-w", "1")
    assert "waited" not in slept


@pytest.mark.slow
def test_two_deliveries_in_one_frame_are_two(load: str) -> None:
    """Each marker in a frame counts: the second of the same publication as a repeat."""
    server, result = against(load, "together", *OPEN_LOOP)
    assert result["repeated"] == server.faults > 0
    assert result["missing"] == 0


@pytest.mark.slow
def test_a_member_that_is_cut_off_is_lost_and_what_it_misses_is_missing(load: str) -> None:
    """A server cannot win by closing those that cost it time."""
    _, result = against(load, "cut", *OPEN_LOOP)
    assert result["lost"] == 1
    assert result["missing"] > 0
    assert result["error"] == "the server closed with 1008 cut"


# --- kinds of runs


FLOODED = (*OPEN_LOOP, "--flooders", "1", "--flood-rate", "2000", "--path", "/room/{room}", "--trouble", "0.5")
"""A room of members, and a flooder in the next one."""


async def is_flooder(ws: ServerConnection, members: list[ServerConnection]) -> bool:
    """Serves a member until it goes; says of a flooder, after 100 messages, that it is one."""
    assert ws.request is not None
    is_member = ws.request.path == "/room/0"
    if is_member:
        members.append(ws)
    count = 0
    async for message in ws:
        count += 1
        if is_member:
            broadcast(members, message)
        elif count == 100:
            return True
    return False


@pytest.mark.slow
def test_a_flooder_that_is_closed_is_reported_with_its_code(load: str) -> None:
    """What becomes of it is told, and counts neither as a loss nor as a delivery of the others."""
    members: list[ServerConnection] = []

    async def handle(ws: ServerConnection) -> None:
        if await is_flooder(ws, members):
            await ws.close(4002, "too fast")

    result = asyncio.run(run_load(load, handle, "room", "-n", "10", *FLOODED))
    assert result["clean"], result
    assert result["flooders"]["closed"] == {"4002": 1}
    assert result["trouble_us"]["count"] > 0


class Listening(asyncio.Protocol):
    """Takes a connection over once its server has sent its close frame; lets the client end it."""

    def __init__(self, ws: ServerConnection) -> None:
        self.heard = b""
        self._ws = ws
        ws.transport.set_protocol(self)
        ws.transport.resume_reading()  # a full queue of messages has paused it

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._ws.connection_lost(exc)


@pytest.mark.slow
def test_a_flooder_says_nothing_behind_its_close_frame(load: str) -> None:
    """RFC 6455 5.5.1; a server that hung up before it had read that would answer with a reset."""
    members: list[ServerConnection] = []
    listening: list[Listening] = []

    async def handle(ws: ServerConnection) -> None:
        if await is_flooder(ws, members):
            ws.protocol.send_close(4002, "too fast")
            ws.transport.write(b"".join(ws.protocol.data_to_send()))
            listening.append(Listening(ws))

    result = asyncio.run(run_load(load, handle, "room", "-n", "1", *FLOODED))
    assert result["flooders"]["closed"] == {"4002": 1}
    assert listening[0].heard[-8:-6] == b"\x88\x82"


@pytest.mark.slow
def test_a_script_is_held_and_an_own_ping_is_answered(load: str) -> None:
    """Steps in their order, numbers that count up per connection, and a line of the wire's own among others."""
    members: list[ServerConnection] = []
    numbers: dict[ServerConnection, list[int]] = {}
    pongs: list[str] = []

    async def handle(ws: ServerConnection) -> None:
        numbers[ws] = []
        async for message in ws:
            assert isinstance(message, str)
            if message == "{}":
                pongs.append(message)
                continue
            asked = json.loads(message)
            numbers[ws].append(asked["id"])
            if "join" in asked:
                members.append(ws)
                await ws.send(json.dumps({"joined": asked["join"]}))
            else:
                broadcast(members, "{}\n" + message)

    script = ("--send", '{"id":{n},"join":"r{room}"}', "--expect", '"joined": "r{room}"')
    options = (
        "room",
        "-n",
        "5",
        *OPEN_LOOP,
        *script,
        "--ping",
        "{}",
        "--pong",
        "{}",
        "--message",
        '{"id":{n},"say":"{payload}"}',
    )
    result = asyncio.run(run_load(load, handle, *options))
    assert result["clean"], result
    assert result["pings"] == result["delivered"] > 0
    assert all(said == list(range(1, len(said) + 1)) for said in numbers.values())
    assert len(pongs) > 0


@pytest.mark.slow
def test_churn_counts_whole_cycles_and_idle_holds_its_connections(load: str) -> None:
    """A cycle ends with the server's close frame and the end of the stream."""

    async def handle(ws: ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)

    churn = asyncio.run(run_load(load, handle, "churn", "-n", "4"))
    assert churn["clean"], churn
    assert churn["cycles"] == churn["close_us"]["count"] > 0
    idle = asyncio.run(run_load(load, handle, "idle", "-n", "50", "--browser"))
    assert idle["clean"], idle
    assert (idle["opened"], idle["lost"]) == (50, 0)
    echo = asyncio.run(run_load(load, handle, "echo", "-n", "5"))
    assert echo["clean"], echo
    assert echo["delivered"] == echo["published"] > 0


@pytest.mark.slow
def test_what_is_no_upgrade_is_said(load: str) -> None:
    """A run that could not begin names the answer, and counts nothing as measured."""

    async def main() -> dict[str, Any]:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                load, "room", "-n", "3", "--port", str(port), stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(BOUND):
                output, _ = await process.communicate()
        found: dict[str, Any] = json.loads(output)
        return found

    result = asyncio.run(main())
    assert not result["clean"]
    assert result["error"].startswith("no upgrade: HTTP/1.1 404 Not Found")
    assert result["published"] == 0
