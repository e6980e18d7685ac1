"""
Many idle connections in one process, without a network: what their machines cost, and what they make the loop wait.

    python -m bench many             # 10,000 and 100,000
    python -m bench many -n 30000

A limit of open files keeps most machines from 100,000 sockets, and what the kernel holds for one is not ours. So here
a socket only counts what is written to it and answers each ping, in a later turn; machines, topics, presence, wheel and
collector are those of `hubbub serve`. What a ping costs in the kernel, one send and one receive, is not in it.

Each row is a process of its own, with a bare node first: memory is what came after that. The pings are looked at over
one ping interval that begins when the last connection is open: each is then pinged exactly once, and that is checked.
The same is opened once more under the interpreter's own policy for garbage, for its pauses beside ours.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import attrs
import structlog

from gateway.access.handshake import Handshake
from gateway.access.identity import ANONYMOUS
from gateway.connections.connection import ConnectionActor
from gateway.endpoints.tickets import Ticket
from gateway.node import Node
from gateway.protocols.native import NativeWire
from gateway.settings.sources import load_settings
from gateway.sockets.socket import SocketListener
from gateway.web.collector import Collector

HOME = Path(__file__).parent
FEW = 10_000
"""The row that the other is compared with: memory and CPU of ten times as many should be ten times as much."""
IN_A_ROOM = 100
BATCH = 50
"""Connections that open between two turns of the loop, as many as a busy listener accepts in one."""
LAG_EVERY = 0.02
"""Seconds between two looks at the clock: no longer stall is missed. It costs 0.1 % of a core, and the share has it."""
TIMEOUT = 300.0
"""Seconds of one process; 100,000 take 70 on two shared cores."""


@attrs.frozen
class Row:
    """
    What one process found.

    Args:
        kib: Resident memory for each connection, with its share of its topic, in KiB.
        open_us: CPU time to open one and to have it join, in microseconds.
        share: CPU time over wall time in the ping interval; 0 if that was not looked at.
        pauses_ms: The longest pause for garbage of each generation, youngest first, in CPU time.
        lag_opening_ms: The worst lateness of the loop while they opened.
        lag_idle_ms: The same in the ping interval.
    """

    connections: int
    policy: str
    kib: float
    open_us: float
    pauses_ms: tuple[float, float, float]
    lag_opening_ms: float
    share: float = 0.0
    pings: int = 0
    lag_idle_ms: float = 0.0

    @property
    def worst_pause_ms(self) -> float:
        return max(self.pauses_ms)


class Peers:
    """All clients at once: whoever was pinged answers, in a later turn of the loop."""

    def __init__(self) -> None:
        self.pings = 0
        self.writes = 0
        self._pinged: list[SocketListener] = []
        self._waiting: tuple[int, asyncio.Event] = (0, asyncio.Event())

    def written(self) -> None:
        self.writes += 1
        if self.writes == self._waiting[0]:
            self._waiting[1].set()

    async def wait_written(self, count: int) -> None:
        """Until so many writes were made, of all clients together."""
        if self.writes < count:
            self._waiting = (count, asyncio.Event())
            await self._waiting[1].wait()

    def ping(self, listener: SocketListener) -> None:
        self.pings += 1
        if not self._pinged:
            asyncio.get_running_loop().call_soon(self._answer)
        self._pinged.append(listener)

    def _answer(self) -> None:
        pinged, self._pinged = self._pinged, []
        for listener in pinged:
            listener.pong_received(b"")


class CountingSocket:
    """Implements `gateway.sockets.socket.Socket` for a client that reads everything, sends nothing and never goes."""

    __slots__ = ("_peers", "listener")
    is_open = True
    is_congested = False
    unsent_bytes = 0
    received_bytes = 0
    peer = None
    sent_close = None

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self.listener: SocketListener | None = None

    def write(self, data: bytes) -> None:
        self._peers.written()

    def write_control(self, frame: bytes) -> None:
        if self.listener is not None:
            self._peers.ping(self.listener)

    def pause_reading(self) -> None:
        """Nothing comes in."""

    def resume_reading(self) -> None:
        """Nothing comes in."""

    def close(self, code: int, reason: str = "") -> None:
        self.abort()

    def abort(self) -> None:
        """The node goes, and this with it."""
        if self.listener is not None:
            self.listener.closed(1006, "", clean=False)
            self.listener = None


class Pauses:
    """The longest pause of each generation. In CPU time: what else runs on this core is not the collector's fault."""

    def __init__(self) -> None:
        self.worst = [0.0, 0.0, 0.0]
        self._begun = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._begun = process_time()
        else:
            generation = about["generation"]
            self.worst[generation] = max(self.worst[generation], process_time() - self._begun)


class Lag:
    """The worst lateness of a timer since the last question, in seconds."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._loop = asyncio.get_running_loop()
        self._ask()

    def take(self) -> float:
        worst, self._worst = self._worst, 0.0
        return worst

    def _ask(self) -> None:
        self._due = self._loop.time() + LAG_EVERY
        self._loop.call_at(self._due, self._sample)

    def _sample(self) -> None:
        self._worst = max(self._worst, self._loop.time() - self._due)
        self._ask()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _open(node: Node, peers: Peers, number: int) -> None:
    """One client that joins its room, from an address of its own."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    ticket = Ticket(node.ids.connection_id(), NativeWire(says_hello=False), ANONYMOUS, Handshake("/"), address)
    ticket.decide(None)
    machine = node.open_connection(ticket)._actor
    assert isinstance(machine, ConnectionActor)
    socket = CountingSocket(peers)
    socket.listener = inlet = machine.inlet(socket)
    inlet.text_received(json.dumps({"action": "join_room", "room": f"public:room{number // IN_A_ROOM}"}))


async def _open_all(node: Node, peers: Peers, count: int) -> None:
    for number in range(count):
        _open(node, peers, number)
        if number % BATCH == BATCH - 1:
            await asyncio.sleep(0)
    await peers.wait_written(count)  # each is told at least that it has joined


async def measure(count: int, policy: str) -> Row:
    """In this process, which is to do nothing else: `policy` is "ours" or "python"."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    node, peers = Node(load_settings(HOME / "hubbub.toml", {}, {}).settings, lambda name: None), Peers()
    await node.start()
    gc.collect()
    if policy == "ours":
        Collector(lambda: len(node.directory)).start()
    before, begun, pauses, lag = resident_bytes(), process_time(), Pauses(), Lag()
    await _open_all(node, peers, count)
    opening = (process_time() - begun) / count * 1e6
    row = Row(
        count,
        policy,
        kib=(resident_bytes() - before) / 1024 / count,
        open_us=opening,
        pauses_ms=_ms(pauses),
        lag_opening_ms=lag.take() * 1000,
    )
    if policy == "ours":
        row = await _one_interval(row, node, peers, lag, pauses)
    return row


async def _one_interval(row: Row, node: Node, peers: Peers, lag: Lag, pauses: Pauses) -> Row:
    loop, pinged = asyncio.get_running_loop(), peers.pings
    at, begun = loop.time(), process_time()
    # one slot more: the wheel rounds up
    await asyncio.sleep(node.heartbeat_config.ping_interval + 1.0)
    share = (process_time() - begun) / (loop.time() - at)
    return attrs.evolve(
        row,
        share=share,
        pings=peers.pings - pinged,
        lag_idle_ms=lag.take() * 1000,
        pauses_ms=_ms(pauses),
    )


def _ms(pauses: Pauses) -> tuple[float, float, float]:
    young, middle, old = (worst * 1000 for worst in pauses.worst)
    return young, middle, old


# --- the command: a process for each row


def rows(most: int) -> Iterator[Row]:
    """Yields each row when its process is over; the two that only open go last."""
    counts = sorted({min(FEW, most), most})
    for policy in ("ours", "python"):
        for count in counts:
            yield _in_a_process(count, policy)


def _in_a_process(count: int, policy: str) -> Row:
    command = [sys.executable, "-m", "bench.many", str(count), policy]
    done = subprocess.run(command, cwd=HOME.parent, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    return row_of(json.loads(done.stdout))


def row_of(found: dict[str, Any]) -> Row:
    young, middle, old = found.pop("pauses_ms")
    return Row(**found, pauses_ms=(young, middle, old))


HEAD = (
    "connections", "garbage", "KiB each", "us to open", "CPU share of pings", "pings",
    "longest pause, ms: young", "middle", "all", "loop late, ms: opening", "idle",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    pinged = (f"{row.share:.2%}", f"{row.pings:,}") if row.pings else ("", "")
    pauses = tuple(f"{pause:.1f}" for pause in row.pauses_ms)
    idle = f"{row.lag_idle_ms:.1f}" if row.pings else ""
    count, cost = f"{row.connections:,}", (f"{row.kib:.2f}", f"{row.open_us:.0f}")
    return (count, row.policy, *cost, *pinged, *pauses, f"{row.lag_opening_ms:.1f}", idle)


def line(row: Row) -> str:
    """For a terminal, as soon as it is measured."""
    return "  ".join(f"{name} {value}" for name, value in zip(HEAD, cells(row), strict=True) if value)


def table(found: Sequence[Row]) -> str:
    """Markdown, a line for each row, and below it how the most compare with the fewest."""
    lines = [HEAD, ("--:",) * len(HEAD), *(cells(row) for row in found)]
    ours = [row for row in found if row.policy == "ours"]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + growth(ours)


def growth(ours: Sequence[Row]) -> str:
    """In one sentence: by how much what each connection costs is more among many; 1.0 is a straight line."""
    few, many = ours[0], ours[-1]
    said = [f"{name} {value:.2f} x" for name, value in _ratios(few, many)]
    return (
        f"each of {many.connections:,} beside each of {few.connections:,}: {', '.join(said)}; 1.00 is a straight line"
    )


def _ratios(few: Row, many: Row) -> Iterator[tuple[str, float]]:
    yield "memory", many.kib / few.kib
    yield "opening", many.open_us / few.open_us
    if few.share and few.pings:
        yield "pings", (many.share / many.connections) / (few.share / few.connections)


def main() -> None:
    """In the process of one row: prints it as JSON."""
    count, policy = int(sys.argv[1]), sys.argv[2]
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        print(json.dumps(attrs.asdict(runner.run(measure(count, policy)))), flush=True)
    os._exit(0)  # a hundred thousand farewells would take longer than all that was measured


def _loop_factory() -> Any:
    """As `hubbub serve` chooses."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
