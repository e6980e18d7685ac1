"""
How ours grows: the same work with more members, more rooms, more connections. Straight lines are the claim.

Each point is a fresh server. The most that is asked for is what the machine's limit of open files leaves: a server and
a load that may have 20,000 each cannot show 100,000 connections; `many` shows their machines without sockets.
"""

from __future__ import annotations

import json
import resource
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from .candidates import BUILD, Candidate, commit
from .machine import cores_for, this_machine
from .runner import load
from .scenarios import Result, idle_kib
from .server import CannotStart, running

FILE = BUILD / "growth.json"
SPARE = 500
"""Open files that are not for clients: libraries, logs, the listener, and those that are being accepted."""


@attrs.frozen
class Sweep:
    """
    One axis.

    Args:
        load: The words for the load; {n} is the point.
        steps: Points, as far as the machine allows.
        clients: Connections at a point.
    """

    name: str
    title: str
    axis: str
    load: str
    steps: tuple[int, ...]
    seconds: float = 2.0

    def clients(self, step: int) -> int:
        return 10_000 if self.name == "rooms" else step


SWEEPS = (
    Sweep(
        "members",
        "one room, one publication outstanding",
        "members",
        "room -n {n} -w 1 --settle 1 --busy --drain 10 --sources 8",
        (100, 300, 1_000, 3_000, 10_000, 19_000),
    ),
    Sweep(
        "rooms",
        "10,000 members in rooms of one size, a publisher in each of at most 100 rooms",
        "rooms",
        "room -n 10000 -r {n} -p {p} -w 1 --settle 1 --busy --drain 10 --sources 8",
        (1, 10, 100, 1_000, 10_000),
    ),
    Sweep(
        "connections",
        "idle, with a browser's headers, in rooms of 100, for 30 s",
        "connections",
        "idle -n {n} -r {r} --sources 8 --browser --settle 2",
        (1_000, 3_000, 10_000, 19_000),
        seconds=30.0,
    ),
)


@attrs.frozen
class Point:
    sweep: str
    candidate: str
    step: int
    figures: dict[str, float]
    complaint: str = ""


def grow(candidates: tuple[Candidate, ...]) -> Iterator[Point]:
    """Yields each point as soon as it is measured."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    for sweep in SWEEPS:
        for step in sweep.steps:
            for candidate in candidates:
                if sweep.clients(step) <= room:
                    yield _point(sweep, step, candidate)


def _point(sweep: Sweep, step: int, candidate: Candidate) -> Point:
    server_core, load_core = cores_for()
    words = sweep.load.format(n=step, p=min(step, 100), r=max(1, step // 100)).split()
    talk = candidate.wire.in_room()
    try:
        with running(candidate, server_core, {}) as (port, pid):
            target = ("--port", str(port), "--server-pid", str(pid), "-t", str(sweep.seconds))
            result = load([*words, *talk, *target], load_core)
            figures = {**_figures(result), **_of_the_loop(port + 1)}
    except CannotStart as error:
        return Point(sweep.name, candidate.name, step, {}, str(error))
    return Point(sweep.name, candidate.name, step, figures, "" if result.get("clean") else _complaint(result))


def _complaint(result: Result) -> str:
    counts = ("missing", "repeated", "reordered", "foreign", "lost", "failed")
    return ", ".join(f"{result[name]} {name}" for name in counts if result.get(name)) or str(result.get("error", ""))


def _figures(result: Result) -> dict[str, float]:
    """Deliveries per second, latencies in ms, memory per connection in KiB, the server's CPU: whatever there is."""
    found: dict[str, float | None] = {
        "deliveries_per_s": result.get("deliveries_per_s"),
        "kib_per_connection": idle_kib(result),
        "server_cpu": (result.get("server") or {}).get("cpu"),
    }
    latency: Mapping[str, Any] = result.get("latency_us") or {}
    for name in ("p50", "p99"):
        if latency.get("count"):
            found[f"{name}_ms"] = latency[name] / 1000
    return {name: float(value) for name, value in found.items() if value}


def _of_the_loop(admin_port: int) -> dict[str, float]:
    """What the server says of itself: the worst lateness of its loop and its longest pause for garbage, in ms."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    read = dict(line.rsplit(" ", 1) for line in lines if line.startswith("hubbub_"))
    return {
        "loop_lag_ms": float(read["hubbub_loop_lag_seconds"]) * 1000,
        "gc_pause_ms": float(read["hubbub_gc_pause_worst_seconds"]) * 1000,
    }


def keep(points: list[Point], file: Path = FILE) -> None:
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
    machine = attrs.asdict(this_machine())
    file.write_text(json.dumps({**about, "machine": machine, "points": [attrs.asdict(one) for one in points]}))


def kept(file: Path = FILE) -> tuple[dict[str, Any], list[Point]]:
    about = json.loads(file.read_text())
    return about, [Point(**one) for one in about.pop("points")]


def line(point: Point) -> str:
    said = "  ".join(f"{name} {value:,.3g}" for name, value in point.figures.items())
    return f"{point.sweep:12} {point.step:7,} {point.candidate:16} {said}  {point.complaint}"
