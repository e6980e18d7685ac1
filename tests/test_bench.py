"""The benchmark says what is: its load counts right, its statistics too, and no row where we lose is left out."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench import history
from bench.candidates import CANDIDATES, SERVERS
from bench.plot import svg
from bench.runs import Run, Session, append, new_file, read
from bench.scenarios import SCENARIOS
from bench.spread import ratios, spread_of
from bench.table import losses, markdown, rows_of
from bench.wires import CENTRIFUGE, NATIVE, RAW, SOCKETIO

SOURCE = Path(__file__).parent.parent / "bench" / "load"
BOUND = 30
"""Seconds for a run that measures less than one."""

ABOUT: dict[str, Any] = {
    "at": "2026-11-21T00:00:00+00:00",
    "commit": "abc1234",
    "machine": {
        "processor": "one",
        "cores": 2,
        "kernel": "Linux 6",
        "python": "3.11.7",
        "compiler": "gcc 12",
        "load": 0.1,
    },
    "versions": {"socketify": "0.0.31"},
    "rounds": 3,
}


def session(**rates: list[float | None]) -> Session:
    """Of one scenario: by candidate, with _ for -, the deliveries per second of each round; None: it was not clean."""
    runs = [
        Run(name.replace("_", "-"), "room-w1", number, {"clean": rate is not None, "deliveries_per_s": rate or 1e9})
        for name, values in rates.items()
        for number, rate in enumerate(values, 1)
    ]
    return Session(ABOUT, tuple(runs))


# --- statistics


def test_a_spread_is_the_median_and_the_extremes() -> None:
    """The median of an even count lies between the two in the middle; no values are no spread, not nought."""
    spread = spread_of([4.0, 1.0, 3.0, 2.0])
    assert spread is not None
    assert (spread.median, spread.low, spread.high, spread.count) == (2.5, 1.0, 4.0, 4)
    assert spread_of([]) is None


def test_ratios_are_of_one_round_each() -> None:
    """A machine that slows down by half between rounds changes no ratio; a round that one lacks has none."""
    assert ratios({1: 50.0, 2: 25.0, 4: 7.0}, {1: 100.0, 2: 50.0, 3: 9.0}) == [0.5, 0.5]


def test_a_round_that_was_not_clean_is_in_no_median() -> None:
    """Deliveries that were lost are easily fast."""
    measured = session(socketify=[100.0, 100.0, 100.0], ours_raw=[90.0, None, 110.0])
    scenario = measured.scenarios()[0]
    assert measured.values(scenario, "ours-raw") == {1: 90.0, 3: 110.0}
    assert "- ours-raw: round 2: not clean" in markdown(measured)


def test_a_run_that_had_not_its_whole_core_is_disturbed() -> None:
    """Only a run that polls can tell; one that never began was not disturbed but failed."""
    polled = {"busy": True, "measured_s": 2.0, "own_cpu": 0.5}
    assert Run("socketify", "room-w1", 1, polled).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "own_cpu": 0.99}).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "busy": False}).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "measured_s": 0.0}).is_disturbed


# --- the table, the plot, the history


def test_every_server_that_ran_has_a_row() -> None:
    """Best first; without a clean round last, and there all the same."""
    measured = session(socketify=[100.0], ours_raw=[50.0], picows=[None], node_ws=[70.0])
    rows = rows_of(measured, measured.scenarios()[0])
    assert [row.candidate for row in rows] == ["socketify", "node-ws", "ours-raw", "picows"]


def test_where_ours_is_behind_is_said() -> None:
    """A line names everybody who is better, and nobody who is not."""
    behind = list(losses(session(socketify=[100.0], ours_raw=[50.0], picows=[25.0])))
    assert behind == ["- room-w1, ours-raw: 0.5 x socketify"]
    assert list(losses(session(socketify=[100.0], ours_raw=[None]))) == ["- room-w1, ours-raw: not one clean run"]
    assert "Nowhere in these runs." in markdown(session(socketify=[100.0], ours_raw=[150.0]))


def test_the_plot_is_a_document_with_everybody_in_it() -> None:
    """Well-formed XML; a name per bar, one bar per clean candidate and the ground."""
    measured = session(socketify=[100.0, 120.0], ours_raw=[50.0, 60.0], picows=[None])
    drawn = ET.fromstring(svg(measured))
    said = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"socketify", "ours-raw", "picows", "not clean"} <= set(said)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) == 3


def test_the_history_grows_by_a_line_for_each_row(tmp_path: Path) -> None:
    """The header stands once; what was lost has no figures and counts no clean round."""
    file = tmp_path / "history.csv"
    measured = session(socketify=[100.0, 100.0], ours_raw=[50.0, 40.0], picows=[None, None])
    assert history.record(measured, file) == 3
    assert history.record(measured, file) == 3
    lines = list(csv.DictReader(file.read_text().splitlines()))
    assert len(lines) == 6
    assert (lines[1]["candidate"], lines[1]["median"], lines[1]["ratio"]) == ("ours-raw", "45", "0.45")
    assert (lines[2]["candidate"], lines[2]["clean_rounds"], lines[2]["median"]) == ("picows", "0", "")


def test_runs_read_back_as_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that was cut short has every run up to then."""
    monkeypatch.setattr("bench.runs.RESULTS", tmp_path)
    measured = session(socketify=[100.0], ours_raw=[50.0])
    file = new_file("now", ABOUT)
    for run in measured.runs:
        append(file, run)
    assert read(file) == measured


# --- what is run


def test_names_are_used_once_and_servers_are_there() -> None:
    """A result belongs to one candidate and one scenario; a script that a command names exists."""
    names = [one.name for one in CANDIDATES] + [one.name for one in SCENARIOS]
    assert len(names) == len(set(names))
    scripts = [word for one in CANDIDATES for word in one.command if word.endswith((".py", ".js"))]
    assert all((SERVERS / script).exists() for script in scripts)


@pytest.mark.parametrize("wire", [RAW, NATIVE, CENTRIFUGE, SOCKETIO])
def test_a_wire_is_spoken_as_the_scenario_uses_it(wire: Any) -> None:
    """At the door nobody joins or publishes; in a room everybody joins first."""
    assert "--message" not in wire.at_the_door()
    assert wire.in_room()[: len(wire.at_the_door())][2:] == wire.at_the_door()[2:]
    assert all(word in wire.in_room() for word in wire.join)


# --- the load, against a server that is made faulty on purpose


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


@pytest.mark.slow
def test_a_flooder_that_is_closed_is_reported_with_its_code(load: str) -> None:
    """What becomes of it is told, and counts neither as a loss nor as a delivery of the others."""
    members: list[ServerConnection] = []

    async def handle(ws: ServerConnection) -> None:
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
                await ws.close(4002, "too fast")

    options = ("room", "-n", "10", *OPEN_LOOP, "--flooders", "1", "--flood-rate", "2000", "--path", "/room/{room}")
    result = asyncio.run(run_load(load, handle, *options, "--trouble", "0.5"))
    assert result["clean"], result
    assert result["flooders"]["closed"] == {"4002": 1}
    assert result["trouble_us"]["count"] > 0


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
