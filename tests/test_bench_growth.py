"""How it grows, said truly: medians of clean rounds only, every point in the table, straight lines drawn straight."""

from __future__ import annotations

import asyncio
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.growth import SWEEPS, Point, figures_of, keep, kept, medians, of_the_process
from bench.growth_plot import Frame, rounded_up, svg
from bench.growth_table import markdown
from bench.machine import stolen_in
from bench.many import CountingSocket, Peers, Row, growth, table
from gateway.sockets.socket import Socket

ABOUT: dict[str, Any] = {
    "at": "2026-11-21T00:00:00+00:00",
    "commit": "abc1234",
    "rounds": 3,
    "machine": {"processor": "a & b", "cores": 2, "kernel": "Linux 6", "python": "3.11.7"},
}


def point(step: int, rate: float, complaint: str = "", sweep: str = "members") -> Point:
    return Point(sweep, "ours-raw", step, {"deliveries_per_s": rate, "p99_ms": 1.5}, complaint)


# --- figures


def test_no_cpu_is_a_figure_and_no_delivery_in_an_idle_run_is_none() -> None:
    """Nought that was measured is kept; what the load did not look at is left out."""
    server = {"cpu": 0.0, "rss_ready_kb": 3000, "rss_before_kb": 1000}
    assert figures_of({"server": server, "opened": 100}) == {"kib_per_connection": 20.0, "server_cpu": 0.0}


def test_latencies_are_told_in_ms_when_there_were_any() -> None:
    """The load counts microseconds; without a delivery there is no latency."""
    latency = {"count": 2, "p50": 1500, "p99": 2500}
    assert figures_of({"latency_us": latency}) == {"p50_ms": 1.5, "p99_ms": 2.5}
    assert figures_of({"latency_us": {"count": 0, "p50": 0, "p99": 0}}) == {}


def test_the_loop_and_the_collector_are_read_from_the_metrics_in_ms() -> None:
    """Comments and other families are passed over."""
    metrics = "# HELP x y\nhubbub_loop_lag_seconds 0.25\nhubbub_gc_pause_worst_seconds 0.5\nprocess_x 1\n"
    assert of_the_process(metrics) == {"loop_lag_ms": 250.0, "gc_pause_ms": 500.0}


def test_what_the_host_took_is_read_by_core() -> None:
    """The eighth number of a core's line, in ticks; a kernel that has none says nothing."""
    text = f"cpu  1 2 3 4 5 6 7 999 0\ncpu0 1 2 3 4 5 6 7 {2 * os.sysconf('SC_CLK_TCK')} 0\ncpu1 1 2 3 4 5 6 7\n"
    assert [stolen_in(text, core) for core in range(3)] == [2.0, 0.0, 0.0]


# --- rounds


def test_a_point_is_the_median_of_its_clean_rounds() -> None:
    """A run that lost something counts for nothing."""
    found = medians([point(100, 10), point(300, 5), point(100, 30), point(100, 99, "1 missing"), point(100, 20)])
    assert [(one.step, one.figures["deliveries_per_s"]) for one in found] == [(100, 20.0), (300, 5.0)]


def test_a_point_without_a_clean_round_stays_and_has_no_figure() -> None:
    """It says what was wrong."""
    assert medians([point(100, 10, "3 lost"), point(100, 10, "4 lost")]) == [
        Point("members", "ours-raw", 100, {}, "3 lost")
    ]


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    """Circumstances and every run."""
    keep(ABOUT, [point(100, 10)], tmp_path / "growth.json")
    assert kept(tmp_path / "growth.json") == (ABOUT, [point(100, 10)])


def test_no_point_asks_for_more_sockets_than_it_says() -> None:
    """What is left out for the limit of open files is decided by this."""
    for sweep in SWEEPS:
        for step in sweep.steps:
            words = sweep.words(step)
            assert words[words.index("-n") + 1] == str(sweep.clients(step))


# --- table and plot


def test_the_table_has_every_point_and_names_what_was_not_clean() -> None:
    """A line for each; a figure that is not there is a dash."""
    runs = [point(100, 12_345), point(300, 5, "1 missing")]
    said = markdown(ABOUT, medians(runs), runs)
    assert "| 100 | ours-raw | 12k | - | 1.5 | - | - | - | - |" in said
    assert "| 300 | ours-raw | - | - | - | - | - | - | - |" in said
    assert "- members, 300, ours-raw: 1 missing" in said
    assert "## Rooms" not in said


def test_the_plot_is_xml_with_a_dot_for_each_figure() -> None:
    """Also when a panel has nothing, and with names that XML would not take as they are."""
    root = ET.fromstring(svg(ABOUT, [point(100, 10), point(1000, 20), Point("rooms", "ours-raw", 1, {}, "lost")]))
    circles = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if one.get("r") == "3"]
    assert len(circles) == 4
    assert "commit abc1234, 2026-11-21T00:00:00+00:00, a & b" in [one.text for one in root.iter() if one.text]


def test_a_straight_line_through_nought_is_drawn_from_the_foot_of_the_panel() -> None:
    """y is linear and starts at 0; x is the logarithm of the step."""
    frame = Frame(0.0, 0.0, (10, 100, 1000), 10.0)
    assert (frame.y(0.0), frame.y(10.0)) == (150.0, 0.0)
    assert frame.x(100) - frame.x(10) == pytest.approx(frame.x(1000) - frame.x(100))


def test_numbers_of_steps_do_not_run_into_one_another() -> None:
    """10,000 and 19,000 are closer than their numbers are wide: the last one is written."""
    frame = Frame(0.0, 0.0, (100, 300, 1_000, 3_000, 10_000, 19_000), 1.0)
    assert list(frame.labelled()) == [19_000, 3_000, 1_000, 300, 100]


@pytest.mark.parametrize(
    ("value", "end"), [(0.0, 1.0), (0.003, 0.005), (0.97, 1.0), (1.0, 1.0), (7.4, 10.0), (12, 20.0), (101_000, 200_000)]
)
def test_an_axis_ends_with_a_round_number(value: float, end: float) -> None:
    """1, 2, 2.5 or 5 times a power of ten, and not below the value."""
    assert rounded_up(value) == pytest.approx(end)


# --- many


def row(count: int, kib: float, share: float) -> Row:
    return Row(count, "ours", kib, 80.0, (1.0, 2.0, 0.0), 3.0, share, count, 4.0)


def test_what_grows_with_the_square_is_not_called_straight() -> None:
    """Ten times as many that cost a hundred times as much are ten times as dear each."""
    said = growth([row(10_000, 5.0, 0.001), row(100_000, 5.0, 0.1)])
    assert "memory 1.00 x, opening 1.00 x, pings 10.00 x" in said


def test_the_table_of_many_has_a_line_for_each_process() -> None:
    """Pings are left empty where they were not looked at."""
    found = [row(10_000, 5.0, 0.005), Row(10_000, "python", 5.0, 80.0, (1.0, 2.0, 50.0), 3.0)]
    lines = table(found).splitlines()
    assert lines[2].startswith("| 10,000 | ours | 5.00 | 80 | 0.50% | 10,000 |")
    assert lines[3].startswith("| 10,000 | python | 5.00 | 80 |  |  | 1.0 | 2.0 | 50.0 |")


class Answers:
    """A listener that counts the pongs it hears."""

    def __init__(self) -> None:
        self.pongs = 0

    def pong_received(self, data: bytes) -> None:
        self.pongs += 1


def test_a_counting_socket_answers_a_ping_in_a_later_turn() -> None:
    """As a network would; within the turn nothing has come in yet."""

    async def conversation() -> None:
        peers, listener = Peers(), Answers()
        socket: Any = CountingSocket(peers)
        checked: Socket = socket
        socket.listener = listener
        checked.write_control(b"ping")
        assert (peers.pings, listener.pongs) == (1, 0)
        await asyncio.sleep(0)
        assert listener.pongs == 1

    asyncio.run(conversation())


def test_writes_can_be_waited_for() -> None:
    """The wait ends with the write that makes the number full."""

    async def conversation() -> None:
        peers = Peers()
        socket = CountingSocket(peers)
        waits = asyncio.ensure_future(peers.wait_written(2))
        for _ in range(2):
            await asyncio.sleep(0)
            assert not waits.done()
            socket.write(b"x")
        await asyncio.wait_for(waits, 5)

    asyncio.run(conversation())
