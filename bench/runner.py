"""Runs every scenario with every candidate, round by round: what drifts, drifts for all of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from . import runs
from .candidates import BUILD, Candidate, commit
from .machine import cores_for, this_machine
from .runs import Run
from .scenarios import SCENARIOS, Result, Scenario
from .server import CannotStart, running, wait_until_quiet
from .table import number as number_text

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
        for one in _round(plan, number):
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


def _round(plan: Plan, number: int) -> Iterator[Run]:
    """
    Each scenario with one candidate after the other, so what is compared is seconds apart.

    All servers of a round are up meanwhile: without connections they cost the core nothing that can be measured. A
    scenario that wants a fresh server has the core to itself.
    """
    turned = _turned(plan.candidates, number)
    shared = [scenario for scenario in plan.scenarios if not scenario.is_fresh]
    if shared:
        yield from _together(turned, shared, plan, number)
    for scenario in plan.scenarios:
        for candidate in turned if scenario.is_fresh else ():
            yield from _together((candidate,), [scenario], plan, number)


def _together(servers: Sequence[Candidate], scenarios: list[Scenario], plan: Plan, number: int) -> Iterator[Run]:
    server_core, _ = cores_for()
    with ExitStack() as stack:
        started: dict[str, tuple[int, int] | CannotStart] = {}
        for candidate in servers:
            try:
                started[candidate.name] = stack.enter_context(running(candidate, server_core, scenarios[0].settings))
            except CannotStart as error:
                started[candidate.name] = error
        for scenario in scenarios:
            for candidate in servers:
                result = _measure(candidate, scenario, started[candidate.name], plan.seconds)
                yield Run(candidate.name, scenario.name, number, result)


def _measure(
    candidate: Candidate, scenario: Scenario, server: tuple[int, int] | CannotStart, seconds: float | None
) -> Result:
    if isinstance(server, CannotStart):
        return {"clean": False, "error": str(server)}
    port, pid = server
    measured = scenario.seconds if seconds is None else seconds
    _, load_core = cores_for()
    target = ("--port", str(port), "--server-pid", str(pid), "-t", str(measured))
    result = load([*scenario.options(candidate.wire), *target], load_core)
    wait_until_quiet(pid)
    return result


def load(options: Sequence[str], core: int) -> Result:
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
    scenario = next(known for known in SCENARIOS if known.name == one.scenario)
    value = scenario.value(one.result)
    figure = "" if value is None else f"{number_text(value)} {scenario.unit}"
    disturbed = f"disturbed: the load had {one.result['own_cpu']:.0%} of its core" if one.is_disturbed else ""
    said = "  ".join(filter(None, [figure, one.complaint, disturbed]))
    return f"{time.strftime('%H:%M:%S')}  round {one.round}  {one.scenario:10} {one.candidate:16} {said}"
