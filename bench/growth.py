"""
How ours grows: the same work with more members, more rooms, more connections. Straight lines are the claim.

Each point is a fresh server. The most that is asked for is what the machine's limit of open files leaves: a server and
a load that may have 20,000 each cannot show 100,000 connections; `many` shows their machines without sockets.
"""

from __future__ import annotations

import json
import resource
import statistics
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from .candidates import BUILD, Candidate, commit
from .machine import cores_for, stolen, this_machine
from .runner import load
from .runs import Run
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
        load: The words for the load; {n} is the point, {p} publishers, {r} rooms of 100.
        steps: Points, as far as the machine allows.
        sockets: Connections at every point; 0: as many as the point says.
    """

    name: str
    title: str
    load: str
    steps: tuple[int, ...]
    seconds: float = 2.0
    sockets: int = 0

    def clients(self, step: int) -> int:
        return self.sockets or step

    def words(self, step: int) -> list[str]:
        return self.load.format(n=step, p=min(step, 100), r=max(1, step // 100)).split()


SWEEPS = (
    Sweep(
        "members",
        "one room, one publication outstanding",
        "room -n {n} -w 1 --settle 1 --busy --drain 10 --sources 8",
        (100, 300, 1_000, 3_000, 10_000, 19_000),
    ),
    Sweep(
        "rooms",
        "10,000 members in rooms of one size, a publisher in each of at most 100 rooms",
        "room -n 10000 -r {n} -p {p} -w 1 --settle 1 --busy --drain 10 --sources 8",
        (1, 10, 100, 1_000, 10_000),
        sockets=10_000,
    ),
    Sweep(
        "connections",
        "idle, with a browser's headers, in rooms of 100, for 30 s",
        "idle -n {n} -r {r} --sources 8 --browser --settle 2",
        (1_000, 3_000, 10_000, 19_000),
        seconds=30.0,
    ),
)


@attrs.frozen
class Point:
    """What one run found, or, as `medians` makes them, several."""

    sweep: str
    candidate: str
    step: int
    figures: dict[str, float]
    complaint: str = ""


def grow(
    candidates: Sequence[Candidate], sweeps: Sequence[Sweep] = SWEEPS, rounds: int = 1, seconds: float | None = None
) -> Iterator[Point]:
    """
    Yields each point as soon as it is measured, round by round.

    Args:
        seconds: Measured at each point; None: what the sweep says.
    """
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    for _ in range(rounds):
        for sweep in sweeps:
            for step in sweep.steps:
                for candidate in candidates:
                    if sweep.clients(step) <= room:
                        yield _point(sweep, step, candidate, seconds or sweep.seconds)


def _point(sweep: Sweep, step: int, candidate: Candidate, seconds: float) -> Point:
    server_core, load_core = cores_for()
    try:
        with running(candidate, server_core, {}) as (port, pid):
            target = ("--port", str(port), "--server-pid", str(pid), "-t", str(seconds))
            before = stolen(server_core)
            result = load([*sweep.words(step), *candidate.wire.in_room(), *target], load_core)
            figures = {**figures_of(result), **of_the_process(_metrics(port + 1))}
            figures["stolen_ms"] = (stolen(server_core) - before) * 1000
    except (CannotStart, OSError) as error:
        return Point(sweep.name, candidate.name, step, {}, str(error))
    return Point(sweep.name, candidate.name, step, figures, Run(candidate.name, sweep.name, 1, result).complaint)


def figures_of(result: Result) -> dict[str, float]:
    """Deliveries per second, latencies in ms, memory per connection in KiB, the server's CPU: whatever there is."""
    server, latency = result.get("server") or {}, result.get("latency_us") or {}
    found: dict[str, float | None] = {
        "deliveries_per_s": result.get("deliveries_per_s"),
        "kib_per_connection": idle_kib(result),
        "server_cpu": server.get("cpu"),
    }
    if latency.get("count"):
        found |= {f"{name}_ms": latency[name] / 1000 for name in ("p50", "p99")}
    return {name: float(value) for name, value in found.items() if value is not None}


def _metrics(admin_port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def of_the_process(metrics: str) -> dict[str, float]:
    """
    What the server says of itself, in ms: the worst lateness of its loop in the last 15 s, and its longest pause for
    garbage since its start, in which the whole process stood.
    """
    read = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("hubbub_"))
    names = {"loop_lag_ms": "hubbub_loop_lag_seconds", "gc_pause_ms": "hubbub_gc_pause_worst_seconds"}
    return {ours: float(read[theirs]) * 1000 for ours, theirs in names.items() if theirs in read}


def medians(points: Sequence[Point]) -> list[Point]:
    """One for each place, of its clean rounds; if none was clean, it has no figures and the first complaint."""
    places: dict[tuple[str, str, int], list[Point]] = {}
    for point in points:
        places.setdefault((point.sweep, point.candidate, point.step), []).append(point)
    return [_median(there) for there in places.values()]


def _median(rounds: Sequence[Point]) -> Point:
    clean = [one for one in rounds if not one.complaint]
    if not clean:
        return attrs.evolve(rounds[0], figures={})
    names = dict.fromkeys(name for one in clean for name in one.figures)
    values = {name: [one.figures[name] for one in clean if name in one.figures] for name in names}
    return attrs.evolve(clean[0], figures={name: statistics.median(found) for name, found in values.items()})


def about(rounds: int) -> dict[str, Any]:
    """When, where, and of what."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": now, "commit": commit(), "machine": attrs.asdict(this_machine()), "rounds": rounds}


def keep(circumstances: Mapping[str, Any], points: Sequence[Point], file: Path = FILE) -> None:
    """Every run, so that what was measured is not lost when the next one fails."""
    file.write_text(json.dumps({**circumstances, "points": [attrs.asdict(one) for one in points]}))


def kept(file: Path = FILE) -> tuple[dict[str, Any], list[Point]]:
    circumstances = json.loads(file.read_text())
    return circumstances, [Point(**one) for one in circumstances.pop("points")]
