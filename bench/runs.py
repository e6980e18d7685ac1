"""Runs and their file: one JSON line for the circumstances, then one for each run, written as soon as it is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from .candidates import BUILD
from .scenarios import SCENARIOS, Result, Scenario

RESULTS = BUILD / "results"
UNDISTURBED = 0.9
"""Share of its core that the load has at least when nothing else runs; it was 0.99 and above on a quiet machine."""


@attrs.frozen
class Run:
    """One candidate in one scenario in one round."""

    candidate: str
    scenario: str
    round: int
    result: Result

    @property
    def is_clean(self) -> bool:
        """Whether every member got every publication once and in order, and nobody was cut off."""
        return bool(self.result.get("clean"))

    @property
    def is_disturbed(self) -> bool:
        """
        Whether something else took a tenth or more of the load's core: it polls without sleeping, so all was its own.

        What went on beside the server on the other core is not seen by this, but who disturbs one disturbs both.
        """
        has_polled = self.result.get("busy") and self.result.get("measured_s")
        return bool(has_polled) and float(self.result["own_cpu"]) < UNDISTURBED

    @property
    def complaint(self) -> str:
        """What was wrong, in a few words; empty if it was clean."""
        if self.is_clean:
            return ""
        counts = ("missing", "repeated", "reordered", "foreign", "lost", "failed", "skipped", "cycle_errors")
        said = [f"{self.result[name]} {name}" for name in counts if self.result.get(name)]
        return ", ".join([*said, *filter(None, [str(self.result.get("error", ""))])]) or "not clean"


@attrs.frozen
class Session:
    """
    What was measured in one go.

    Args:
        about: Machine, commit, versions and the time, as they were at the start.
    """

    about: dict[str, Any]
    runs: tuple[Run, ...]

    def candidates(self) -> list[str]:
        return list(dict.fromkeys(run.candidate for run in self.runs))

    def scenarios(self) -> list[Scenario]:
        there = {run.scenario for run in self.runs}
        return [one for one in SCENARIOS if one.name in there]

    def of(self, scenario: str, candidate: str) -> list[Run]:
        return [run for run in self.runs if (run.scenario, run.candidate) == (scenario, candidate)]

    def values(self, scenario: Scenario, candidate: str) -> dict[int, float]:
        """The figure that counts, by round; of clean runs only."""
        found = {run.round: scenario.value(run.result) for run in self.of(scenario.name, candidate) if run.is_clean}
        return {number: value for number, value in found.items() if value is not None}


def new_file(stamp: str, about: dict[str, Any]) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{stamp}.jsonl"
    file.write_text(json.dumps(about) + "\n")
    return file


def append(file: Path, run: Run) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps(attrs.asdict(run)) + "\n")


def read(file: Path) -> Session:
    about, *rest = _lines(file)
    return Session(about, tuple(Run(**line) for line in rest))


def _lines(file: Path) -> Iterator[Any]:
    yield from (json.loads(line) for line in file.read_text().splitlines())


def latest() -> Path | None:
    """The newest file; their names are times and sort."""
    return max(RESULTS.glob("*.jsonl"), default=None)
