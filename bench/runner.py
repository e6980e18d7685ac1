"""Runs every candidate in every scenario, round by round: what drifts, drifts for all of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from . import runs
from .candidates import BUILD, Candidate, commit
from .machine import cores_for, this_machine
from .runs import Run
from .scenarios import Result, Scenario
from .server import CannotStart, running

RUN_TIMEOUT = 180.0
"""Seconds of one run with everything: 60 to connect, 26 measured, 10 to drain, and as much again."""


@attrs.frozen
class Plan:
    """
    Args:
        seconds: To measure in each run; None is what the scenario says.
    """

    candidates: tuple[Candidate, ...]
    scenarios: tuple[Scenario, ...]
    rounds: int
    seconds: float | None = None


def available(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Those that can run here, and a line about each that cannot."""
    there = [one for one in candidates if one.version() is not None]
    gone = [one for one in candidates if one not in there]
    return there, [f"{one.name} skipped: {one.package or one.command[0]} is not there" for one in gone]


def run(plan: Plan) -> Path:
    """Runs the plan, prints a line for each run, and returns the file with all of them."""
    file = runs.new_file(datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S"), _about(plan))
    for number in range(1, plan.rounds + 1):
        for candidate in _turned(plan.candidates, number):
            for one in _round(candidate, plan, number):
                runs.append(file, one)
                print(_line(one), flush=True)
    return file


def _turned(candidates: tuple[Candidate, ...], number: int) -> tuple[Candidate, ...]:
    """Each round begins with another one: nobody is always first on a cool processor."""
    first = (number - 1) % len(candidates)
    return candidates[first:] + candidates[:first]


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": attrs.asdict(this_machine()),
        "versions": {one.name: one.version() for one in plan.candidates},
        "rounds": plan.rounds,
    }


def _round(candidate: Candidate, plan: Plan, number: int) -> Iterator[Run]:
    """The scenarios that share a server first, then each that wants a fresh one."""
    shared = [one for one in plan.scenarios if not one.is_fresh]
    for group in [shared, *([one] for one in plan.scenarios if one.is_fresh)]:
        if group:
            yield from _group(candidate, group, plan, number)


def _group(candidate: Candidate, group: list[Scenario], plan: Plan, number: int) -> Iterator[Run]:
    server_core, load_core = cores_for()
    left = list(group)
    try:
        with running(candidate, server_core, group[0].settings) as (port, pid):
            while left:
                scenario = left.pop(0)
                seconds = scenario.seconds if plan.seconds is None else plan.seconds
                target = ("--port", str(port), "--server-pid", str(pid), "-t", str(seconds))
                result = _load([*scenario.options(candidate.wire), *target], load_core)
                yield Run(candidate.name, scenario.name, number, result)
    except CannotStart as error:
        for scenario in left:
            yield Run(candidate.name, scenario.name, number, {"clean": False, "error": str(error)})


def _load(options: Sequence[str], core: int) -> Result:
    command = ["taskset", "-c", str(core), str(BUILD / "load"), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT)
        result: Result = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"clean": False, "error": "the load did not end in time"}
    except json.JSONDecodeError:
        return {"clean": False, "error": f"the load said {done.stderr.strip()[:120]!r}"}
    return result


def _line(one: Run) -> str:
    result = one.result
    rate = result.get("deliveries_per_s") or result.get("cycles_per_s") or 0.0
    p99 = result.get("latency_us", {}).get("p99", 0.0) / 1e3
    clock = time.strftime("%H:%M:%S")
    verdict = one.complaint or f"{rate:>12,.0f}/s  p99 {p99:8.2f} ms  own CPU {result.get('own_cpu', 0):.2f}"
    return f"{clock}  round {one.round}  {one.candidate:16} {one.scenario:10} {verdict}"
